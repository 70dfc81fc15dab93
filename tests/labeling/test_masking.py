"""Masked variants of faces: made once, erased with their photo, shown to owner and staff."""

import io
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from PIL import Image

from collector.models import Photo
from collector.services import photo_withdraw
from labeling.analysis import photo_analyse
from labeling.flags import WORDS, chips, hints
from labeling.masking import face_mask, masks_wanted
from labeling.models import Face, MaskedFace
from labeling.overlay import overlay_svg
from operations.jobs import running
from operations.models import Job
from operations.problems import Problem
from tests.collector.conftest import Browser
from training.masks import dataset_mask

pytestmark = pytest.mark.django_db


@pytest.fixture
def face(photo: Photo) -> Face:
    found = photo_analyse(photo_id=photo.pk)
    assert found is not None
    return found


def pixels(name: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(default_storage.open(name).read())))


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "masks").rglob("*") if path.is_file()]


def test_pair_is_aligned_and_differs_under_the_mask_only(face: Face) -> None:
    masked = face_mask(face=face, style="surgical-blue", seed=7)
    crop, image, alpha = pixels(face.crop), pixels(masked.image), pixels(masked.alpha)
    assert crop.shape == image.shape == (256, 256, 3)
    assert alpha.shape == (256, 256)
    covered = alpha > 128
    assert 0.1 < covered.mean() < 0.6
    change = np.abs(crop.astype(int) - image).mean(axis=2)
    assert change[covered].mean() > 10 * change[alpha == 0].mean()  # what JPEG itself costs


def test_same_style_and_seed_are_the_same_masked_face(face: Face, private_folder: Path) -> None:
    first = face_mask(face=face, style="ffp2", seed=1)
    assert face_mask(face=face, style="ffp2", seed=1) == first
    assert MaskedFace.objects.count() == 1
    assert len(files(private_folder)) == 2


def test_unknown_style_names_those_there_are(face: Face) -> None:
    with pytest.raises(Problem, match="surgical-blue"):
        face_mask(face=face, style="paper-bag", seed=1)


def test_wanted_masks_are_made_up_to_their_number(face: Face) -> None:
    assert masks_wanted(face_id=face.pk, count=2) == 2
    assert masks_wanted(face_id=face.pk, count=3) == 1
    assert masks_wanted(face_id=face.pk, count=3) == 0
    assert len(set(face.masked.values_list("seed", flat=True))) == 3


def test_masks_go_with_the_photo(face: Face, private_folder: Path) -> None:
    face_mask(face=face, style="kn95", seed=1)
    photo_withdraw(photo=face.photo, actor="participant")
    for job in Job.objects.filter(kind="collector.erase_files"):
        running.run(str(job.pk))
    assert not MaskedFace.objects.exists()
    assert files(private_folder) == []


def test_withdrawn_face_gets_no_mask_and_leaves_no_file(face: Face, private_folder: Path) -> None:
    Photo.objects.filter(pk=face.photo_id).delete()
    with pytest.raises(Problem) as told:
        face_mask(face=face, style="kn95", seed=1)
    assert told.value.code == "face_gone"
    assert files(private_folder) == []


def test_data_set_without_faces_has_nothing_to_mask(db: Any) -> None:
    assert dataset_mask(number=1, after=None) is None
    assert masks_wanted(face_id=uuid.uuid4(), count=1) == 0


def test_overlay_shows_mesh_keypoints_box_and_crop(face: Face) -> None:
    drawing = overlay_svg(face.photo)
    assert drawing.count("<circle") == 468 + 15
    assert drawing.count("<rect") == drawing.count("<polygon") == 1
    assert "style=" not in drawing


def test_photo_page_tells_what_is_known(face: Face, client: Any, staff: Any) -> None:
    face_mask(face=face, style="cloth-dots", seed=3)
    client.force_login(staff("mona", role="manager"), backend="django.contrib.auth.backends.ModelBackend")
    page = f"/admin/collector/photo/{face.photo_id}/change/"
    shown = client.get(page, secure=True).content.decode()
    assert "cloth-dots" in shown
    assert "labeling.analyse_photo" in shown
    assert "<option>kn95-valve</option>" in shown
    made = client.post(f"/admin/photos/{face.photo_id}/mask/", {"style": "gas-mask"}, secure=True)
    assert made.headers["Location"] == page
    assert MaskedFace.objects.filter(style="gas-mask").exists()


def test_volunteer_is_told_what_helps(face: Face) -> None:
    browser = Browser(face.photo.participant)
    face.photo.analysis.flags = {"dark": 31.0, "tilted": 40.0}
    face.photo.analysis.save()
    told = browser.get(f"/api/v1/photos/{face.photo_id}/").json()
    assert told["hints"] == ["It is dark. Turn towards a window or a lamp."]


def test_every_flag_of_the_detectors_has_words() -> None:
    import inspect

    from ml.faces import analyse, quality

    source = inspect.getsource(quality.face_flags) + inspect.getsource(analyse.FaceAnalyser)
    raised = {name for name in WORDS if f'"{name}"' in source}
    assert raised == set(WORDS)
    assert hints({}) == chips({}) == []
    assert [chip.label for chip in chips({"brand_new": 1.0})] == ["brand new"]
