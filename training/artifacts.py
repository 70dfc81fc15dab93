"""Model artifacts in the private storage, so that every worker on every machine can serve them."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from ml.durable import to_disk, write_aside

from .models import ModelVersion


def artifact_store(folder: Path, prefix: str) -> dict[str, str]:
    """Copy an artifact's files into the storage under `prefix`; returns their names with their SHA-256."""
    digests = {}
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        default_storage.save(f"{prefix}/{path.name}", ContentFile(content))
        digests[path.name] = hashlib.sha256(content).hexdigest()
    return digests


def artifact_fetch(model: ModelVersion) -> Path:
    """A local folder with the model's artifact, fetched from the storage when it is not here yet.

    Raises ValueError when a file is not what was registered.
    """
    target = settings.DATA_DIR / "cache" / "models" / str(model.run_id)
    if target.is_dir():
        return Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        for name, sha256 in model.files.items():
            with default_storage.open(f"{model.artifact}/{name}", "rb") as file:
                content = file.read()
            if hashlib.sha256(content).hexdigest() != sha256:
                raise ValueError(f"{name} of model {model} is not the file that was registered.")
            write_aside(aside / name, content)
        to_disk(aside)  # a folder that is there is trusted for ever, also after a power cut
        os.rename(aside, target)
    except OSError:
        if not target.is_dir():  # else another worker of this machine was first
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Path(target)


def artifact_check(folder: Path, task: str) -> None:
    """Raise ml.artifacts.ArtifactError unless the folder holds a model for the task that this version reads and that
    answers with numbers."""
    import numpy as np

    from ml.artifacts import read_artifact
    from ml.predict import MODELS

    # Its description before its network: a later version's would be told wrongly.
    size = read_artifact(folder).input_size
    MODELS[task](folder).answers(np.full((1, size, size, 3), 128, np.uint8))
