"""The environment of the tests, set before Django reads its settings (pytest loads this with -p)."""

import os
import secrets
import shutil
import tempfile
from urllib.parse import urlsplit, urlunsplit

# Short, for the broker's socket lives in it.
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="smielfy-")
_DATA_DIR = os.environ["DATA_DIR"]
os.environ["SECRET_KEY"] = secrets.token_urlsafe(50)
os.environ["TRAINING_TASKS"] = ""  # a test that trains says so
os.environ.setdefault("SMIELFY_SAMPLES", "../shared/samples")
for name in ("FILES_URL", "SITE_NAME", "ALLOWED_HOSTS", "TRUSTED_PROXIES", "STATIC_ROOT"):
    os.environ.pop(name, None)

# Processes that share the suite among them share a Redis, too, but no database of it.
if os.environ.get("REDIS_URL") and (worker := os.environ.get("PYTEST_XDIST_WORKER")):
    given = urlsplit(os.environ["REDIS_URL"])
    os.environ["REDIS_URL"] = urlunsplit(given._replace(path=f"/{worker.removeprefix('gw')}"))


def pytest_unconfigure() -> None:
    """Leave nothing behind; at the exit of a process that shares the suite nothing else is called."""
    shutil.rmtree(_DATA_DIR, ignore_errors=True)
