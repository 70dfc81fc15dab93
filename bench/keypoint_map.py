"""Which few mesh points, mixed how, come nearest to each of the 15 hand-placed points?

    python -m bench.keypoint_map [--folds 5] [--terms 3]

Reads ``keypoints.csv.gz`` of the sample folder (``SMIELFY_SAMPLES``, default ``../shared/samples``), fits the
mesh to every crop, chooses mixtures (weights that sum to 1, the same for x and y, mirrored for left and
right, so that the map follows any shift, turn and scale), measures them on people left out of the choice, and
prints the table that ``ml/landmarks.py`` holds. Nothing of the pictures is kept.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
from pathlib import Path

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from bench._meshes import upright
from ml.faces.detect import detect
from ml.faces.mesh import fit_mesh
from ml.landmarks import FLIP_PERMUTATION, KEYPOINT_NAMES, MESH_MAP, keypoints_from_mesh

SIZE = 96
#: One of each pair, and the points on the middle line.
ONE_SIDE = (0, 2, 3, 6, 7, 10, 11, 13, 14)
#: How far a mixture may reach, in distances of the eye centres.
REACH = 0.3
#: Nearer for the middle of an eye: mixed from the lid and the cheek it would move when the eye opens wide.
REACH_OF = {0: 0.2}
#: Mesh points that lie where the labels' own points are said to lie: what they differ by on average is the
#: labels'.
COUNTERPARTS = {2: 362, 3: 263, 4: 133, 5: 33, 11: 291, 12: 61, 13: 0, 14: 17}


def load(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Persons [N], meshes [N, 468, 3] and labels [N, 15, 2] of every crop on which a face is found."""
    csv.field_size_limit(10_000_000)
    persons, meshes, labels, lost = [], [], [], 0
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            grey = np.array(row["Image"].split(), np.uint8).reshape(SIZE, SIZE)
            # The crops end at the brows; the detector needs to see where the head ends.
            wide = cv2.cvtColor(
                cv2.copyMakeBorder(grey, 48, 48, 48, 48, cv2.BORDER_CONSTANT), cv2.COLOR_GRAY2RGB
            )
            faces = detect(wide)
            if not faces:
                lost += 1
                continue
            mesh = fit_mesh(wide, max(faces, key=lambda face: face.box.area)).points
            persons.append(row["person"])
            meshes.append(mesh - [48, 48, 0])
            labels.append([[float(row[f"{name}_{axis}"]) for axis in "xy"] for name in KEYPOINT_NAMES])
    print(f"{len(persons)} crops of {len(set(persons))} people; no face on {lost}")
    return np.array(persons), np.array(meshes), np.array(labels)


def mirror(meshes: np.ndarray) -> np.ndarray:
    """Which mesh point is which when the face is mirrored [468], from the symmetry of the average mesh."""
    mean = upright(meshes).mean(axis=0)
    across = mean[263] - mean[33]
    across /= np.linalg.norm(across)
    down = mean[152] - mean[10]
    down -= across * (across @ down)
    down /= np.linalg.norm(down)
    framed = (mean - (mean[33] + mean[263]) / 2) @ np.array([across, down, np.cross(across, down)]).T
    for _ in range(3):
        other = framed * [-1, 1, 1]
        _, partner = linear_sum_assignment(((framed[:, None] - other[None]) ** 2).sum(axis=-1))
        framed = (framed + other[partner]) / 2
    return partner


def solve(points: np.ndarray, target: np.ndarray, chosen: list[int], weight: np.ndarray) -> np.ndarray:
    """Weighted least squares for mixing weights that sum to 1. points [468, N, 2], target [N, 2]."""
    if len(chosen) == 1:
        return np.ones(1)
    base = points[chosen[0]]
    wanted = ((target - base) * weight[:, None]).reshape(-1)
    others = ((points[chosen[1:]] - base) * weight[None, :, None]).reshape(len(chosen) - 1, -1)
    gram = others @ others.T + 1e-4 * (weight @ weight) * np.eye(len(others))
    free = np.linalg.solve(gram, others @ wanted)
    return np.concatenate([[1 - free.sum()], free])


def robust(points: np.ndarray, target: np.ndarray, chosen: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Weights with the least mean distance (reweighted: wild labels must not lead), and distances."""
    weight = np.ones(len(target))
    for _ in range(12):
        mix = solve(points, target, chosen, weight)
        distance = np.linalg.norm(np.tensordot(mix, points[chosen], axes=1) - target, axis=1)
        weight = 1 / np.sqrt(np.maximum(distance, 0.01))
    return mix, distance


def choose(
    points: np.ndarray, target: np.ndarray, terms: int, reach: float, sample: np.ndarray
) -> dict[int, float]:
    """Add one mesh point after the other, each time the one that helps most."""
    chosen: list[int] = []
    mix = np.ones(1)
    distance = np.ones(len(target))
    near = list(range(points.shape[0]))
    for _ in range(terms):
        weight = 1 / np.sqrt(np.maximum(distance, 0.01))
        rated = []
        for candidate in (c for c in near if c not in chosen):
            trial = [*chosen, candidate]
            part = points[:, sample]
            rough = solve(part, target[sample], trial, weight[sample])
            if rough.min() < 0.02:
                continue  # a mean of places on the face, never an extrapolation beyond them
            error = np.tensordot(rough, part[trial], axes=1) - target[sample]
            rated.append((float((np.linalg.norm(error, axis=1) * weight[sample] ** 2).sum()), candidate))
        trials = [(robust(points, target, [*chosen, c]), c) for _, c in sorted(rated)[:8]]
        trials = [trial for trial in trials if trial[0][0].min() >= 0.02]
        if not trials:
            break
        (mix, distance), best = min(trials, key=lambda trial: float(trial[0][1].mean()))
        chosen.append(best)
        # Only neighbours may join: a far point would drag the keypoint along when another part of the face
        # moves, which the labelled frames (people talking) hardly show and smileys are all about.
        beside = np.linalg.norm(points - points[chosen[0]], axis=2).mean(axis=1)
        near = np.flatnonzero(beside < reach).tolist()
    return dict(zip(chosen, (float(w) for w in mix), strict=True))


def fit(meshes: np.ndarray, labels: np.ndarray, partner: np.ndarray, terms: int) -> list[dict[int, float]]:
    """A mixture for each of the 15 points, from the given crops and their mirror images."""
    eyes = np.linalg.norm(labels[:, 0] - labels[:, 1], axis=1)
    xy = meshes[:, :, :2]
    both = np.concatenate([xy, (xy * [-1, 1])[:, partner]]) / np.tile(eyes, 2)[:, None, None]
    want = np.concatenate([labels, (labels * [-1, 1])[:, FLIP_PERMUTATION]]) / np.tile(eyes, 2)[:, None, None]
    sample = np.random.default_rng(0).permutation(len(want))[:600]
    table: list[dict[int, float]] = [{} for _ in KEYPOINT_NAMES]
    for point in ONE_SIDE:
        table[point] = choose(
            both.transpose(1, 0, 2), want[:, point], terms, REACH_OF.get(point, REACH), sample
        )
        other = FLIP_PERMUTATION[point]
        if other != point:
            table[other] = {int(partner[i]): w for i, w in table[point].items()}
    return table


def place(table: list[dict[int, float]], meshes: np.ndarray) -> np.ndarray:
    """The 15 points [N, 15, 2] that a table makes of meshes [N, 468, 3]."""
    return np.stack(
        [np.tensordot(meshes[:, list(m), :2], np.array(list(m.values())), axes=([1], [0])) for m in table],
        axis=1,
    )


def offset_of(meshes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """By how much the labels as a whole lie beside the picture: (dx, dy) in pixels of the 96×96 crop."""
    return np.mean([labels[:, k] - meshes[:, m, :2] for k, m in COUNTERPARTS.items()], axis=(0, 1))


def errors(found: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Distances over the distance of the labelled eye centres [N, 15]."""
    eyes = np.linalg.norm(labels[:, 0] - labels[:, 1], axis=1)
    return np.linalg.norm(found - labels, axis=2) / eyes[:, None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--terms", type=int, default=3, help="mesh points in a mixture")
    options = parser.parse_args()
    samples = Path(os.environ.get("SMIELFY_SAMPLES", "../shared/samples"))
    persons, meshes, labels = load(samples / "keypoints.csv.gz")
    partner = mirror(meshes)
    print("mean offset of the labels against the picture:", offset_of(meshes, labels).round(2), "px")

    people = np.unique(persons)
    np.random.default_rng(0).shuffle(people)
    rows = {
        name: np.zeros((len(labels), 15)) for name in ("raw", "shifted", "mean face", "table now, shifted")
    }
    for fold in np.array_split(people, options.folds):
        test = np.isin(persons, fold)
        offset = offset_of(meshes[~test], labels[~test])
        table = fit(meshes[~test], labels[~test] - offset, partner, options.terms)
        found = place(table, meshes[test])
        rows["raw"][test] = errors(found, labels[test])
        rows["shifted"][test] = errors(found + offset, labels[test])
        rows["mean face"][test] = errors(
            np.repeat(labels[~test].mean(axis=0)[None], test.sum(), 0), labels[test]
        )
        now = np.stack([keypoints_from_mesh(mesh) for mesh in meshes[test]])
        rows["table now, shifted"][test] = errors(now + offset, labels[test])
    print(f"{'NME, people left out':32}" + "".join(f"{name:>20}" for name in rows))
    for point, name in enumerate(KEYPOINT_NAMES):
        print(f"{name:32}" + "".join(f"{row[:, point].mean():20.4f}" for row in rows.values()))
    print(f"{'all':32}" + "".join(f"{row.mean():20.4f}" for row in rows.values()))

    print("\nfitted on everybody:")
    table = fit(meshes, labels - offset_of(meshes, labels), partner, options.terms)
    for name, mixture in zip(KEYPOINT_NAMES, table, strict=True):
        print(f"    # {name}\n    {{{', '.join(f'{i}: {w:.3f}' for i, w in mixture.items())}}},")
    print("\nin use:", MESH_MAP)


if __name__ == "__main__":
    main()
