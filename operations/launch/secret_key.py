"""Django's secret key: the variable SECRET_KEY, or one made for this data folder."""

import secrets
from pathlib import Path

from .certificate import write_private


def ensure_secret_key(data_dir: Path) -> Path:
    """The file that the settings read when SECRET_KEY is not set; made at the first start."""
    path = data_dir / "secret-key"
    if not path.is_file() or not path.read_bytes().strip():
        write_private(path, secrets.token_urlsafe(64).encode("ascii") + b"\n")
    return path
