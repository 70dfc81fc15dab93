"""What the intake lets in, and what comes out of it. The decoding child is the real one."""

import os
import resource
import signal
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin

from collector.intake.decoder import DecoderPool
from collector.intake.headers import MAX_SCANS, Limits, check_headers
from operations.problems import Problem

from .pictures import (
    QUADRANTS,
    decoded,
    difference,
    encoded,
    exif,
    jpeg_of,
    oriented,
    png_bomb,
    png_header,
    png_of,
    png_text_bomb,
    quadrants,
    scene,
    srgb_profile,
    swapped_profile,
    with_scans,
)

LIMITS = Limits(max_bytes=8 * 2**20, max_pixels=16_000_000, max_side=6000)


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    pool = DecoderPool(processes=1, seconds=5, megabytes=512, max_pixels=LIMITS.max_pixels)
    yield pool
    pool.close()


@pytest.fixture
def hasty_pool() -> Iterator[DecoderPool]:
    pool = DecoderPool(processes=1, seconds=1, megabytes=512, max_pixels=LIMITS.max_pixels)
    yield pool
    pool.close()


def clean(pool: DecoderPool, data: bytes) -> Image.Image:
    check_headers(data, LIMITS)
    picture = pool.clean(data)
    image = decoded(picture.jpeg)
    assert image.format == "JPEG"
    assert image.mode == "RGB"
    assert image.size == (picture.width, picture.height)
    return image


def refused(action: Callable[[], object]) -> Problem | None:
    """The problem with which something was refused. Any other exception fails the test."""
    try:
        action()
    except Problem as problem:
        return problem
    return None


def child_of(pool: DecoderPool) -> int:
    child = pool._children.get()
    pool._children.put(child)
    assert child is not None
    return child._process.pid


# --- what comes out


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_pictures_come_out_upright(pool: DecoderPool, form: str, orientation: int) -> None:
    shown = quadrants()
    data = encoded(oriented(shown, orientation), form, exif=exif(orientation))
    assert difference(clean(pool, data), shown) < 4


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_orientation_that_is_none_is_ignored(pool: DecoderPool, orientation: int) -> None:
    assert difference(clean(pool, jpeg_of(quadrants(), exif=exif(orientation))), quadrants()) < 4


def test_damaged_exif_costs_the_orientation_only(pool: DecoderPool) -> None:
    broken = b"Exif\0\0MM\0*\0\0\0\x08" + b"\xff" * 40
    assert difference(clean(pool, jpeg_of(exif=broken)), scene()) < 3


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("RGB JPEG", jpeg_of()),
        ("progressive JPEG", jpeg_of(progressive=True)),
        ("CMYK JPEG", jpeg_of(scene().convert("CMYK"))),
        ("RGB PNG", png_of()),
        ("RGBA PNG", png_of(scene().convert("RGBA"))),
        ("interlaced palette PNG", png_of(scene().quantize(256))),
        ("lossless WebP", encoded(scene(), "WEBP", lossless=True)),
        ("lossy WebP", encoded(scene(), "WEBP", quality=95)),
        ("WebP with alpha", encoded(scene().convert("RGBA"), "WEBP", lossless=True)),
        ("JPEG with a profile", jpeg_of(icc_profile=srgb_profile())),
        ("JPEG with a broken profile", jpeg_of(icc_profile=b"no profile at all")),
        ("PNG with a profile and alpha", png_of(scene().convert("RGBA"), icc_profile=srgb_profile())),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_colours_survive(pool: DecoderPool, name: str, data: bytes) -> None:
    assert difference(clean(pool, data), scene()) < 9 if "palette" in name else 4


@pytest.mark.parametrize("mode", ["L", "LA", "1", "I;16"])
def test_grey_pictures_come_out_grey_and_as_bright(pool: DecoderPool, mode: str) -> None:
    grey = scene().convert("L")
    if mode == "I;16":
        deep = Image.new("I;16", grey.size)
        deep.putdata([value * 257 for value in grey.get_flattened_data()])
        data, expected = png_of(deep), grey
    else:
        expected = grey.convert(mode).convert("L")
        data = png_of(grey.convert(mode))
    assert difference(clean(pool, data), expected.convert("RGB")) < 6


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_becomes_white(pool: DecoderPool, mode: str) -> None:
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    data = png_of(clear.convert(mode)) if mode != "P" else png_of(Image.new("P", (64, 64)), transparency=0)
    assert clean(pool, data).getpixel((32, 32)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colour_profile_is_applied(pool: DecoderPool, mode: str) -> None:
    red = Image.new("RGB", (64, 64), (200, 40, 40)).convert(mode)
    seen = clean(pool, png_of(red, icc_profile=swapped_profile())).getpixel((32, 32))
    assert seen[1] > seen[0] + 60, (
        f"red and green change places in this profile, and yet it came out as {seen}"
    )


def test_nothing_but_pixels_survives(pool: DecoderPool) -> None:
    data = jpeg_of(
        quadrants(), exif=exif(6), comment=b"<script>alert(1)</script>", icc_profile=srgb_profile()
    )
    data += b"PK\x03\x04 and whatever follows"
    jpeg = pool.clean(data).jpeg
    for trace in (b"script", b"Camera maker", b"Exif", b"ICC_PROFILE", b"PK\x03\x04", b"GPS"):
        assert trace not in jpeg
    image = decoded(jpeg)
    assert isinstance(image, JpegImagePlugin.JpegImageFile)
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert not image.getexif()
    # The exact set of segments: start, JFIF, tables, frame, scan.
    assert {marker for marker, _ in segments(jpeg)} <= {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}


def segments(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    position = 2
    while True:
        marker, length = jpeg[position + 1], struct.unpack_from(">H", jpeg, position + 2)[0]
        yield marker, jpeg[position + 4 : position + 2 + length]
        if marker == 0xDA:
            return
        position += 2 + length


def test_first_of_a_phones_several_pictures_is_the_photo(pool: DecoderPool) -> None:
    depth = Image.new("RGB", (96, 64), (9, 9, 9))
    data = encoded(scene(), "MPO", save_all=True, append_images=[depth], quality=95)
    assert decoded(data).n_frames == 2
    assert difference(clean(pool, data), scene()) < 4


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "I;16"])
def test_the_largest_picture_allowed_fits_into_the_childs_memory(pool: DecoderPool, mode: str) -> None:
    data = png_of(Image.new(mode, (4000, 4000)), exif=exif(6), compress_level=1)
    assert clean(pool, data).size == (4000, 4000)


# --- what is refused


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_truncated_pictures_are_refused(pool: DecoderPool, form: str, share: float) -> None:
    whole = encoded(scene(480, 320), form)
    with pytest.raises(Problem) as refusal:
        clean(pool, whole[: int(len(whole) * share)])
    assert refusal.value.code in ("image_unreadable", "image_type")


@given(
    data=st.binary(max_size=400), start=st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF"])
)
def test_no_bytes_break_the_header_checks(data: bytes, start: bytes) -> None:
    refusal = refused(lambda: check_headers(start + data, LIMITS))
    assert refusal is None or (refusal.code.startswith("image_") and 400 <= refusal.status < 500)


@given(
    form=st.sampled_from(["JPEG", "PNG", "WEBP"]),
    place=st.floats(0, 1),
    noise=st.binary(min_size=1, max_size=8),
)
def test_a_damaged_picture_is_decoded_or_refused_and_nothing_else(
    pool: DecoderPool, form: str, place: float, noise: bytes
) -> None:
    data = bytearray(encoded(scene(), form))
    start = int(place * (len(data) - len(noise)))
    data[start : start + len(noise)] = noise
    refusal = refused(lambda: clean(pool, bytes(data)))
    assert refusal is None or refusal.code.startswith("image_")


@pytest.mark.parametrize(
    ("size", "code"),
    [
        ((6001, 100), "image_dimensions"),
        ((100, 6001), "image_dimensions"),
        ((4001, 4000), "image_dimensions"),
        ((2**31 - 1, 2**31 - 1), "image_dimensions"),
        ((47, 100), "image_too_small"),
        ((0, 0), "image_too_small"),
    ],
)
def test_size_is_judged_before_anything_is_decoded(size: tuple[int, int], code: str) -> None:
    with pytest.raises(Problem) as refusal:
        check_headers(png_header(*size), LIMITS)
    assert refusal.value.code == code


def test_size_that_only_the_decoder_sees_is_refused(pool: DecoderPool) -> None:
    with pytest.raises(Problem) as refusal:
        pool.clean(png_of(Image.new("L", (5000, 5000)), compress_level=9))
    assert refusal.value.code == "image_unreadable"


def test_scans_are_counted() -> None:
    check_headers(with_scans(jpeg_of(), MAX_SCANS), LIMITS)
    with pytest.raises(Problem) as refusal:
        check_headers(with_scans(jpeg_of(), MAX_SCANS + 1), LIMITS)
    assert refusal.value.code == "image_scans"


# --- the child


@pytest.mark.parametrize("data", [png_bomb(400, 400), png_text_bomb()], ids=["pixels", "comment"])
def test_decompression_bomb_is_survived(pool: DecoderPool, data: bytes) -> None:
    assert len(data) < LIMITS.max_bytes
    start = time.monotonic()
    refusal = refused(lambda: pool.clean(data))
    assert refusal is None or refusal.code in ("image_unreadable", "image_costly")
    assert time.monotonic() - start < 5
    assert difference(clean(pool, jpeg_of()), scene()) < 4


def cpu_seconds_of_ended_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_cpu_time_is_limited_and_the_child_replaced(hasty_pool: DecoderPool) -> None:
    hasty_pool.clean(jpeg_of())
    before = child_of(hasty_pool)
    slow = with_scans(jpeg_of(Image.new("RGB", (3000, 3000)), progressive=True), 1000)
    assert len(slow) < LIMITS.max_bytes
    used = cpu_seconds_of_ended_children()
    with pytest.raises(Problem) as refusal:
        hasty_pool.clean(slow)
    assert refusal.value.code == "image_costly"
    # One second for the picture, one for rounding, one for what the child has done before it.
    assert cpu_seconds_of_ended_children() - used < 3
    assert difference(clean(hasty_pool, jpeg_of()), scene()) < 4
    assert child_of(hasty_pool) != before


def test_memory_is_limited() -> None:
    pool = DecoderPool(processes=1, seconds=5, megabytes=200, max_pixels=LIMITS.max_pixels)
    try:
        with pytest.raises(Problem) as refusal:
            pool.clean(png_of(Image.new("RGB", (4000, 4000))))
        assert refusal.value.code == "image_costly"
        assert difference(clean(pool, jpeg_of()), scene()) < 4
    finally:
        pool.close()


def test_who_finds_no_child_free_is_told_to_come_back() -> None:
    pool = DecoderPool(processes=1, seconds=5, megabytes=512, max_pixels=LIMITS.max_pixels, wait_seconds=0.01)
    try:
        busy_child = pool._children.get()
        with pytest.raises(Problem) as refusal:
            pool.clean(jpeg_of())
        assert (refusal.value.code, refusal.value.status, refusal.value.retry_after) == ("busy", 503, 5)
        pool._children.put(busy_child)
        assert difference(clean(pool, jpeg_of()), scene()) < 4
    finally:
        pool.close()


def test_killed_child_is_replaced(pool: DecoderPool) -> None:
    pool.clean(jpeg_of())
    pid = child_of(pool)
    os.kill(pid, signal.SIGKILL)
    # Whether its end was seen before or during the next picture: at most that one is refused.
    refusal = refused(lambda: pool.clean(jpeg_of()))
    assert refusal is None or refusal.code == "image_costly"
    assert difference(clean(pool, jpeg_of()), scene()) < 4
    assert child_of(pool) != pid


def test_child_that_hangs_is_bounded() -> None:
    """A megabyte does not fit into a pipe: the parent must not wait for ever to get rid of it either."""

    def hang(size: int) -> None:
        pool = DecoderPool(processes=1, seconds=1, megabytes=512, max_pixels=LIMITS.max_pixels)
        try:
            pool.clean(jpeg_of())
            os.kill(child_of(pool), signal.SIGSTOP)
            outcomes[size] = refused(lambda: pool.clean(jpeg_of() + b"\0" * size))
            assert difference(clean(pool, jpeg_of()), scene()) < 4
        finally:
            pool.close()

    outcomes: dict[int, Problem | None] = {}
    threads = [threading.Thread(target=hang, args=(size,), daemon=True) for size in (0, 2**20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(12)
    assert [refusal and refusal.code for refusal in outcomes.values()] == ["image_costly", "image_costly"]


def test_nobody_gets_the_answer_to_somebody_elses_picture(pool: DecoderPool) -> None:
    """Whoever is interrupted while a picture is being decoded leaves no answer behind for the next."""

    class Interrupted(Exception):
        pass

    def interrupt(number: int, frame: object) -> None:
        raise Interrupted

    pool.clean(jpeg_of())
    slow = png_of(Image.effect_noise((3000, 3000), 80))
    former = signal.signal(signal.SIGUSR1, interrupt)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
    try:
        timer.start()
        with pytest.raises(Interrupted):
            pool.clean(slow)
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, former)
    assert clean(pool, jpeg_of(quadrants())).size == (96, 64)


def test_children_are_recycled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.intake.decoder._PICTURES_PER_CHILD", 2)
    pool = DecoderPool(processes=1, seconds=5, megabytes=512, max_pixels=LIMITS.max_pixels)
    try:
        pids = []
        for _ in range(5):
            pool.clean(jpeg_of())
            pids.append(child_of(pool))
        assert len(set(pids)) == 3
    finally:
        pool.close()


def test_many_threads_get_their_own_pictures() -> None:
    pool = DecoderPool(processes=2, seconds=5, megabytes=512, max_pixels=LIMITS.max_pixels)
    wrong = []

    def send(side: int) -> None:
        for _ in range(10):
            if pool.clean(jpeg_of(scene(side, side))).width != side:
                wrong.append(side)

    threads = [threading.Thread(target=send, args=(50 + number,)) for number in range(8)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        pool.close()
    assert not wrong


def test_child_sees_nothing_of_our_environment(pool: DecoderPool) -> None:
    pool.clean(jpeg_of())
    with open(f"/proc/{child_of(pool)}/environ", "rb") as file:
        assert b"SECRET" not in file.read()


def test_quadrants_differ() -> None:
    """The picture by which turning is judged looks different in each of its eight positions."""
    positions = {oriented(quadrants(64, 64), orientation).tobytes() for orientation in range(1, 9)}
    assert len(positions) == 8
    assert len(set(QUADRANTS.values())) == 3
