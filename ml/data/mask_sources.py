"""Pairs for mask removal: faces cut out of photos, and the same faces with synthetic masks on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.data.packed import UNMASK, DataError, PackedData, pack
from ml.data.splits import SHARES, TEST, VALIDATION, split_people
from ml.faces.analyse import AnalysedFace, FaceAnalyser
from ml.masks.styles import draw_style
from ml.masks.synthesize import DegenerateMeshError, NoRoomError, synthesize
from ml.pictures import Picture, UnreadablePicture, read_picture

#: Masks are drawn at this size, whatever the network's: fine cloth, then averaged.
_DRAWN_SIZE = 256


def crop_with_mesh(image: Picture, subject: AnalysedFace, size: int) -> tuple[Picture, NDArray[np.float64]]:
    """A face's crop uint8 [size, size, 3], and its mesh [468, 3] in pixels of that."""
    mesh, transform = subject.mesh.copy(), subject.transform_for(size)
    mesh[:, :2] = transform.apply(mesh[:, :2])
    mesh[:, 2] *= transform.scale
    return subject.crop(image, size), mesh


def masked_pair(
    image: Picture, analyser: FaceAnalyser, rng: np.random.Generator, variants: int
) -> Picture | None:
    """One photo's face, bare and masked: uint8 [variants, 256, 256, 7] (bare RGB, masked RGB, alpha).

    None where there is no face, or none that a mask fits on.
    """
    subject = analyser.analyse(image).subject
    if subject is None:
        return None
    crop, mesh = crop_with_mesh(image, subject, _DRAWN_SIZE)
    pairs = []
    for _ in range(variants):
        try:
            masked = synthesize(crop, mesh, draw_style(rng), rng)
        except (DegenerateMeshError, NoRoomError):
            return None
        pairs.append(np.dstack([crop, masked.image, masked.alpha]))
    return np.stack(pairs)


def mask_pairs(
    rows: list[tuple[Path, str]],
    *,
    size: int,
    ids: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    variants: int = 2,
    seed: int = 0,
    shares: tuple[float, float, float] = SHARES,
    notice: Callable[[str], None] = lambda message: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> PackedData:
    """Put masks on the faces of photos; the people learnt from get several masks each, the others one.

    Args:
        rows: (file, person) of each photo.
        size: side of the crops in pixels.
        ids: of each photo; by default the files' names.
        labels: of each photo, to divide people by, as :func:`ml.data.splits.assign_splits` does.
        variants: masks a face of those learnt from.
        seed: of masks and splits; each photo draws from a stream of its own.
        shares: of people in train, validation and test.
        notice, progress: told what was left out, and (photos done, photos in all).

    Raises:
        DataError: no face in any of them.
    """
    import cv2

    analyser = FaceAnalyser()
    splits = split_people([person for _, person in rows], labels, seed=seed, shares=shares)
    bare: list[Picture] = []
    masked: list[Picture] = []
    alpha: list[Picture] = []
    kept: list[tuple[str, str, str]] = []
    lost = 0
    for done, ((file, person), split) in enumerate(zip(rows, splits, strict=True)):
        progress(done, len(rows))
        rng = np.random.default_rng([seed, done])
        try:
            pairs = masked_pair(
                read_picture(file), analyser, rng, 1 if split in (VALIDATION, TEST) else variants
            )
        except UnreadablePicture:
            pairs = None
        if pairs is None:
            lost += 1
            continue
        for number, pair in enumerate(pairs):
            # OpenCV resizes up to four channels at once.
            small = [
                cv2.resize(np.ascontiguousarray(part), (size, size), interpolation=cv2.INTER_AREA)
                for part in (pair[..., :3], pair[..., 3:6], pair[..., 6])
            ]
            for column, part in zip((bare, masked, alpha), small, strict=True):
                column.append(np.asarray(part, dtype=np.uint8))
            kept.append((f"{ids[done] if ids else file.name}#{number}", person, split))
    progress(len(rows), len(rows))
    if lost:
        notice(f"No face that a mask fits on was found in {lost} of {len(rows)} pictures; they are left out.")
    if not kept:
        raise DataError("None of the pictures shows a face: is this the right folder?")
    pairs_ids, persons, homes = (list(column) for column in zip(*kept, strict=True))
    return pack(
        task=UNMASK, images=np.stack(bare), masked=np.stack(masked), alpha=np.stack(alpha),
        persons=persons, splits=homes, ids=pairs_ids,
    )  # fmt: skip
