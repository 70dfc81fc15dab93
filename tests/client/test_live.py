"""From the command line, against the whole running site, through a line that is cut in the middle of a download."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, LiveSite

pytestmark = pytest.mark.stack

SEED = """
from django.contrib.auth.models import Group, User
from operations.tokens import token_make
from tests.labeling.conftest import newcomer
from tests.training.exports.conftest import accepted_photo
somebody = newcomer()
for number in range(6):
    accepted_photo(("tongue", "grin")[number % 2], somebody if number < 3 else newcomer(), 300 + number)
owner = User.objects.create_user("client", is_staff=True)
owner.groups.add(Group.objects.get(name="manager"))
print(token_make(owner=owner, maker=owner, name="tests").secret)
"""


class CutLine:
    """Passes bytes on to a port. `cuts`: once so many have come back by it, each of the next connections is cut."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.cuts: list[int] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.cut = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            site = socket.create_connection(("127.0.0.1", self._target))
            left = self.cuts.pop(0) if self.cuts else None
            threading.Thread(target=self._pass_on, args=(client, site, None), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(site, client, left), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, left: int | None) -> None:
        try:
            while data := source.recv(16_384):
                if left is not None:
                    left -= len(data)
                    if left < 0:
                        self.cut += 1
                        break
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def cut_line(live_site: LiveSite) -> Iterator[CutLine]:
    line = CutLine(live_site.port)
    yield line
    line.close()


def test_command_line_from_freeze_to_samples_over_a_line_that_is_cut(
    live_site: LiveSite, cut_line: CutLine, tmp_path: Path
) -> None:
    token = live_site.manage("shell", "-v0", "-c", SEED).split()[-1]
    (tmp_path / "token").write_text(f"{token}\n")

    def client(*arguments: str, ca: bool = True) -> "subprocess.CompletedProcess[str]":
        given = ["--url", f"https://127.0.0.1:{cut_line.port}", "--token-file", str(tmp_path / "token")]
        given += ["--ca", str(live_site.data_dir / "tls" / "certificate.pem")] if ca else []
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, "-m", "smielfy_client", *given, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    untrusted = client("list", ca=False)
    assert (untrusted.returncode, "copy tls/certificate.pem" in untrusted.stderr) == (1, True)
    live_site.manage("freeze_dataset")
    listed = client("list")
    assert listed.returncode == 0, listed.stderr
    number = listed.stdout.split()[0].partition(".")[0]
    cut_line.cuts = [40_000, 40_000]
    downloaded = client("download", number, "--format", "webdataset", "--to", "data")
    assert downloaded.returncode == 0, downloaded.stderr
    assert cut_line.cut == 2
    path = tmp_path / downloaded.stdout.strip()
    (known,) = json.loads(
        live_site.manage(
            "shell",
            "-v0",
            "-c",
            "import json; from training.models import Export;"
            f" print(json.dumps(list(Export.objects.filter(version={number}, format='webdataset')"
            ".values_list('sha256', flat=True))))",
        )
    )
    assert hashlib.sha256(path.read_bytes()).hexdigest() == known
    samples = client("samples", str(path))
    assert samples.returncode == 0, samples.stderr
    assert {json.loads(line)["smiley"] for line in samples.stdout.splitlines()} >= {"tongue", "grin"}
