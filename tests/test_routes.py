"""Every address × every role. A route that has no expectation here fails, so that none is opened by accident."""

import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.core import signing
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from collector.models import ConsentText, ImportBatch, Photo, Smiley, Tombstone
from labeling.models import Decision, Face, MaskedFace, Review, VideoImport
from operations import health
from operations.audit import audit_record
from operations.first_account import first_account_token
from operations.models import AuditEvent, Job
from operations.staff_api import StaffView
from operations.tokens import token_make
from tests.collector.conftest import Browser
from tests.labeling.conftest import newcomer, seen_photo
from tests.operations.conftest import quick_passwords
from tests.training.conftest import accepted, register, small_artifact
from training.datasets import dataset_freeze
from training.exports.models import Export, ExportDownload
from training.models import DatasetVersion, ModelVersion, Prediction, TrainingRun

__all__ = ["accepted", "quick_passwords", "register", "seen_photo", "small_artifact"]

ROLES = ("nobody", "volunteer", "another volunteer", "reviewer", "manager", "superuser")
Row = tuple[int, int, int, int, int, int]
LOGIN = "django.contrib.auth.backends.ModelBackend"

EVERYBODY: Row = (200, 200, 200, 200, 200, 200)
NEVER: Row = (404, 404, 404, 404, 404, 404)
VOLUNTEERS: Row = (403, 200, 200, 403, 403, 403)
REVIEWERS: Row = (403, 403, 403, 200, 200, 200)
OWNER_AND_STAFF: Row = (404, 200, 404, 200, 200, 200)
STAFF: Row = (302, 302, 302, 200, 200, 200)  # 302: to the sign-in page
MANAGERS: Row = (302, 302, 302, 403, 200, 200)
SUPERUSERS: Row = (302, 302, 302, 403, 403, 200)
NO_STAFF: Row = (302, 302, 302, 403, 403, 403)
STAFF_NOT_FOUND: Row = (302, 302, 302, 404, 404, 404)
SENT_ON: Row = (302, 302, 302, 302, 302, 302)

# What each role gets, for every route and at least one of its methods.
EXPECTED: dict[str, Row] = {
    "GET healthz": EVERYBODY,
    "GET readyz": (503, 503, 503, 503, 503, 503),  # everybody may ask; no worker runs here
    "GET first-account/<str:token>/": NEVER,  # there is a superuser
    "POST first-account/<str:token>/": NEVER,
    "GET ": EVERYBODY,
    "GET consent/": EVERYBODY,
    "GET booth/": (302, 200, 200, 302, 302, 302),  # 302: to the consent
    "GET photos/": EVERYBODY,  # a page of one's own, or one that says that there is none
    "GET photos/<uuid:photo_id>/delete/": (405, 405, 405, 405, 405, 405),
    "POST photos/<uuid:photo_id>/delete/": (404, 302, 404, 404, 404, 404),
    "GET consent/change/": (405, 405, 405, 405, 405, 405),
    "POST consent/change/": (404, 302, 302, 404, 404, 404),
    "GET receipt/": EVERYBODY,
    "POST receipt/": NEVER,  # a wrong code
    "GET receipt/new/": (405, 405, 405, 405, 405, 405),
    "POST receipt/new/": (404, 200, 200, 404, 404, 404),
    "GET language/": SENT_ON,  # changes nothing
    "POST language/": SENT_ON,
    "GET site.webmanifest": EVERYBODY,
    "GET withdraw/": (405, 405, 405, 405, 405, 405),
    "POST withdraw/": SENT_ON,
    "GET privacy/": EVERYBODY,
    "GET smileys/<slug:slug>.svg": EVERYBODY,
    "GET photos/<uuid:photo_id>/image/": OWNER_AND_STAFF,
    "GET faces/<uuid:face_id>/crop/": OWNER_AND_STAFF,
    "GET masks/<uuid:masked_id>/<str:part>/": OWNER_AND_STAFF,
    "GET admin/photos/<uuid:photo_id>/overlay.svg": MANAGERS,
    "GET admin/photos/<uuid:photo_id>/mask/": (302, 302, 302, 405, 405, 405),
    "POST admin/photos/<uuid:photo_id>/mask/": (302, 302, 302, 403, 302, 302),
    "GET admin/videos/<uuid:video_id>/pieces/": (302, 302, 302, 405, 405, 405),
    "POST admin/videos/<uuid:video_id>/pieces/": (302, 302, 302, 403, 400, 400),  # without at=
    "GET admin/videos/<uuid:video_id>/decide/": (302, 302, 302, 405, 405, 405),
    "POST admin/videos/<uuid:video_id>/decide/": (302, 302, 302, 403, 302, 302),
    "GET admin/videos/<uuid:video_id>/<int:number>.jpg": MANAGERS,
    "GET admin/duplicates/": MANAGERS,
    "POST admin/duplicates/": (302, 302, 302, 403, 302, 302),  # an empty form: told so, and back to the page
    "GET admin/participants/<uuid:participant_id>/": (302, 302, 302, 405, 405, 405),
    "POST admin/participants/<uuid:participant_id>/": (302, 302, 302, 403, 302, 302),
    "GET admin/keypoints/": MANAGERS,
    "GET admin/keypoints/<uuid:face_id>/": MANAGERS,
    "GET api/v1/faces/<uuid:face_id>/keypoints/": (403, 403, 403, 403, 200, 200),
    "PUT api/v1/faces/<uuid:face_id>/keypoints/": (403, 403, 403, 403, 415, 415),  # nothing that is JSON
    "GET admin/quality/": MANAGERS,
    "GET api/v1/reviews/quality/<slug:table>.csv": (403, 403, 403, 403, 200, 200),
    "GET admin/review/": STAFF,
    "GET admin/review/grid/": STAFF,
    "GET admin/review/single/": STAFF,
    "GET admin/review/rules/": MANAGERS,
    "POST admin/review/rules/": (302, 302, 302, 403, 302, 302),
    "GET admin/review/hidden/": MANAGERS,
    "POST admin/review/hidden/<uuid:photo_id>/": (302, 302, 302, 403, 302, 302),
    "GET try/": EVERYBODY,
    "POST api/v1/try/": (400, 400, 400, 400, 400, 400),  # an empty form; everybody may try
    "GET models/<slug:task>/active.json": EVERYBODY,
    "GET models/<slug:task>/<int:number>/model.tflite": NEVER,  # of the active model alone, and here it is a candidate
    "GET admin/training/models/<int:pk>/confusion.png": MANAGERS,
    "GET admin/training/models/<int:pk>/report.html": (
        302,
        302,
        302,
        403,
        404,
        404,
    ),  # none was written for this one
    "GET admin/training/models/<int:pk>/unmasked/<uuid:masked_id>.png": (302, 302, 302, 403, 404, 404),
    "GET admin/training/runs/<uuid:run_id>/retry/": (302, 302, 302, 405, 405, 405),
    "POST admin/training/runs/<uuid:run_id>/retry/": (302, 302, 302, 403, 302, 302),
    "GET admin/training/models/<int:pk>/serve/": (302, 302, 302, 405, 405, 405),
    "POST admin/training/models/<int:pk>/serve/": (302, 302, 302, 403, 302, 302),
    "POST admin/training/freeze/": (302, 302, 302, 403, 302, 302),
    "GET admin/training/datasets/<int:number>/manifest.<str:suffix>": MANAGERS,
    "GET admin/training/datasets/<int:number>/datasheet.<str:kind>": MANAGERS,
    "GET admin/training/exports/<uuid:export_id>/download/": (302, 302, 302, 405, 405, 405),
    "POST admin/training/exports/<uuid:export_id>/download/": (302, 302, 302, 403, 302, 302),
    "GET api/v1/datasets/": (403, 403, 403, 403, 200, 200),
    "POST api/v1/datasets/": (403, 403, 403, 403, 202, 202),
    "GET api/v1/datasets/freezes/<uuid:job_id>/": (403, 403, 403, 403, 200, 200),
    "GET api/v1/runs/": (403, 403, 403, 403, 200, 200),
    "POST api/v1/runs/": (403, 403, 403, 403, 400, 400),  # an empty body
    "GET api/v1/runs/<uuid:run_id>/": (403, 403, 403, 403, 200, 200),
    "GET api/v1/models/": (403, 403, 403, 403, 200, 200),
    "GET api/v1/models/<int:pk>/": (403, 403, 403, 403, 200, 200),
    "POST api/v1/models/<int:pk>/promote/": (403, 403, 403, 403, 200, 200),
    "POST api/v1/models/roll-back/": (403, 403, 403, 403, 400, 400),  # an empty body
    "GET api/v1/predictions/": (403, 403, 403, 403, 200, 200),
    "GET api/v1/datasets/<int:number>/": (403, 403, 403, 403, 200, 200),
    "GET api/v1/datasets/<int:number>/datasheet.<str:kind>": (403, 403, 403, 403, 200, 200),
    "GET api/v1/datasets/<int:number>/manifest.<str:suffix>": (403, 403, 403, 403, 200, 200),
    "GET api/v1/datasets/<int:number>/since/<int:older>/": (403, 403, 403, 403, 200, 200),
    "GET api/v1/datasets/<int:number>/exports/": (403, 403, 403, 403, 200, 200),
    "POST api/v1/datasets/<int:number>/exports/": (403, 403, 403, 403, 400, 400),  # an empty body
    "GET api/v1/exports/<uuid:export_id>/": (403, 403, 403, 403, 200, 200),
    "POST api/v1/exports/<uuid:export_id>/links/": (403, 403, 403, 403, 201, 201),
    "GET api/v1/exports/files/<str:link>/": EVERYBODY,  # who has the link was given it
    "GET api/v1/schema/": EVERYBODY,
    "GET api/v1/docs/": EVERYBODY,
    "GET api/v1/consent-text/": EVERYBODY,
    "POST api/v1/consents/": (400, 400, 400, 400, 400, 400),  # an empty body; everybody may agree
    "GET api/v1/prompts/next/": EVERYBODY,
    "GET api/v1/smileys/": EVERYBODY,
    "GET api/v1/smileys/<slug:slug>/examples/": EVERYBODY,
    "GET api/v1/photos/": VOLUNTEERS,
    "POST api/v1/photos/": (403, 400, 400, 403, 403, 403),  # an empty form
    "POST api/v1/receipts/": (403, 201, 201, 403, 403, 403),
    "POST api/v1/receipts/redeem/": (400, 400, 400, 400, 400, 400),  # an empty body; everybody may come back
    "GET api/v1/me/export/": VOLUNTEERS,
    "POST api/v1/withdrawal/": VOLUNTEERS,
    "GET api/v1/tombstones/": EVERYBODY,
    "GET api/v1/reviews/": REVIEWERS,
    "POST api/v1/reviews/": (403, 403, 403, 400, 400, 400),  # an empty body
    "POST api/v1/reviews/claims/": REVIEWERS,
    "POST api/v1/reviews/release/": (403, 403, 403, 400, 400, 400),
    "POST api/v1/reviews/reveal/": (403, 403, 403, 400, 400, 400),
    "POST api/v1/reviews/undo/": (403, 403, 403, 400, 400, 400),
    "GET api/v1/photos/<uuid:photo_id>/": (403, 200, 404, 403, 403, 403),
    "DELETE api/v1/photos/<uuid:photo_id>/": (403, 204, 404, 403, 403, 403),
    "GET admin/": STAFF,
    "GET admin/login/": (200, 200, 200, 302, 302, 302),
    "POST admin/logout/": STAFF,
    "GET admin/password_change/": STAFF,
    "GET admin/password_change/done/": STAFF,
    "GET admin/autocomplete/": NO_STAFF,
    "GET admin/jsi18n/": STAFF,
    "GET admin/r/<path:content_type_id>/<path:object_id>/": STAFF_NOT_FOUND,
    "GET admin/auth/user/<id>/password/": SUPERUSERS,
    "GET admin/^(?P<app_label>auth|axes|operations|collector|labeling|training)/$": (
        302,
        302,
        302,
        404,
        200,
        200,
    ),  # of collector
    "GET admin/(?P<url>.*)$": STAFF_NOT_FOUND,
}

# Admin's pages of each model: who may see, add, and delete rows.
MODELS: dict[str, tuple[Row, Row, Row]] = {
    "auth/group": (SUPERUSERS, SUPERUSERS, SUPERUSERS),
    "auth/user": (SUPERUSERS, SUPERUSERS, SUPERUSERS),
    "axes/accessattempt": (SUPERUSERS, NO_STAFF, SUPERUSERS),
    "axes/accesslog": (SUPERUSERS, NO_STAFF, SUPERUSERS),
    "axes/accessfailurelog": (SUPERUSERS, NO_STAFF, SUPERUSERS),
    "operations/job": (MANAGERS, NO_STAFF, NO_STAFF),
    "operations/auditevent": (MANAGERS, NO_STAFF, NO_STAFF),
    "operations/apitoken": (STAFF, STAFF, NO_STAFF),
    "collector/smiley": (MANAGERS, SUPERUSERS, SUPERUSERS),
    "collector/participant": (MANAGERS, NO_STAFF, NO_STAFF),
    "collector/photo": (MANAGERS, NO_STAFF, NO_STAFF),
    "collector/consenttext": (SUPERUSERS, NO_STAFF, NO_STAFF),
    "collector/importbatch": (SUPERUSERS, NO_STAFF, NO_STAFF),
    "collector/tombstone": (SUPERUSERS, NO_STAFF, NO_STAFF),
    "labeling/face": (MANAGERS, NO_STAFF, NO_STAFF),
    "labeling/review": (MANAGERS, NO_STAFF, NO_STAFF),
    "labeling/decision": (MANAGERS, NO_STAFF, NO_STAFF),
    "labeling/videoimport": (MANAGERS, MANAGERS, NO_STAFF),
    "training/datasetversion": (MANAGERS, NO_STAFF, NO_STAFF),
    "training/trainingrun": (MANAGERS, MANAGERS, NO_STAFF),
    "training/modelversion": (MANAGERS, NO_STAFF, NO_STAFF),
    "training/prediction": (MANAGERS, NO_STAFF, NO_STAFF),
    "training/export": (MANAGERS, MANAGERS, NO_STAFF),
    "training/exportdownload": (MANAGERS, NO_STAFF, NO_STAFF),
}
for _name, (_see, _add, _delete) in MODELS.items():
    EXPECTED |= {
        f"GET admin/{_name}/": _see,
        f"GET admin/{_name}/add/": _add,
        f"GET admin/{_name}/<path:object_id>/change/": _see,
        f"GET admin/{_name}/<path:object_id>/history/": _see,
        f"GET admin/{_name}/<path:object_id>/delete/": _delete,
        f"GET admin/{_name}/<path:object_id>/": SENT_ON,
    }


# A superuser's: managers see those of others, and reviewers their own alone.
for _page in ("change", "history"):
    EXPECTED[f"GET admin/operations/apitoken/<path:object_id>/{_page}/"] = (302, 302, 302, 302, 200, 200)


def patterns(resolver: URLResolver | None = None, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in (resolver or get_resolver()).url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route, pattern
        else:
            yield from patterns(pattern, route)


def routes() -> list[str]:
    return [route for route, _ in patterns()]


OF_STAFF = {
    route for route, pattern in patterns() if issubclass(getattr(pattern.callback, "cls", type), StaffView)
}


def test_every_route_has_an_expectation_and_every_expectation_a_route() -> None:
    expected = {key.partition(" ")[2] for key in EXPECTED}
    actual = set(routes())
    assert actual - expected == set(), "new routes: say in this file who gets what"
    assert expected - actual == set(), "these routes are gone"
    assert set(MODELS) == {f"{m._meta.app_label}/{m._meta.model_name}" for m in admin.site._registry}


@pytest.fixture
def photo(
    accepted: Callable[..., Photo], register: Callable[..., ModelVersion], private_folder: Path, staff: Any
) -> Photo:
    """Somebody's photo, and one row of everything else."""
    given = [accepted() for _ in range(3)]
    # Not given as an example, so that it is its owner's and the staff's alone.
    Photo.objects.update(state=Photo.State.IN_REVIEW, accepted_as=None)
    photo = given[0]
    Photo.objects.exclude(pk=photo.pk).update(state=Photo.State.ACCEPTED, accepted_as=photo.smiley)
    version = dataset_freeze(actor="system")[0]
    model = register(version)
    face = photo.faces.get()
    MaskedFace.objects.create(face=face, style="ffp2", seed=1, image=face.crop, alpha=face.crop)
    Prediction.objects.create(face=face, model=model, smiley=photo.smiley, share=0.5, distribution={})
    Review.objects.create(photo=photo, reviewer=staff("judge"), verdict="unclear")
    Job.objects.create(kind="labeling.analyse_photo", subject="x", queue="media", state=Job.State.DONE)
    Tombstone.objects.create(photo_id=uuid.uuid4())
    batch = ImportBatch.objects.create(source="a", licence="b", legal_basis="c")
    video = VideoImport(batch=batch, smiley=photo.smiley, size=1, rate=2, accept=False, who="ask")
    video.file, video.tracks = "videos/one.video", [{"number": 1}]
    video.save()
    default_storage.save(video.picture_name(1), ContentFile(b"a picture"))
    audit_record(actor="system", action="tests", subject="x")
    susan = staff("susan", superuser=True)
    token_make(owner=susan, maker=susan, name="a program")
    AccessAttempt.objects.create(
        username="x", ip_address="192.0.2.1", get_data="", post_data="", failures_since_start=1
    )
    AccessLog.objects.create(username="x", ip_address="192.0.2.1")
    AccessFailureLog.objects.create(username="x", ip_address="192.0.2.1")
    export = Export.objects.create(
        version=version, format="table", file="exports/x.tar", ready_at=timezone.now()
    )
    default_storage.save(export.file, ContentFile(b"a tar"))
    ExportDownload.objects.create(export=export, contact="ada@example.org", sha256="x", actor="system")
    assert default_storage.exists(face.crop)
    return Photo.objects.get(pk=photo.pk)


def address(route: str, photo: Photo) -> str:
    """A route with values filled in that exist."""
    export = Export.objects.get()
    samples = {
        "photo_id": str(photo.pk),
        "face_id": str(photo.faces.get().pk),
        "video_id": str(VideoImport.objects.get().pk),
        "masked_id": str(MaskedFace.objects.get().pk),
        "part": "alpha",
        "participant_id": str(photo.participant_id),
        "table": "smileys",
        "job_id": str(Job.objects.get(kind="training.freeze_dataset").pk),
        "task": "smiley",
        "slug": photo.smiley.slug,
        "token": first_account_token(),
        "number": "1",
        "older": "1",
        "kind": "html",
        "suffix": "jsonl",
        "export_id": str(export.pk),
        "link": signing.dumps({"export": str(export.pk), "for": "tests"}, salt="training.export"),
        "run_id": str(TrainingRun.objects.get().pk),
        "pk": str(ModelVersion.objects.get().pk),
        "content_type_id": "1",
        "id": str(User.objects.first().pk),
        "app_label": "collector",
        "url": "nothing/at/all",
    }
    if model := re.match(r"admin/(\w+)/(\w+)/<path:object_id>", route):
        row = next(m for m in admin.site._registry if m._meta.label_lower == ".".join(model.groups()))
        samples["object_id"] = str(row._default_manager.order_by("pk").first().pk).replace("_", "_5F")
    samples.setdefault("object_id", "1")
    path = re.sub(
        r"\(\?P<(\w+)>.*?\)", lambda found: samples[found[1]], route.replace("^", "").replace("$", "")
    )
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: samples[found[1]], path)


def browsers(photo: Photo, staff: Any) -> dict[str, Callable[[], Browser]]:
    another = newcomer()
    users = {
        "reviewer": staff("rita", role="reviewer"),
        "manager": staff("mona", role="manager"),
        "superuser": User.objects.get(username="susan"),
    }

    def signed_in(user: User) -> Browser:
        browser = Browser()
        browser.client.force_login(user, backend=LOGIN)
        return browser

    made: dict[str, Callable[[], Browser]] = {
        "nobody": Browser,
        "volunteer": lambda: Browser(photo.participant),
        "another volunteer": lambda: Browser(another),
    }
    return made | {role: lambda user=user: signed_in(user) for role, user in users.items()}  # type: ignore[misc]


def let_go(answer: Any) -> None:
    """Close a streamed file; closing the answer itself would close the tests' database connection."""
    if (file := getattr(answer, "file_to_stream", None)) is not None:
        file.close()


def test_each_role_gets_what_it_may(photo: Photo, staff: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_WAIT_SECONDS", 0)
    visitors = browsers(photo, staff)
    assert tuple(visitors) == ROLES
    surprises = []
    for key, row in EXPECTED.items():
        method, _, route = key.partition(" ")
        path = address(route, photo)
        for role, expected in zip(ROLES, row, strict=True):
            with transaction.atomic():  # undone afterwards, so that each finds everything in its place
                visitor = visitors[role]()
                answer = visitor.get(path) if method == "GET" else visitor.request(method, path)
                let_go(answer)
                transaction.set_rollback(True)
            if answer.status_code != expected:
                surprises.append(f"{method} {path}: {role} gets {answer.status_code}, not {expected}")
            elif answer.status_code == 302 and path.startswith("/admin/") and role in ROLES[:3]:
                to = answer.headers["Location"]
                if not to.startswith("/admin/login/") and "logout" not in path:
                    surprises.append(f"{method} {path}: {role} is sent to {to}, not to sign in")
    assert surprises == []


def test_by_token_each_role_gets_of_the_api_what_it_gets_by_session(photo: Photo, staff: Any) -> None:
    """And of admin what nobody gets: a token opens no page."""
    browsers(photo, staff)
    surprises = []
    for role, name in {"reviewer": "rita", "manager": "mona", "superuser": "susan"}.items():
        owner = User.objects.get(username=name)
        headers = {"Authorization": f"Bearer {token_make(owner=owner, maker=owner, name='tests').secret}"}
        for key, row in EXPECTED.items():
            method, _, route = key.partition(" ")
            if route in OF_STAFF:
                expected = {415: 400}.get(row[ROLES.index(role)], row[ROLES.index(role)])  # it says JSON here
            elif role == "superuser" and method == "GET" and route.startswith("admin/"):
                expected = row[ROLES.index("nobody")]
            else:
                continue
            with transaction.atomic():
                # Without the token against forged requests, for there is no cookie that a forger could use.
                call = {"path": address(route, photo), "content_type": "application/json", "headers": headers}
                answer = Browser().client.generic(method, secure=True, **call)
                transaction.set_rollback(True)
            if answer.status_code != expected:
                surprises.append(f"{method} {route}: {role} gets {answer.status_code}, not {expected}")
    assert surprises == []


def test_what_changes_something_is_never_done_by_looking(photo: Photo, staff: Any) -> None:
    """A link, a picture's address or a prefetching browser must not change anything."""

    def facts() -> list[Any]:
        counted = (
            Photo,
            Face,
            Review,
            Decision,
            DatasetVersion,
            TrainingRun,
            ModelVersion,
            Tombstone,
            Smiley,
            User,
        )
        return [
            *(model._default_manager.count() for model in counted),
            Group.objects.count(),
            ConsentText.objects.count(),
        ]

    visitors = browsers(photo, staff)
    before = facts()
    looks = ("photo_viewed", "manifest_downloaded", "datasheet_viewed", "export_downloaded", "data_exported")
    events = AuditEvent.objects.exclude(action__in=looks).count()
    for visitor in (visitors["volunteer"], visitors["superuser"]):  # who may do the most
        for route in sorted(set(routes()) - {"readyz"}):
            let_go(visitor().get(address(route, photo)))
    assert facts() == before
    assert AuditEvent.objects.exclude(action__in=looks).count() == events
