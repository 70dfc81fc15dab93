"""Any picture becomes one upright RGB array or a named error."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from ml.pictures import Halves, UnreadablePicture, read_picture, resize_squares, shrink


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def upright():
    """Red top left, green top right, blue bottom left, white bottom right; 60×40."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:20, :30] = [255, 0, 0]
    pixels[:20, 30:] = [0, 255, 0]
    pixels[20:, :30] = [0, 0, 255]
    pixels[20:, 30:] = 255
    return pixels


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation):
    undo = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p),
        7: lambda p: np.rot90(p.transpose(1, 0, 2), 2),
        8: lambda p: np.rot90(p, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](upright())))
    image = read_picture(encoded(stored, "JPEG", quality=98, subsampling=0, exif=exif))
    assert image.shape == (40, 60, 3)
    assert np.abs(image[5, 5].astype(int) - [255, 0, 0]).max() < 12
    assert np.abs(image[5, 55].astype(int) - [0, 255, 0]).max() < 12
    assert np.abs(image[35, 5].astype(int) - [0, 0, 255]).max() < 12


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 1}], ids=str
)
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_jpegs_are_what_pillow_makes_of_them_to_the_bit(astronaut, options, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(astronaut[:377, :501]), "JPEG", quality=85, exif=exif, **options)
    with Image.open(io.BytesIO(content)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(read_picture(content), expected)


def test_halves_are_shared_and_give_what_each_alone_would():
    image = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), dtype=np.uint8)
    halves = Halves(image)
    for size in ((32, 32), (128, 72), (640, 360), (1000, 700), (33, 31)):
        assert np.array_equal(halves.shrink(*size), shrink(image, *size))


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1"])
def test_every_mode_becomes_rgb(mode):
    kind = "TIFF" if mode == "CMYK" else "PNG"
    image = read_picture(encoded(Image.fromarray(upright()).convert(mode), kind))
    assert image.shape == (40, 60, 3)
    assert image.dtype == np.uint8
    assert image[35, 55].tolist() == [255, 255, 255]


def test_sixteen_bits_are_scaled_not_cut():
    grey = np.linspace(0, 65535, 256, dtype=np.uint16).reshape(16, 16)
    image = read_picture(encoded(Image.fromarray(grey)))
    assert image[0, 0].tolist() == [0, 0, 0]
    assert image[15, 15].tolist() == [255, 255, 255]
    assert image[8, 0, 0] == pytest.approx(128, abs=1)


def test_transparency_is_laid_on_white():
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert read_picture(encoded(clear))[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("size", [(1, 1), (10000, 10), (1, 3000)])
def test_odd_sizes_are_read(size):
    assert read_picture(encoded(Image.new("RGB", size))).shape == (size[1], size[0], 3)


def jpeg():
    noise = np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8)
    return encoded(Image.fromarray(noise), "JPEG")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        jpeg()[:400],
        jpeg()[:-600],
        jpeg()[:-1],
        b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
        b"<svg xmlns='x'/>",
    ],
    ids=["empty", "text", "header", "truncated", "without its last byte", "png-rubbish", "svg"],
)
def test_what_is_no_picture_is_a_named_error(content):
    with pytest.raises(UnreadablePicture, match=r"\."):
        read_picture(content)


def test_a_file_that_is_missing_or_a_folder_is_a_named_error(tmp_path):
    with pytest.raises(UnreadablePicture, match="not there"):
        read_picture(tmp_path / "none.jpg")
    with pytest.raises(UnreadablePicture, match="folder"):
        read_picture(tmp_path)


def test_too_many_pixels_are_refused_before_they_are_decoded():
    with pytest.raises(UnreadablePicture, match="scale it down"):
        read_picture(encoded(Image.new("1", (20000, 20000))))
    with pytest.raises(UnreadablePicture, match="scale it down"):
        read_picture(encoded(Image.new("L", (200, 200))), max_pixels=100)


def test_squares_shrink_by_area():
    checks = np.indices((96, 96)).sum(axis=0) % 2 * 255
    small = resize_squares(checks.astype(np.uint8)[None], 48, 3)
    assert small.shape == (1, 48, 48, 3)
    assert np.abs(small.astype(int) - 127).max() <= 1


def test_colour_and_grey_are_made_of_each_other():
    picture = upright()[:, :40][None]
    assert resize_squares(picture, 40, 1).shape == (1, 40, 40, 1)
    assert resize_squares(resize_squares(picture, 40, 1), 20, 3).shape == (1, 20, 20, 3)
    with pytest.raises(ValueError, match="Square"):
        resize_squares(upright()[None], 48)
