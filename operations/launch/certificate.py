"""The certificate that the site shows: the operator's, or a self-signed one with the machine's names."""

import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .addresses import Address
from .problems import LaunchError

# Browsers refuse longer ones (825 days), the day before allows for clocks that are behind.
_VALID = datetime.timedelta(days=820)
_BEFORE = datetime.timedelta(days=1)
_RENEW = datetime.timedelta(days=30)


@dataclass(frozen=True)
class Certificate:
    """Two PEM files, the key in PKCS#8 without a passphrase as the web server wants it."""

    cert: Path
    key: Path
    self_signed: bool
    warning: str = ""


def self_signed(folder: Path, names: Sequence[str], addresses: Sequence[Address]) -> Certificate:
    """The certificate in `folder`, made anew when it is missing, near its end, or lacks a name or address.

    An address that is gone does not count: going from one network to another and back must not make every
    browser warn again.
    """
    pair = Certificate(folder / "certificate.pem", folder / "key.pem", self_signed=True)
    wanted = _alternative_names(names, addresses)
    known = _usable(pair, wanted)
    if known is None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_pair(pair, wanted)
    return pair


def own(cert: Path, key: Path) -> Certificate:
    """The operator's certificate, checked as far as it can be before the web server reads it."""
    chain = _read("TLS_CERT", cert)
    try:
        leaf = x509.load_pem_x509_certificates(chain)[0]
    except ValueError:
        raise LaunchError(f"TLS_CERT ({cert}) is no PEM certificate: give the full chain's file.") from None
    secret = _read("TLS_KEY", key)
    if b"-----BEGIN PRIVATE KEY-----" not in secret:
        raise LaunchError(
            f"TLS_KEY ({key}) is not a plain PKCS#8 key: convert it with"
            f" `openssl pkcs8 -topk8 -nocrypt -in {key} -out NEW.pem` and name the new file."
        )
    try:
        private = serialization.load_pem_private_key(secret, password=None)
    except (ValueError, TypeError):
        raise LaunchError(f"TLS_KEY ({key}) cannot be read: give the key of TLS_CERT.") from None
    if _public_bytes(private.public_key()) != _public_bytes(leaf.public_key()):
        raise LaunchError(f"TLS_KEY ({key}) is not the key of TLS_CERT ({cert}): name a pair.")
    ended = leaf.not_valid_after_utc
    warning = f"TLS_CERT ended on {ended:%Y-%m-%d}: renew it." if ended < _now() else ""
    return Certificate(cert, key, self_signed=False, warning=warning)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _read(variable: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LaunchError(
            f"{variable} ({path}) cannot be read ({error.strerror}): correct the path or its permissions."
        ) from None


def _alternative_names(names: Sequence[str], addresses: Sequence[Address]) -> list[x509.GeneralName]:
    entries: list[x509.GeneralName] = [x509.DNSName(name) for name in dict.fromkeys(names)]
    return entries + [x509.IPAddress(ipaddress.ip_address(address)) for address in dict.fromkeys(addresses)]


def _usable(pair: Certificate, wanted: Sequence[x509.GeneralName]) -> x509.Certificate | None:
    try:
        leaf = x509.load_pem_x509_certificate(pair.cert.read_bytes())
        private = serialization.load_pem_private_key(pair.key.read_bytes(), password=None)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound):
        return None
    # The key is written first: a start that was cut off in between leaves a pair that does not match.
    matches = _public_bytes(private.public_key()) == _public_bytes(leaf.public_key())
    fresh = _now() + _RENEW < leaf.not_valid_after_utc
    return leaf if matches and fresh and set(wanted) <= set(names) else None


def _public_bytes(key: object) -> bytes:
    encoded: bytes = key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def _write_pair(pair: Certificate, wanted: Sequence[x509.GeneralName]) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Smielfy, self-signed")])
    now = _now()
    leaf = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(wanted), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(pair.key, secret)
    write_private(pair.cert, leaf.public_bytes(serialization.Encoding.PEM))


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    aside = path.with_name(path.name + ".new")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
