"""Signs of life of a worker's main process."""

from typing import Any

import pytest

from operations import pulses
from operations.models import QueuePulse
from operations.signals import worker_beats


@pytest.mark.django_db
def test_heartbeat_is_told_on_each_machine_and_a_receiver_that_fails_does_not_end_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []

    def fails(**kwargs: Any) -> None:
        heard.append("fails")
        raise OSError("the disk is gone")

    def hears(**kwargs: Any) -> None:
        heard.append("hears")

    monkeypatch.setattr(pulses, "_last_pulse", -pulses._PULSE_SECONDS)
    for receiver in (fails, hears):
        worker_beats.connect(receiver)
    try:
        for _ in range(3):
            pulses._on_heartbeat()
    finally:
        for receiver in (fails, hears):
            worker_beats.disconnect(receiver)
    assert heard == ["fails", "hears"], "once in ten seconds"
    assert "the disk is gone" in caplog.text
    assert QueuePulse.objects.exists()
