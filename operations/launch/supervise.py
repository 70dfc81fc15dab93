"""The supervisor: PyPI's `supervisor`, which here leaves no orphans and tells the terminal what it restarts.

Started as `python -m operations.launch.supervise CONFIGURATION PARENT_PID` by `up`.
"""

import contextlib
import os
import signal
import sys
from datetime import datetime

from supervisor import events  # type: ignore[import-untyped]
from supervisor.medusa.asyncore_25 import ExitNow  # type: ignore[import-untyped]
from supervisor.options import ServerOptions  # type: ignore[import-untyped]
from supervisor.supervisord import Supervisor  # type: ignore[import-untyped]

from .tether import end_with


class TetheredOptions(ServerOptions):  # type: ignore[misc]
    def setpgrp(self) -> None:
        """Called first in each new child, before it becomes the program."""
        super().setpgrp()
        end_with(self.supervisor_pid)


class Site(Supervisor):  # type: ignore[misc]
    def runforever(self) -> None:
        # Here and not earlier: run() starts by dropping all subscriptions.
        events.subscribe(events.ProcessStateEvent, _on_change)
        # The loop would first wait a second for something to happen.
        for group in sorted(self.process_groups.values()):
            group.transition()
        super().runforever()


def _on_change(event: events.ProcessStateEvent) -> None:
    ended = (events.ProcessStateExitedEvent, events.ProcessStateBackoffEvent, events.ProcessStateStoppedEvent)
    if isinstance(event, ended):
        _end_family(event.process.pid)
    name, tries = event.process.config.name, event.process.backoff
    if isinstance(event, events.ProcessStateExitedEvent):
        _say(f"{name} ended unexpectedly and is started again.")
    elif isinstance(event, events.ProcessStateBackoffEvent) and (tries <= 3 or tries % 10 == 0):
        _say(f"{name} ended right after its start, for the {tries}. time; its log says why. Trying again.")


def _end_family(pid: int | None) -> None:
    """Kill what a process has left in its group.

    A killed web server's workers would keep its port, a killed worker's children its tasks.
    """
    if pid:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _say(text: str) -> None:
    # The terminal may be gone, which must not end the site.
    with contextlib.suppress(OSError, ValueError):
        print(f"{datetime.now():%H:%M:%S} {text}", flush=True)


def main(configuration: str, parent: int) -> None:
    end_with(parent)
    options = TetheredOptions()
    options.supervisor_pid = os.getpid()
    options.realize(["-n", "-c", configuration])
    options.first, options.test = True, False
    with contextlib.suppress(ExitNow):
        Site(options).main()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
