"""How fast, how frugal and how right is the way from a photo to its faces?

    python bench/faces.py [--photos 60] [--memory 5000] [--accuracy]

Speed: JPEG bytes of 1280×720 → face, mesh, crop, quality, keypoints, on one core, with the time of each stage; in the
same run OpenCV's Haar cascade beside it, and MTCNN and dlib (HOG detector with 68 points) where they are installed.
Memory: resident after every thousand photos. Accuracy: share of the sample photos with a face, and of pictures without
one in which a face is seen. The scenes are made of scikit-image's astronaut; the samples are read from
``SMIELFY_SAMPLES`` (default ``../shared/samples``).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage
import skimage.data

from ml.faces.analyse import FaceAnalyser
from ml.faces.crop import align, warp
from ml.faces.detect import detect
from ml.faces.mesh import fit_mesh
from ml.faces.phash import perceptual_hash
from ml.faces.pose import pose_from_mesh
from ml.faces.quality import MEASURING_SIZE, exposure, sharpness
from ml.landmarks import keypoints_from_mesh
from ml.pictures import Halves, Picture, UnreadablePicture, read_picture

#: How often each photo is measured: other programs on the machine can only slow one down.
ROUNDS = 3
SAMPLES = Path(os.environ.get("SMIELFY_SAMPLES", "../shared/samples"))


def scenes(count: int) -> list[bytes]:
    """Selfie-like JPEGs of 1280×720: the astronaut, 200 to 270 pixels from brow to chin, somewhere."""
    random = np.random.default_rng(0)
    face = skimage.data.astronaut()[20:276, 100:356]
    y, x = np.mgrid[:720, :1280]
    files = []
    for _ in range(count):
        tone = (np.sin(x / random.uniform(40, 300)) + np.cos(y / random.uniform(40, 300))) * 30 + 120
        scene = np.clip(tone[..., None] + random.normal(0, 6, (720, 1280, 3)), 0, 255).astype(np.uint8)
        side = int(random.integers(540, 720))  # the face is then 200 to 270 pixels high
        left, top = int(random.integers(0, 1280 - side)), int(random.integers(0, 720 - side + 1))
        scene[top : top + side, left : left + side] = cv2.resize(face, (side, side))
        files.append(cv2.imencode(".jpg", scene[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    return files


def per_photo(work: Callable[[Any], Any], inputs: list[Any], rounds: int = ROUNDS) -> tuple[float, list[Any]]:
    """Milliseconds of processor time a photo, of each the fastest round, and what came out."""
    results = [work(item) for item in inputs]
    fastest = [float("inf")] * len(inputs)
    for _ in range(rounds):
        for index, item in enumerate(inputs):
            began = time.process_time()
            work(item)
            fastest[index] = min(fastest[index], time.process_time() - began)
    return sum(fastest) / len(inputs) * 1e3, results


def speed(count: int) -> None:
    files = scenes(count)
    analyser = FaceAnalyser()
    whole, analyses = per_photo(lambda file: analyser.analyse(read_picture(file)), files)
    found = sum(bool(analysis.faces) for analysis in analyses)
    decoding, images = per_photo(read_picture, files)
    # The halves of a picture are made once and shared, as in the whole; here by the first who needs them.
    detecting, faces = per_photo(detect, images)
    shared = [Halves(image) for image in images]
    for halves in shared:
        halves.shrink(128, 72)
    hashing, _ = per_photo(lambda halves: perceptual_hash(images[0], halves=halves), shared)
    pairs = [(image, seen[0]) for image, seen in zip(images, faces, strict=True) if seen]
    meshing, meshes = per_photo(lambda pair: fit_mesh(*pair), pairs)
    cropping, crops = per_photo(
        lambda p: warp(p[0], align(p[1].points, MEASURING_SIZE), MEASURING_SIZE), pairs
    )
    crop256, _ = per_photo(lambda p: warp(p[0], align(p[1].points, 256), 256), pairs)
    measuring, _ = per_photo(lambda crop: (sharpness(crop), exposure(crop)), crops)
    pointing, _ = per_photo(lambda m: (pose_from_mesh(m.points), keypoints_from_mesh(m.points)), meshes)

    print(
        f"{count} photos of 1280×720, processor time on one core, of each the fastest of {ROUNDS} rounds;"
        f" load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n"
    )
    print(
        f"{'from JPEG bytes to all results':44}{whole:8.2f} ms {1000 / whole:8.0f} photos/s   (≥ 100)  face in {found}"
    )
    for name, cost in {
        "decoding": decoding,
        "detection": detecting,
        "mesh": meshing,
        "crop for the measures": cropping,
        "sharpness, exposure": measuring,
        "pose, keypoints": pointing,
        "perceptual hash": hashing,
        "(crop of 256 pixels, when it is kept)": crop256,
    }.items():
        print(f"    {name:40}{cost:8.2f} ms")
    print("\nbeside it, detection from a decoded picture")
    print(
        f"    {'ours':40}{detecting:8.2f} ms {1000 / detecting:8.0f} photos/s   face in {sum(map(bool, faces))}"
    )
    for name, look in peers():
        some = images[: min(len(images), 20)]
        cost, seen = per_photo(look, some, rounds=1)
        print(f"    {name:40}{cost:8.2f} ms {1000 / cost:8.1f} photos/s   face in {sum(seen)} of {len(some)}")


def peers() -> Iterator[tuple[str, Callable[[Picture], bool]]]:
    """Other detectors: (name, picture → whether it sees a face)."""
    cv2.setNumThreads(1)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")

    def haar(image: Picture) -> bool:
        return len(cascade.detectMultiScale(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 1.1, 5)) > 0

    yield "OpenCV Haar cascade", haar
    try:
        from mtcnn import MTCNN

        network = MTCNN()
        yield "MTCNN", lambda image: bool(network.detect_faces(image))
    except ImportError:
        print("    MTCNN is not installed (pip install mtcnn)")
    try:
        import dlib

        hog = dlib.get_frontal_face_detector()
        yield "dlib HOG, without points", lambda image: len(hog(image, 0)) > 0
        if points := os.environ.get("DLIB_68_POINTS"):
            shape = dlib.shape_predictor(points)
            yield "dlib HOG + 68 points", lambda image: any(shape(image, box) for box in hog(image, 0))
    except ImportError:
        print("    dlib is not installed (pip install dlib)")


def resident() -> float:
    """Resident memory of this process in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("This system does not tell the resident memory.")


def memory(count: int) -> None:
    print(f"\nresident memory over {count} photos")
    files = scenes(40)
    analyser = FaceAnalyser()
    for done in range(count + 1):
        if done % max(count // 5, 1) == 0 or done == 100:
            print(f"    after {done:6}: {resident():7.1f} MB", flush=True)
        analyser.analyse(read_picture(files[done % len(files)]))


def accuracy() -> None:
    analyser = FaceAnalyser()
    print("\nshare of pictures in which a face is found")
    for folder in ("photos", "selfies"):
        files = sorted((SAMPLES / folder).glob("*.jpg"))
        analyses = [analyser.analyse(read_picture(file)) for file in files]
        found = sum(bool(analysis.faces) for analysis in analyses)
        flags: dict[str, int] = {}
        for analysis in analyses:
            for flag in analysis.flags:
                flags[flag] = flags.get(flag, 0) + 1
        print(f"    {folder}: {found} of {len(files)} = {found / max(len(files), 1):.2%}; flags {flags}")
    pictures = list(faceless())
    seen = sum(bool(analyser.analyse(picture).faces) for picture in pictures)
    unsure = sum(bool(detect(picture)) for picture in pictures)
    print(
        f"    without a face: {seen} of {len(pictures)} = {seen / len(pictures):.2%} (detector alone {unsure})"
    )


def faceless() -> Iterator[Picture]:
    """500 pictures of anything but faces: noise, patterns, textures, objects, and cuttings without a face."""
    random = np.random.default_rng(0)
    small = np.load(Path(skimage.__file__).parent / "data" / "lfw_subset.npy")[100:]
    for grey in small:
        picture = np.repeat(np.clip(grey * 255, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
        yield cv2.resize(picture, (240, 240), interpolation=cv2.INTER_CUBIC)
    texts = []
    for name in ("brick", "grass", "gravel", "coins", "text", "page", "clock", "camera", "moon", "cell", "coffee",
                 "rocket", "chelsea", "hubble_deep_field", "immunohistochemistry", "colorwheel", "logo"):  # fmt: skip
        try:
            picture = np.asarray(getattr(skimage.data, name)())
        except Exception:
            continue  # not in this wheel, and there is no network
        picture = picture[..., :3] if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
        if picture.dtype == np.uint8 and name != "camera":  # the cameraman has a face
            texts.append(picture)
    for index in range(200):
        picture = texts[index % len(texts)]
        side = int(random.integers(60, min(picture.shape[:2]) + 1))
        top, left = (int(random.integers(0, length - side + 1)) for length in picture.shape[:2])
        yield cv2.resize(picture[top : top + side, left : left + side], (int(random.integers(100, 700)),) * 2)
    for index in range(200):
        side = int(random.integers(64, 640))
        noise = random.normal(0, 1, (side, side, 3))
        blurred = cv2.GaussianBlur(noise, (0, 0), [0.1, 1, 3, 8, 20][index % 5])
        scaled = (blurred - blurred.min()) / (np.ptp(blurred) + 1e-9) * 255
        if index % 2:
            for _ in range(12):
                center = tuple(int(v) for v in random.integers(0, side, 2))
                colour = tuple(float(v) for v in random.uniform(0, 255, 3))
                cv2.circle(scaled, center, int(random.integers(3, side // 4)), colour, -1)
        yield scaled.astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument(
        "--memory", type=int, default=0, metavar="PHOTOS", help="watch the memory over so many"
    )
    parser.add_argument(
        "--accuracy", action="store_true", help="on the sample photos and on pictures without faces"
    )
    options = parser.parse_args()
    cv2.setNumThreads(1)
    speed(options.photos)
    if options.memory:
        memory(options.memory)
    if options.accuracy:
        try:
            accuracy()
        except UnreadablePicture as error:
            raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
