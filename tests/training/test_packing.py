"""What the training process gets: what is left of a version, as arrays, for each task."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from collector.models import Photo
from collector.services import photo_withdraw
from labeling.crops import alpha_encode, crop_encode
from labeling.models import Face, KeypointSet, MaskedFace
from ml.data.manifest import read_packed
from ml.data.packed import DataError
from training.datasets import dataset_freeze
from training.models import DatasetVersion
from training.packing import dataset_pack

Accepted = Callable[..., Photo]


def freeze() -> DatasetVersion:
    return dataset_freeze(actor="system")[0]


def test_pack_holds_what_is_left_of_the_version(
    people: list[Photo], tmp_path: Path, private_folder: Path
) -> None:
    version = freeze()
    photo_withdraw(photo=people[0], actor="participant")
    lost = Face.objects.get(photo=people[1])
    (private_folder / lost.crop).unlink()
    out = tmp_path / "pack"
    dataset_pack(version=version, size=48, out=out)
    data = read_packed(out, verify=True)
    assert data.images.shape == (14, 48, 48, 3)
    assert data.classes == ("grin", "tongue")
    items = {str(item.photo_id): item for item in version.items.select_related("photo", "smiley")}
    for index, photo_id in enumerate(data.ids.tolist()):
        item = items[photo_id]
        assert data.classes[data.labels[index]] == item.smiley.slug
        assert (data.persons[index], data.splits[index]) == (str(item.photo.participant_id), item.split)
    assert np.ptp(np.asarray(data.images)) > 100


def test_crop_that_goes_while_it_is_packed_is_left_out(
    people: list[Photo], tmp_path: Path, private_folder: Path
) -> None:
    """The first picture is read from a pipe that withdraws another photo when it is opened: a real race, held still."""
    version = freeze()
    first, last = version.items.order_by("photo_id").first(), version.items.order_by("photo_id").last()
    gone = private_folder / Face.objects.get(photo=last.photo).crop
    pipe = private_folder / Face.objects.get(photo=first.photo).crop
    content = pipe.read_bytes()
    pipe.unlink()
    os.mkfifo(pipe)

    def feed() -> None:
        with pipe.open("wb") as file:  # waits until the packing reads it
            gone.unlink()
            pipe.unlink()
            pipe.write_bytes(content)
            file.write(content)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    dataset_pack(version=version, size=48, out=tmp_path / "pack")
    feeder.join(10)
    ids = read_packed(tmp_path / "pack").ids.tolist()
    assert len(ids) == 15
    assert str(last.photo_id) not in ids


def test_packing_that_is_stopped_leaves_nothing(people: list[Photo], tmp_path: Path) -> None:
    class NotNeededAnyMore(Exception):
        pass

    def stop() -> None:
        raise NotNeededAnyMore

    with pytest.raises(NotNeededAnyMore):
        dataset_pack(version=freeze(), size=48, out=tmp_path / "packs" / "pack", watch=stop)
    assert not (tmp_path / "packs").exists()


# --- keypoints


def points_of(face: Face, source: str, x: float, visible: int = 15) -> None:
    seen = [index < visible for index in range(15)]
    KeypointSet.objects.create(face=face, source=source, points=[[x, 31.5]] * 15, visible=seen)


def test_keypoints_are_a_humans_else_the_meshs_and_never_a_models(
    people: list[Photo], tmp_path: Path
) -> None:
    human, mesh, model, *_ = faces = [Face.objects.get(photo=photo) for photo in people]
    for face in faces[:2]:
        points_of(face, "mesh", 127.5, visible=14)
    points_of(human, "human", 63.5)
    points_of(model, "model", 63.5)
    Face.objects.filter(pk=mesh.pk).update(transform=[[0.5, 0, 10], [0, 0.5, 0]])
    dataset_pack(version=freeze(), task="keypoints", size=96, out=tmp_path / "pack")
    data = read_packed(tmp_path / "pack", verify=True)
    assert set(data.ids.tolist()) == {str(face.photo_id) for face in (human, mesh)}
    points = dict(zip(data.ids.tolist(), data.points, strict=True))
    # The crop has 256 pixels, and pixels are counted from the middle of the first.
    assert points[str(human.photo_id)][0] == pytest.approx([64 * 96 / 256 - 0.5, 32 * 96 / 256 - 0.5])
    assert points[str(mesh.photo_id)][0, 0] == pytest.approx((127.5 / 2 + 10 + 0.5) * 96 / 256 - 0.5)
    assert np.isnan(points[str(mesh.photo_id)][14]).all(), "it cannot be seen"


def test_without_keypoints_there_is_nothing_to_pack(people: list[Photo], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="empty"):
        dataset_pack(version=freeze(), task="keypoints", size=96, out=tmp_path / "pack")


# --- mask removal


def masked(face: Face, seed: int) -> None:
    crop = np.full((256, 256, 3), seed, np.uint8)
    alpha = np.zeros((256, 256), np.uint8)
    alpha[128:] = 255
    image_name = default_storage.save(f"masks/{face.pk}.{seed}.jpg", ContentFile(crop_encode(crop)))
    alpha_name = default_storage.save(f"masks/{face.pk}.{seed}.png", ContentFile(alpha_encode(alpha)))
    MaskedFace.objects.create(face=face, style="cloth", seed=seed, image=image_name, alpha=alpha_name)


def test_pairs_are_all_masked_variants_of_a_face_beside_its_crop(people: list[Photo], tmp_path: Path) -> None:
    """The other crops are of noise, on which no mask fits: they are left out."""
    first, second = (Face.objects.get(photo=photo) for photo in people[:2])
    for face, seed in ((first, 40), (first, 80), (second, 120)):
        masked(face, seed)
    dataset_pack(version=freeze(), task="unmask", size=128, out=tmp_path / "pack")
    data = read_packed(tmp_path / "pack", verify=True)
    assert data.masked is not None
    assert data.alpha is not None
    assert sorted(np.asarray(data.masked).mean(axis=(1, 2, 3)).round().tolist()) == [40, 80, 120]
    assert data.images.shape == (3, 128, 128, 3)
    assert (data.alpha[:][:, :64] == 0).all()
    assert (data.alpha[:][:, 64:] == 255).all()
    assert {name.partition("#")[0] for name in data.ids.tolist()} == {str(people[0].pk), str(people[1].pk)}


def test_faces_without_a_mask_get_one_when_pairs_are_packed(
    accepted: Accepted, tmp_path: Path, private_folder: Path, astronaut: np.ndarray
) -> None:
    face = Face.objects.get(photo=accepted())
    (private_folder / face.crop).write_bytes(crop_encode(astronaut[:256, 96:352]))
    dataset_pack(version=freeze(), task="unmask", size=128, out=tmp_path / "pack")
    assert [kept.face_id for kept in MaskedFace.objects.all()] == [face.pk]
    data = read_packed(tmp_path / "pack")
    assert data.alpha is not None
    assert data.alpha[0].max() == 255
