import io
from pathlib import Path

import cv2
import numpy as np
import pytest

from operations.launch.certificate import Certificate
from operations.launch.greeting import greeting, network_url, qr_code
from operations.launch.options import Options

SELF_SIGNED = Certificate(Path("c"), Path("k"), self_signed=True)


def pixels(picture: str) -> np.ndarray:
    """What a phone's camera sees: each character is two pixels high."""
    rows = []
    for line in picture.splitlines():
        rows.append([character in "█▀" for character in line])
        rows.append([character in "█▄" for character in line])
    image = np.array(rows, np.uint8) * 255
    return cv2.resize(image, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)


def test_qr_code_holds_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    url = "https://192.0.2.7:8443/"
    image = cv2.copyMakeBorder(pixels(qr_code(url)), 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=255)
    assert cv2.QRCodeDetector().detectAndDecode(image)[0] == url


def test_qr_code_is_plain_ascii_where_the_terminal_knows_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert qr_code("https://192.0.2.7:8443/").isascii()


def test_says_addresses_warning_link_logs_and_how_to_stop() -> None:
    options = Options.from_environment({"PORT": "9443", "DATA_DIR": "/srv/smielfy"})
    said = greeting(options, SELF_SIGNED, "/first-account/abc/")
    assert "https://localhost:9443/" in said
    assert network_url(options) in said
    assert "browser will warn" in said
    assert "https://localhost:9443/first-account/abc/" in said
    assert "/srv/smielfy/logs" in said
    assert "Ctrl-C" in said


def test_no_warning_and_no_link_when_neither_is_due() -> None:
    own = Certificate(Path("c"), Path("k"), self_signed=False)
    said = greeting(Options.from_environment({"SITE_NAME": "smile.example"}), own, "")
    assert "warn" not in said
    assert "first-account" not in said
    assert "https://smile.example:8443/" in said


def test_loopback_only_is_said_to_be_so_without_a_code() -> None:
    said = greeting(Options.from_environment({"HOST": "127.0.0.1"}), SELF_SIGNED, "")
    assert "Other machines do not reach it" in said
    assert "▄" not in said


def test_behind_a_proxy_names_where_it_listens_and_the_real_site() -> None:
    variables = {"TRUSTED_PROXIES": "1", "LISTEN_SOCKET": "/run/smielfy.sock", "SITE_NAME": "smile.example"}
    said = greeting(Options.from_environment(variables), None, "/first-account/abc/")
    assert "/run/smielfy.sock" in said
    assert "https://smile.example/first-account/abc/" in said
