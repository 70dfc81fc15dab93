"""Which processes make up the site, and what the supervisor is told about them."""

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import broker
from .addresses import numeric
from .certificate import Certificate
from .options import ROOT, Options
from .problems import LaunchError

# Together they bound a stop: the site's processes end at the same time, then the broker.
SITE_STOP_SECONDS = 5
BROKER_STOP_SECONDS = 2

# What a picture took is given back to the system once it is done with, and not kept for the next: 60 MB less after a
# few, at the same speed (glibc's allocator; others do not read it).
_THRIFTY = 'MALLOC_TRIM_THRESHOLD_="131072"'

_PYTHON = (sys.executable, "-m")
_CELERY = (*_PYTHON, "celery", "-A", "config")


@dataclass(frozen=True)
class Program:
    """A process to keep alive. `stop_group`: the request to stop goes to its children too. `environment`: what it has
    beside the supervisor's."""

    name: str
    command: Sequence[str]
    stop_seconds: int = SITE_STOP_SECONDS
    stop_group: bool = False
    environment: str = ""


def site_programs(options: Options, certificate: Certificate | None) -> list[Program]:
    """Everything but the broker. No certificate means plain HTTP for a proxy."""
    # A training is not waited for: it goes on from its last checkpoint at the next start.
    # A process for each: what packing and judging have loaded goes with it.
    alone = (*_worker("train", 1), "--max-tasks-per-child=1")
    train = [Program("train", alone, stop_group=True)] * options.train_processes
    return [
        Program("web", _web(options, certificate), environment=_THRIFTY),
        # A pool's children end with the task in hand, which a signal of their own would cut off.
        Program("media", _worker("media", options.media_processes)),
        Program("bulk", _worker("bulk", 2)),
        *train,
        Program(
            "beat", (*_CELERY, "beat", "--schedule", str(options.run_dir / "beat-schedule"), "--pidfile=")
        ),
    ]


def broker_program(options: Options) -> Program:
    server = broker.find_server()
    return Program("broker", (str(server), str(broker_configuration(options))), BROKER_STOP_SECONDS)


def broker_configuration(options: Options) -> Path:
    return options.run_dir / "redis.conf"


def _web(options: Options, certificate: Certificate | None) -> list[str]:
    command = [*_PYTHON, "granian", "--interface", "asginl", "--no-ws"]
    command += ["--workers", str(options.web_processes), "--respawn-failed-workers"]
    command += ["--workers-kill-timeout", str(SITE_STOP_SECONDS - 1)]
    if options.listen_socket:
        # A killed server leaves its socket behind, and the next one could not bind to it.
        fresh = ["/bin/sh", "-c", 'rm -f -- "$0" && exec "$@"', str(options.listen_socket)]
        command = [
            *fresh,
            *command,
            "--uds",
            str(options.listen_socket),
            "--uds-permissions",
            "0660",
        ]  # octal by its zero
    else:
        command += ["--host", numeric(options.host), "--port", str(options.port)]
    if certificate:
        command += ["--ssl-certificate", str(certificate.cert), "--ssl-keyfile", str(certificate.key)]
        command += ["--ssl-protocol-min", "tls1.2"]
    return [*command, "config.asgi:application"]


def _worker(queue: str, processes: int) -> tuple[str, ...]:
    flags = ("--prefetch-multiplier=1", "-P", "prefork", "--without-gossip", "--without-mingle")
    return (
        *_CELERY,
        "worker",
        "-Q",
        queue,
        "-n",
        f"{queue}@%h",
        "-c",
        str(processes),
        *flags,
        "--loglevel=INFO",
    )


def supervisor_configuration(
    options: Options, programs: Sequence[Program], first: Sequence[Program] = ()
) -> str:
    """The text of supervisord's configuration. `first` start before the others and stop after them."""
    run, logs = options.run_dir, options.log_dir
    sections = [
        _section(
            "supervisord",
            nodaemon="true",
            silent="true",
            pidfile=run / "supervisor.pid",
            logfile=logs / "supervisor.log",
            logfile_maxbytes="5MB",
            logfile_backups=3,
            childlogdir=logs,
        ),
        *(_program(program, logs) for program in [*first, *programs]),
        _section("group:site", programs=",".join(program.name for program in programs), priority=20),
        *(_section(f"group:{one.name}", programs=one.name, priority=10) for one in first),
    ]
    return "\n".join(sections)


def _program(program: Program, logs: Path) -> str:
    return _section(
        f"program:{program.name}",
        command=shlex.join(program.command),
        **({"environment": program.environment} if program.environment else {}),
        directory=ROOT,
        umask="077",
        autorestart="true",
        startsecs=3,
        # The pause grows by a second with every failure and never ends: a full disk that has been cleared,
        # or a database that has come back, needs nobody to start the site again.
        startretries=1_000_000,
        stopwaitsecs=program.stop_seconds,
        stopasgroup=str(program.stop_group).lower(),
        killasgroup="true",
        redirect_stderr="true",
        stdout_logfile=logs / f"{program.name}.log",
        stdout_logfile_maxbytes="10MB",
        stdout_logfile_backups=3,
    )


def _section(header: str, **values: object) -> str:
    lines = [f"{name}={_value(value)}" for name, value in values.items()]
    return "\n".join([f"[{header}]", *lines, ""])


def _value(value: object) -> str:
    text = str(value)
    # The format has no way to write these: what follows would be a comment or another setting, and in the
    # paths of logs a % is expanded twice.
    if re.search(r"\s[;#]|[\r\n]", text) or (isinstance(value, Path) and "%" in text):
        raise LaunchError(f"{text!r} has a %, a line break, or a space before ; or #: rename that folder.")
    return text.replace("%", "%%")
