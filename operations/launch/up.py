"""From nothing running to a running site, and back."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from . import broker, certificate, preflight, processes
from .addresses import in_url, machine_addresses, machine_names
from .greeting import greeting
from .health import answers
from .options import ROOT, Options
from .problems import LaunchError
from .secret_key import ensure_secret_key

_ANSWER_SECONDS = 60.0


class Launch:
    """One start. `run` returns the exit status, after everything it started has ended."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._stopping = False
        self._child: subprocess.Popen[str] | None = None
        self._names, self._addresses = machine_names(), machine_addresses()

    def run(self) -> int:
        """Raises LaunchError before anything runs; whatever goes wrong later is stopped first."""
        os.umask(0o077)  # photos, database and logs are nobody else's
        self._listen_to_signals()
        lock = preflight.check(self._options)
        shown = self._certificate()
        if not os.environ.get("SECRET_KEY"):
            ensure_secret_key(self._options.data_dir)
        self._say("Starting …")
        link = self._prepare(self._environment())
        if self._stopping:
            return 0
        self._start_supervisor(self._environment(), shown, lock)
        try:
            self._wait_for_answer()
            if not self._stopping:
                self._say(greeting(self._options, shown, link))
            status = self._await_child()
        finally:
            self._stop()
        if self._stopping:
            self._say("Smielfy has stopped.")
            return 0
        raise LaunchError(
            f"The supervisor ended by itself (status {status}):"
            f" see {self._options.log_dir / 'supervisor.log'}, then start again."
        )

    def _certificate(self) -> certificate.Certificate | None:
        options = self._options
        if options.behind_proxy:
            return None
        if options.tls_cert and options.tls_key:
            return certificate.own(options.tls_cert, options.tls_key)
        return certificate.self_signed(options.data_dir / "tls", self._names, self._addresses)

    def _environment(self) -> dict[str, str]:
        """What the processes are told beyond what we were told: every name by which the machine is called."""
        options = self._options
        known = [options.site_name, *self._names, *map(in_url, self._addresses)]
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATA_DIR": str(options.data_dir),
            "TRUSTED_PROXIES": str(options.trusted_proxies),
            "ALLOWED_HOSTS": options.allowed_hosts or ",".join(name for name in known if name),
            "PYTHONUNBUFFERED": "1",
        }

    def _prepare(self, environment: dict[str, str]) -> str:
        """Database, static files, first account: the path of the one-time link, or nothing."""
        command = [sys.executable, "-m", "operations.launch.first_run"]
        self._child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        link, _ = self._child.communicate()
        if self._child.returncode == 130:
            self._stopping = True
        elif self._child.returncode and not self._stopping:
            raise LaunchError("The site could not be prepared: the message above says why.")
        self._child = None
        return link.strip()

    def _start_supervisor(
        self, environment: dict[str, str], shown: certificate.Certificate | None, lock: int
    ) -> None:
        options = self._options
        first: Sequence[processes.Program] = ()
        if not options.redis_url:
            first = [processes.broker_program(options)]
            content = broker.configuration(options.data_dir)
            certificate.write_private(processes.broker_configuration(options), content.encode())
        programs = processes.site_programs(options, shown)
        path = options.run_dir / "supervisor.conf"
        content = processes.supervisor_configuration(options, programs, first)
        certificate.write_private(path, content.encode())
        # In a session of its own: Ctrl-C reaches us alone, and we stop everything in order. It inherits the
        # lock, which therefore stays held while its processes are ending, whatever happens to us.
        self._child = subprocess.Popen(
            [sys.executable, "-m", "operations.launch.supervise", str(path), str(os.getpid())],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[lock],
            text=True,
        )

    def _wait_for_answer(self) -> None:
        deadline = time.monotonic() + _ANSWER_SECONDS
        while self._child and self._child.poll() is None and not self._stopping:
            if answers(self._options):
                return
            if time.monotonic() > deadline:
                log = self._options.log_dir / "web.log"
                raise LaunchError(
                    f"The site did not answer within {_ANSWER_SECONDS:.0f} seconds and was stopped;"
                    f" {log} says why:\n{_tail(log)}"
                )
            time.sleep(0.1)

    def _await_child(self) -> int:
        return self._child.wait() if self._child else 0

    def _stop(self) -> None:
        if self._child and self._child.poll() is None:
            self._child.terminate()
            self._child.wait()

    def _listen_to_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Under nohup the end of the terminal is not a wish to stop.
            if signal.getsignal(number) != signal.SIG_IGN or number != signal.SIGHUP:
                signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self._stopping:
            # Not print: the signal may have come in the middle of one.
            with contextlib.suppress(OSError):
                os.write(1, b"\nStopping ...\n")
        self._stopping = True
        if self._child:
            self._child.terminate()

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError):
            print(text, flush=True)


def _tail(log: Path, lines: int = 15) -> str:
    try:
        content = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in content[-lines:])
