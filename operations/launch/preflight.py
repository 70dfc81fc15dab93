"""What can be known to be wrong before anything is started, each thing in one sentence with its cure."""

import errno
import fcntl
import os
import shutil
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from .broker import check_socket_path, socket_path
from .options import Options
from .problems import LaunchError

FREE_BYTES = 500 * 1024 * 1024
_ANSWER_SECONDS = 3
# A start right after a launcher was killed meets the old supervisor, which is still ending its processes.
_STOPPING_SECONDS = 12.0


def check(options: Options) -> int:
    """All of the below, cheapest and most telling first. The lock on the data folder, held."""
    check_socket_path(socket_path(options.data_dir), "name a shorter folder with DATA_DIR=/path")
    if options.listen_socket:
        check_socket_path(options.listen_socket, "choose a shorter one for LISTEN_SOCKET")
    prepare_folders(options)
    lock = take_lock(options)
    check_free_space(options.data_dir)
    if options.listen_socket:
        check_listen_socket(options.listen_socket)
    else:
        check_port(options.host, options.port)
    if options.redis_url:
        check_redis(options.redis_url)
    if options.database_url:
        check_database(options.database_url)
    return lock


def prepare_folders(options: Options) -> None:
    """Make the data folder and what belongs in it, readable by this user only."""
    try:
        options.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (options.run_dir, options.log_dir, options.data_dir / "broker"):
            folder.mkdir(mode=0o700, exist_ok=True)
        options.run_dir.chmod(0o700)  # the broker's socket is in there
        probe = options.run_dir / f"probe-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise LaunchError(
            f"The data folder {options.data_dir} cannot be written to ({error.strerror}):"
            " correct its permissions, or name another with DATA_DIR=/path."
        ) from None


def check_free_space(folder: Path, needed: int = FREE_BYTES) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise LaunchError(
            f"Only {free >> 20} MB are free where {folder} is, and {needed >> 20} MB are needed:"
            " make room there, or name a folder on another disk with DATA_DIR=/path."
        )


def take_lock(options: Options) -> int:
    """Hold the data folder for this start and whoever inherits the descriptor, until all have ended."""
    path = options.run_dir / "launch.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _STOPPING_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            if _alive(holder) or time.monotonic() > deadline:
                os.close(descriptor)
                raise LaunchError(
                    f"Smielfy already runs with {options.data_dir} (process {holder or 'unknown'}): stop it"
                    f" with Ctrl-C in its terminal or `kill {holder or 'PID'}`, or start another with another"
                    " DATA_DIR and PORT."
                ) from None
            time.sleep(0.2)
            continue
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return descriptor


def _alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def check_port(host: str, port: int) -> None:
    """Refuse an address that the web server could not listen on."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        raise LaunchError(
            f"HOST is {host!r}, which is no address: give this machine's, or 0.0.0.0."
        ) from None
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            raise LaunchError(_port_problem(host, port, error)) from None


def _port_problem(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else port - 1
        return (
            f"Port {port} is in use: stop the program that has it, or choose another: `PORT={other} make up`."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for the system: choose one from 1024 on: `PORT=8443 make up`."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HOST is {host}, which is no address of this machine: give one that is, or 0.0.0.0 for all."
    return f"Port {port} on {host} cannot be opened ({error.strerror}): choose others with HOST and PORT."


def check_listen_socket(path: Path) -> None:
    """Refuse a path on which somebody answers or that is something else than a socket's."""
    if not path.parent.is_dir():
        raise LaunchError(f"LISTEN_SOCKET is in {path.parent}, which is no folder: make it first.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise LaunchError(f"LISTEN_SOCKET is in {path.parent}, where you may not write: correct that.")
    if path.exists() and not path.is_socket():
        raise LaunchError(f"LISTEN_SOCKET names {path}, which is no socket: choose another path.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return
    raise LaunchError(f"Another program answers on LISTEN_SOCKET ({path}): stop it, or choose another path.")


def check_redis(url: str) -> None:
    """Refuse a REDIS_URL where nobody answers."""
    import redis

    # Celery's form for a Unix socket, in the words of the client.
    plain = url.replace("redis+socket://", "unix://", 1).replace("virtual_host=", "db=", 1)
    try:
        client = redis.Redis.from_url(
            plain, socket_connect_timeout=_ANSWER_SECONDS, socket_timeout=_ANSWER_SECONDS
        )
        client.ping()
        client.close()
    except (redis.RedisError, ValueError, OSError) as error:
        raise LaunchError(
            f"REDIS_URL ({without_password(url)}) does not answer ({_first_line(error)}): start that Redis,"
            " correct the address, or unset REDIS_URL to use the one that comes along."
        ) from None


def check_database(url: str) -> None:
    """Refuse a DATABASE_URL where nobody answers."""
    scheme = urlsplit(url).scheme
    if scheme in ("sqlite", "sqlite3"):
        return
    if scheme not in ("postgres", "postgresql", "psql", "pgsql"):
        raise LaunchError(
            f"DATABASE_URL begins with {scheme or 'nothing'}: give postgres://USER:PASSWORD@HOST:PORT/NAME,"
            " or unset it to use SQLite."
        )
    import psycopg

    try:
        psycopg.connect("postgresql" + url.removeprefix(scheme), connect_timeout=_ANSWER_SECONDS).close()
    except psycopg.Error as error:
        raise LaunchError(
            f"DATABASE_URL ({without_password(url)}) does not answer ({_first_line(error)}):"
            " start that PostgreSQL, correct the address, or unset DATABASE_URL to use SQLite."
        ) from None


def without_password(url: str) -> str:
    parts = urlsplit(url)
    # A query may hold a password too.
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".:")
