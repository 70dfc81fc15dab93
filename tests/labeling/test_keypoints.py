"""A human's keypoints win everywhere, and nothing overwrites them."""

from collections.abc import Callable
from typing import Any

import pytest

from collector.models import Photo
from collector.services import photo_withdraw
from labeling.keypoints import (
    POINTS,
    face_proposed,
    keypoints_best,
    keypoints_best_of,
    keypoints_place,
    keypoints_propose,
)
from labeling.models import Face, KeypointDoubt, KeypointSet
from operations.models import AuditEvent
from operations.problems import Problem
from tests.collector.conftest import Browser, problem

pytestmark = pytest.mark.database

VISIBLE = [True] * POINTS
TURNED = [[0.0, -0.5, 200.0], [0.5, 0.0, 10.0]]  # photo to crop: a quarter turn, half the size


def points(x: float = 100.0, y: float = 100.0) -> list[list[float]]:
    return [[x + index, y] for index in range(POINTS)]


@pytest.fixture
def face(seen_photo: Callable[..., Photo]) -> Face:
    face = seen_photo().faces.get()
    face.transform = TURNED
    face.save()
    KeypointSet.objects.create(face=face, source="mesh", points=points(20, 60), visible=VISIBLE)
    return face


def test_a_humans_points_are_kept_in_the_photos_pixels(face: Face, staff: Any) -> None:
    given = points()
    keypoints_place(face=face, points=given, visible=[False, *VISIBLE[1:]], reviewer=staff("mona"))
    kept = KeypointSet.objects.get(face=face, source="human")
    x, y = kept.points[0]
    assert (-0.5 * y + 200, 0.5 * x + 10) == pytest.approx(given[0])
    assert kept.visible == [False, *VISIBLE[1:]]
    assert AuditEvent.objects.filter(action="keypoints_placed", subject=f"photo:{face.photo_id}").exists()


@pytest.mark.parametrize("outside", [(-0.1, 5), (256.1, 5), (5, -0.1), (5, 300)])
def test_a_point_outside_the_crop_is_refused_by_name(face: Face, staff: Any, outside: Any) -> None:
    wrong = points()
    wrong[10] = list(outside)
    with pytest.raises(Problem, match="nose tip") as refused:
        keypoints_place(face=face, points=wrong, visible=VISIBLE, reviewer=staff("mona"))
    assert refused.value.code == "keypoint_outside"
    assert not KeypointSet.objects.filter(face=face, source="human").exists()


def test_a_human_overwrites_a_humans_set_only_when_they_have_seen_it(face: Face, staff: Any) -> None:
    mona = staff("mona")
    first = keypoints_place(face=face, points=points(), visible=VISIBLE, reviewer=mona)
    with pytest.raises(Problem) as refused:
        keypoints_place(face=face, points=points(50), visible=VISIBLE, reviewer=staff("max"))
    assert refused.value.code == "keypoints_changed"
    assert KeypointSet.objects.get(face=face, source="human").points == first.points
    keypoints_place(face=face, points=points(60), visible=VISIBLE, reviewer=mona, seen=first.created_at)
    assert KeypointSet.objects.get(face=face, source="human").points != first.points
    assert AuditEvent.objects.order_by("-pk")[0].details["before"] == first.points


def test_a_model_proposes_and_never_touches_a_humans(face: Face, staff: Any) -> None:
    keypoints_propose(face=face, points=points(30, 60), visible=VISIBLE)
    assert keypoints_best(face).source == "model"
    # Ten pixels of the photo are five of the crop.
    assert KeypointDoubt.objects.get(face=face).difference == pytest.approx(5 / 256)
    placed = keypoints_place(face=face, points=points(), visible=VISIBLE, reviewer=staff("mona"))
    assert not KeypointDoubt.objects.exists()
    keypoints_propose(face=face, points=points(90, 60), visible=VISIBLE)
    assert keypoints_best(face) == placed
    assert keypoints_best_of([face.pk]) == {face.pk: placed}
    assert keypoints_best_of([face.pk], among=["mesh", "model"])[face.pk].source == "model"
    assert keypoints_best_of([face.photo_id]) == {}
    assert KeypointSet.objects.get(face=face, source="human").points == placed.points
    assert not KeypointDoubt.objects.exists()


def test_faces_are_proposed_where_mesh_and_model_differ_most(
    seen_photo: Callable[..., Photo], face: Face, staff: Any
) -> None:
    other, accepted = (seen_photo().faces.get() for _ in range(2))
    KeypointSet.objects.create(face=other, source="mesh", points=points(), visible=VISIBLE)
    keypoints_propose(face=face, points=points(22, 60), visible=VISIBLE)
    keypoints_propose(face=other, points=points(140), visible=VISIBLE)
    Photo.objects.filter(pk=accepted.photo_id).update(state="accepted", accepted_as=accepted.photo.smiley)
    assert [face_proposed(0), face_proposed(1), face_proposed(2), face_proposed(3)] == [
        other,
        face,
        accepted,
        None,
    ]
    keypoints_place(face=other, points=points(), visible=VISIBLE, reviewer=staff("mona"))
    assert face_proposed() == face
    photo_withdraw(photo=face.photo, actor="participant")
    assert face_proposed() == accepted


def test_editor_and_api(face: Face, staff: Any) -> None:
    browser = Browser()
    manager = staff("mona", role="manager")
    browser.client.force_login(manager, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.get(f"/admin/keypoints/{face.pk}/").status_code == 200
    address = f"/api/v1/faces/{face.pk}/keypoints/"
    sheet = browser.get(address).json()
    assert sheet["sets"]["mesh"]["points"][0] == pytest.approx([-0.5 * 60 + 200, 0.5 * 20 + 10])
    body = {"points": points(), "visible": VISIBLE, "seen": None}

    def put(**changed: Any) -> Any:
        return browser.request("PUT", address, {**body, **changed}, content_type="application/json")

    problem(put(points=points(250)), 400, "keypoint_outside")
    problem(put(points=points()[:3]), 400, "validation_failed")
    problem(put(points=[["x", 1]] * POINTS), 400, "validation_failed")
    answer = put()
    assert answer.status_code == 200
    assert answer.json()["sets"]["human"]["points"] == points()
    problem(put(), 409, "keypoints_changed")
    assert put(seen=answer.json()["seen"]).status_code == 200
    page = browser.get("/admin/keypoints/").content.decode()
    assert "No face waits" in page


def test_a_withdrawn_face_takes_no_points(face: Face, staff: Any) -> None:
    photo_withdraw(photo=face.photo, actor="participant")
    with pytest.raises(Problem) as refused:
        keypoints_place(face=face, points=points(), visible=VISIBLE, reviewer=staff("mona"))
    assert refused.value.code == "face_gone"
