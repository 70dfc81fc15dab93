import datetime
import ipaddress
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from operations.launch import certificate
from operations.launch.addresses import machine_addresses, machine_names
from operations.launch.problems import LaunchError

NAMES = ["localhost", "box.example"]
ADDRESSES = [ipaddress.ip_address(text) for text in ("127.0.0.1", "::1", "192.0.2.7")]


def leaf_of(made: certificate.Certificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(made.cert.read_bytes())


def write_pair(folder: Path, days: int, key: ec.EllipticCurvePrivateKey | None = None) -> tuple[Path, Path]:
    """A certificate that ends in so many days, for `NAMES` and `ADDRESSES`, and its key."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "box.example")])
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    entries = [*map(x509.DNSName, NAMES), *map(x509.IPAddress, ADDRESSES)]
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(end - datetime.timedelta(days=100))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName(entries), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    cert, key_file = folder / "certificate.pem", folder / "key.pem"
    cert.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(plain_key(key))
    return cert, key_file


def plain_key(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_made_for_every_name_and_address_and_not_too_long(tmp_path: Path) -> None:
    leaf = leaf_of(certificate.self_signed(tmp_path / "tls", NAMES, ADDRESSES))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == NAMES
    assert names.get_values_for_type(x509.IPAddress) == ADDRESSES
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= datetime.timedelta(days=825)


def test_works_for_a_server_and_its_key_is_private(tmp_path: Path) -> None:
    made = certificate.self_signed(tmp_path / "tls", machine_names(), machine_addresses())
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(made.cert, made.key)
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert made.key.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")


def test_kept_while_it_serves(tmp_path: Path) -> None:
    first = certificate.self_signed(tmp_path, NAMES, ADDRESSES).cert.read_bytes()
    assert certificate.self_signed(tmp_path, NAMES, ADDRESSES).cert.read_bytes() == first
    assert certificate.self_signed(tmp_path, NAMES, ADDRESSES[:2]).cert.read_bytes() == first


def test_made_anew_for_a_new_address(tmp_path: Path) -> None:
    first = leaf_of(certificate.self_signed(tmp_path, NAMES, ADDRESSES))
    moved = leaf_of(certificate.self_signed(tmp_path, NAMES, [*ADDRESSES, ipaddress.ip_address("192.0.2.8")]))
    assert moved.serial_number != first.serial_number


@pytest.mark.parametrize(("days", "kept"), [(31, True), (29, False), (-1, False)])
def test_made_anew_near_its_end(tmp_path: Path, days: int, kept: bool) -> None:
    cert, _ = write_pair(tmp_path, days)
    before = cert.read_bytes()
    assert (certificate.self_signed(tmp_path, NAMES, ADDRESSES).cert.read_bytes() == before) is kept


def test_made_anew_when_a_cut_off_start_left_half_a_pair(tmp_path: Path) -> None:
    _, key = write_pair(tmp_path, 90)
    key.write_bytes(plain_key(ec.generate_private_key(ec.SECP256R1())))
    made = certificate.self_signed(tmp_path, NAMES, ADDRESSES)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(made.cert, made.key)


def test_own_pair_is_taken_as_it_is(tmp_path: Path) -> None:
    cert, key = write_pair(tmp_path, 90)
    taken = certificate.own(cert, key)
    assert (taken.cert, taken.key, taken.self_signed, taken.warning) == (cert, key, False, "")


def test_own_pair_that_has_ended_is_used_with_a_warning(tmp_path: Path) -> None:
    assert "renew it" in certificate.own(*write_pair(tmp_path, -3)).warning


def test_own_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    cert, _ = write_pair(tmp_path / "a", 90)
    _, key = write_pair(tmp_path / "b", 90)
    with pytest.raises(LaunchError, match=r"TLS_KEY .* is not the key of TLS_CERT"):
        certificate.own(cert, key)


def test_own_key_in_another_form_is_refused_with_the_command_that_converts_it(tmp_path: Path) -> None:
    cert, key = write_pair(tmp_path, 90)
    old = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    key.write_bytes(old)
    with pytest.raises(LaunchError, match="openssl pkcs8 -topk8"):
        certificate.own(cert, key)


def test_own_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    cert, key = write_pair(tmp_path, 90)
    with pytest.raises(LaunchError, match=r"TLS_CERT \(.*missing.pem\) cannot be read"):
        certificate.own(tmp_path / "missing.pem", key)
    with pytest.raises(LaunchError, match=r"TLS_KEY \(.*missing.pem\) cannot be read"):
        certificate.own(cert, tmp_path / "missing.pem")
    with pytest.raises(LaunchError, match="no PEM certificate"):
        certificate.own(key, key)
