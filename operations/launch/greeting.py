"""What the terminal says once the site answers."""

import io
import ipaddress
import sys

import segno

from .addresses import in_url, lan_address, machine_addresses, numeric
from .certificate import Certificate
from .options import Options


def greeting(options: Options, certificate: Certificate | None, first_account_path: str) -> str:
    """Addresses, QR code, warnings, the first account's link, logs, how to stop."""
    if options.behind_proxy:
        where = options.listen_socket or f"http://{in_url(options.host)}:{options.port}"
        lines = ["", "Smielfy is running, for a proxy only.", "", f"  Plain HTTP on {where}"]
        base = f"https://{options.site_name or 'YOUR-SITE'}"
    else:
        local, network = local_url(options), network_url(options)
        lines = ["", "Smielfy is running.", ""]
        if options.site_name:
            lines += [f"  {_https(options.site_name, options.port)}/"]
        lines += [f"  On this machine      {local}/"] if local else []
        lines += [f"  In your network      {network}/"] if network else ["  Other machines do not reach it."]
        if network:
            lines += ["", qr_code(network + "/").rstrip("\n")]
        base = _https(options.site_name, options.port) if options.site_name else local or network
    notes = []
    if certificate and certificate.self_signed:
        notes += [
            "",
            "Every browser will warn: the certificate is self-signed. Go past the warning to try the site;",
        ]
        notes += ["for real use give a certificate with TLS_CERT and TLS_KEY."]
    if certificate and certificate.warning:
        notes += ["", f"Warning: {certificate.warning}"]
    if first_account_path:
        notes += ["", f"Make the first staff account here, once: {base}{first_account_path}"]
    notes += ["", f"Logs: {options.log_dir}", "Stop: Ctrl-C", ""]
    return "\n".join(lines + notes)


def local_url(options: Options) -> str:
    """The address for a browser on this machine; empty when it listens on another one only."""
    address = ipaddress.ip_address(numeric(options.host))
    return _https("localhost", options.port) if address.is_unspecified or address.is_loopback else ""


def network_url(options: Options) -> str:
    """The address for a phone in the same network; empty when there is none."""
    address = ipaddress.ip_address(numeric(options.host))
    if address.is_loopback:
        return ""
    if not address.is_unspecified:
        return _https(str(address), options.port)
    others = [a for a in machine_addresses() if not a.is_loopback and address.version in (6, a.version)]
    found = lan_address() or next(iter(others), None)
    return _https(str(found), options.port) if found else ""


def qr_code(url: str) -> str:
    """The address as a picture of characters, for a phone's camera."""
    picture = io.StringIO()
    code = segno.make(url, micro=False)
    # Half blocks need Unicode; the other form is twice as wide and draws with colours.
    code.terminal(out=picture, compact=_speaks_unicode(), border=2)
    return picture.getvalue()


def _speaks_unicode() -> bool:
    try:
        "▀▄█".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _https(host: str, port: int) -> str:
    return f"https://{in_url(host)}" + ("" if port == 443 else f":{port}")
