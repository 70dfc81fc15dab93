"""Which process loads what, and which room may know which."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from .conftest import ROOT

TRAINING = ("tensorflow", "keras", "jax", "torch")
VISION = ("cv2", "ai_edge_litert", "matplotlib", "sklearn", "scipy")


def loaded_by(program: str, tmp_path: Path) -> set[str]:
    """Top-level modules that a fresh process has loaded after the program."""
    ending = "\nimport sys\nprint('loaded:', *{name.partition('.')[0] for name in sys.modules})\n"
    (tmp_path / "data").mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")},
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATA_DIR": str(tmp_path / "data"),
    }
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program) + ending],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return set(done.stdout.rpartition("loaded:")[2].split())


def test_web_process_loads_no_training_and_no_vision(tmp_path: Path) -> None:
    """After the first request of every page of volunteers and staff, and an upload."""
    program = """
        from config.wsgi import application
        from django.core.management import call_command
        call_command("migrate", verbosity=0)

        import io, uuid
        from django.contrib import admin
        from django.contrib.auth.models import User
        from django.core.files.uploadedfile import SimpleUploadedFile
        from django.test import Client
        from django.urls import reverse
        from PIL import Image

        client = Client(SERVER_NAME="localhost")
        body = {"consent_text": 1, "scopes": ["train"], "age_affirmed": True}
        answer = client.post("/api/v1/consents/", body, content_type="application/json", secure=True)
        assert answer.status_code == 201, answer.content
        picture = io.BytesIO()
        Image.new("RGB", (64, 64)).save(picture, "JPEG")
        body = {"image": SimpleUploadedFile("a.jpg", picture.getvalue()), "smiley": "smile", "client_id": uuid.uuid4()}
        photo = client.post("/api/v1/photos/", body, secure=True)
        assert photo.status_code == 201, photo.content
        client.force_login(User.objects.create_superuser("root"), backend="django.contrib.auth.backends.ModelBackend")
        pages = ["/", "/consent/", "/booth/", "/photos/", "/privacy/", "/smileys/smile.svg", photo.json()["image"]]
        pages += ["/admin/", "/admin/review/", "/healthz", "/nothing/"]
        pages += [f"/api/v1/{name}/" for name in ("schema", "docs", "consent-text", "prompts/next", "smileys",
                  "smileys/smile/examples", "photos", "photos/" + photo.json()["id"], "tombstones")]
        for model in admin.site._registry:
            pages.append(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
        for page in pages:
            answer = client.get(page, secure=True)
            assert answer.status_code == (404 if page == "/nothing/" else 200), (page, answer.status_code)
        client.post("/withdraw/", secure=True)
    """
    loaded = loaded_by(program, tmp_path)
    assert "collector" in loaded
    assert loaded & {*TRAINING, *VISION} == set()


def test_media_worker_loads_no_training(tmp_path: Path) -> None:
    """The worker's application, every handler, and a photo that was really looked at."""
    program = """
        from config.celery import app
        app.loader.import_default_modules()
        app.finalize()
        assert {"operations.run_job", "operations.sweep", "operations.canary"} <= set(app.tasks)

        import django
        django.setup()
        from operations.jobs import registry
        assert {"labeling.analyse_photo", "training.predict", "collector.erase_files"} <= set(registry._kinds)

        import labeling.analysis, labeling.crops, ml.faces.analyse, ml.predict, training.predictions
        from skimage.data import astronaut
        assert ml.faces.analyse.FaceAnalyser().analyse(astronaut()).faces
    """
    loaded = loaded_by(program, tmp_path)
    assert {"cv2", "ai_edge_litert"} <= loaded
    assert loaded & set(TRAINING) == set()


def test_decoding_child_loads_pillow_alone(tmp_path: Path) -> None:
    program = """
        import io, sys
        sys.path.insert(0, "collector/intake")
        import child
        from PIL import Image
        picture = io.BytesIO()
        Image.new("RGB", (64, 64)).save(picture, "JPEG")
        child.clean(picture.getvalue(), 10_000)
    """
    loaded = loaded_by(program, tmp_path)
    assert "PIL" in loaded
    assert loaded & {"django", "celery", "numpy", *VISION, *TRAINING} == set()


@pytest.mark.parametrize(
    "module", ["ml", "ml.cli", "ml.train", "ml.evaluate", "ml.faces.analyse", "ml.predict"]
)
def test_the_library_alone_needs_neither_django_nor_celery(module: str, tmp_path: Path) -> None:
    assert loaded_by(f"import {module}", tmp_path) & {"django", "celery", "rest_framework"} == set()


def test_rooms_know_only_the_rooms_below() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "0 broken" in done.stdout
