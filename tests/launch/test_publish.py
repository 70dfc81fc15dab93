"""What browsers fetch of LiteRT: made ready at set-up, and compressed once."""

import os
from pathlib import Path

import pytest

from operations.static_files import OnceCompressor
from tests.conftest import ROOT

PUBLISHED = ROOT / "node_modules" / ".published"


def test_two_builds_and_the_detector_are_published_and_nothing_else() -> None:
    names = {str(path.relative_to(PUBLISHED)) for path in PUBLISHED.rglob("*") if path.is_file()}
    builds = ("litert_wasm_internal", "litert_wasm_compat_internal")
    assert names == {
        "faces/blazeface.tflite",
        "litert/litert.js",
        "litert/wasm-utils.js",
        *(f"litert/{build}.{kind}" for build in builds for kind in ("js", "wasm")),
    }


def test_no_import_is_bare() -> None:
    text = (PUBLISHED / "litert" / "litert.js").read_text()
    assert 'from "./wasm-utils.js"' in text
    assert 'from "@' not in text


def test_a_file_is_compressed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "script.0123456789ab.js"
    path.write_text("let a = 1;\n" * 500)
    made = OnceCompressor(quiet=True).compress(str(path))
    assert sorted(made) == [f"{path}.br", f"{path}.gz"]
    assert sorted(os.listdir(tmp_path)) == [path.name, f"{path.name}.br", f"{path.name}.gz"]
    monkeypatch.setattr(OnceCompressor, "compress_brotli", lambda data: pytest.fail("compressed again"))
    assert sorted(OnceCompressor(quiet=True).compress(str(path))) == sorted(made)


def test_what_was_interrupted_is_done_again(tmp_path: Path) -> None:
    path = tmp_path / "script.0123456789ab.js"
    path.write_text("let a = 1;\n" * 500)
    Path(f"{path}.br").write_bytes(b"half")
    OnceCompressor(quiet=True).compress(str(path))
    assert Path(f"{path}.br").read_bytes() != b"half"
