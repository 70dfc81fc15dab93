"""Films for the tests: a real face that moves, turns and comes nearer, alone or beside itself; and damaged files."""

import struct

import cv2
import numpy as np

from ml.video import quiet_decoders

FPS = 24.0


def wall(width, height):
    """What is behind the faces: uint8 [height, width, 3]."""
    y, x = np.mgrid[:height, :width]
    return np.stack([90 + 80 * x / width, 100 + 70 * y / height, 150 - 60 * x / width], axis=2).astype(
        np.uint8
    )


def frames(astronaut, count, *, width=480, height=360, faces=1, still=False):
    """RGB frames [height, width, 3] of the astronaut over a plain wall; with two faces the second is mirrored."""
    portrait = np.ascontiguousarray(astronaut[20:270, 110:340])
    behind = wall(width, height)
    for number in range(count):
        time = 0.0 if still else number / FPS
        frame = behind.copy()
        for place in range(faces):
            scale = height / 420 * (1 + 0.12 * np.sin(2 * time + place))
            matrix = cv2.getRotationMatrix2D((115, 110), 8 * np.sin(3 * time + place), scale)
            middle = (0.5 if faces == 1 else 0.25 + 0.5 * place) * width + 0.04 * width * np.sin(2.5 * time)
            matrix[:, 2] += middle - 115, 0.47 * height - 110
            source = portrait[:, ::-1] if place else portrait
            inside = cv2.warpAffine(np.full(source.shape[:2], 255, np.uint8), matrix, (width, height))
            pasted = cv2.warpAffine(np.ascontiguousarray(source), matrix, (width, height))
            frame[inside > 250] = pasted[inside > 250]
        yield frame


def write(path, pictures, *, fps=FPS):
    """A film of these frames, in the codec that goes with the file's ending."""
    quiet_decoders()
    codec = {".avi": "XVID"}.get(path.suffix, "mp4v")
    writer = None
    for picture in pictures:
        if writer is None:
            size = picture.shape[1], picture.shape[0]
            writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), fps, size)
            assert writer.isOpened()
        writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def index_first(data):
    """An MP4 with its index before its frames, as sites send it, so that a part of the file can be played."""
    boxes, at = {}, 0
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        boxes[data[at + 4 : at + 8]] = data[at : at + length]
        at += length
    index = bytearray(boxes.pop(b"moov"))
    at = index.index(b"stco")
    (count,) = struct.unpack(">I", index[at + 8 : at + 12])
    for entry in range(at + 12, at + 12 + 4 * count, 4):
        (offset,) = struct.unpack(">I", index[entry : entry + 4])
        index[entry : entry + 4] = struct.pack(">I", offset + len(index))
    start = boxes.pop(b"ftyp")
    return start + bytes(index) + b"".join(boxes.values())


def quarter_turned(data):
    """An MP4 whose frames are to be shown turned by 90° clockwise, as phones held upright say it."""
    at = data.index(b"tkhd") + 4 + 40
    matrix = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    return data[:at] + matrix + data[at + 36 :]


def sound_alone(path, seconds=1):
    """A WAV of silence: a file with sound and no picture."""
    samples = b"\x00\x00" * 8000 * seconds
    head = b"RIFF" + struct.pack("<I", 36 + len(samples)) + b"WAVEfmt "
    head += struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    path.write_bytes(head + b"data" + struct.pack("<I", len(samples)) + samples)
    return path
