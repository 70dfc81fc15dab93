"""What the environment says about this start, checked once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .problems import LaunchError

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Options:
    """How to start. Paths are absolute."""

    host: str
    port: int
    data_dir: Path
    tls_cert: Path | None
    tls_key: Path | None
    redis_url: str
    database_url: str
    trusted_proxies: int
    listen_socket: Path | None
    site_name: str
    allowed_hosts: str
    web_processes: int
    media_processes: int
    train_processes: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Options":
        """Read the variables; an empty one counts as not set. Raises LaunchError."""
        read = _Reader(environment)
        proxies = read.number("TRUSTED_PROXIES", default=0, least=0, most=10)
        options = cls(
            # Phones in the same network are meant to reach it.
            host=read.text("HOST", default="127.0.0.1" if proxies else "0.0.0.0"),  # noqa: S104
            port=read.number("PORT", default=8443, least=1, most=65535),
            data_dir=read.path("DATA_DIR") or ROOT / "data",
            tls_cert=read.path("TLS_CERT"),
            tls_key=read.path("TLS_KEY"),
            redis_url=read.text("REDIS_URL"),
            database_url=read.text("DATABASE_URL"),
            trusted_proxies=proxies,
            listen_socket=read.path("LISTEN_SOCKET"),
            site_name=read.text("SITE_NAME"),
            allowed_hosts=read.text("ALLOWED_HOSTS"),
            web_processes=read.number("WEB_PROCESSES", default=1, least=1, most=64),
            media_processes=read.number("MEDIA_PROCESSES", default=_media_processes(), least=1, most=256),
            train_processes=read.number("TRAIN_PROCESSES", default=1, least=0, most=1),
        )
        options._check_combinations()
        return options

    @property
    def behind_proxy(self) -> bool:
        return self.trusted_proxies > 0

    @property
    def run_dir(self) -> Path:
        """Sockets, the lock, generated configuration: of no value once the site has stopped."""
        return self.data_dir / "run"

    @property
    def log_dir(self) -> Path:
        return self.data_dir / "logs"

    def _check_combinations(self) -> None:
        if bool(self.tls_cert) != bool(self.tls_key):
            given, missing = ("TLS_CERT", "TLS_KEY") if self.tls_cert else ("TLS_KEY", "TLS_CERT")
            raise LaunchError(f"{given} is set and {missing} is not: set both, or neither.")
        if self.behind_proxy and self.tls_cert:
            raise LaunchError(
                "With TRUSTED_PROXIES the proxy does the encryption: unset TLS_CERT and TLS_KEY,"
                " or set TRUSTED_PROXIES=0."
            )
        if self.listen_socket and not self.behind_proxy:
            raise LaunchError(
                "LISTEN_SOCKET speaks plain HTTP to a proxy: set TRUSTED_PROXIES to the number of proxies."
            )
        loopback = self.host in ("127.0.0.1", "::1", "localhost")
        if self.behind_proxy and not self.listen_socket and not loopback:
            raise LaunchError(
                f"Behind a proxy plain HTTP stays on this machine: unset HOST ({self.host})"
                " or set LISTEN_SOCKET."
            )


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(self, name: str, default: str = "") -> str:
        return self._environment.get(name, "").strip() or default

    def path(self, name: str) -> Path | None:
        value = self.text(name)
        # Relative to where Python was started, which is the repository's root under make. Not resolved any
        # further: a link in it may be there to keep a socket's path short.
        return Path(os.path.abspath(Path(value).expanduser())) if value else None

    def number(self, name: str, *, default: int, least: int, most: int) -> int:
        value = self.text(name) or str(default)
        if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
            raise LaunchError(f"{name} is {value!r}: give a whole number from {least} to {most}.")
        return int(value)


def _media_processes() -> int:
    cores = os.cpu_count() or 1
    return 1 if cores <= 2 else cores - 1
