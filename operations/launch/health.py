"""Asking the web process on this machine whether it answers."""

import http.client
import ipaddress
import socket
import ssl
from pathlib import Path

from .addresses import in_url, numeric
from .options import Options


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def answers(options: Options, path: str = "/healthz", timeout: float = 2.0) -> bool:
    """Whether `path` is answered with 200 on the site's own address."""
    connection = _connection(options, timeout)
    # What a proxy would say, so that plain HTTP is not sent on to https.
    headers = {"Host": _allowed_host(options), "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"}
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def local_address(options: Options) -> str:
    """Where this machine itself reaches the web process."""
    address = ipaddress.ip_address(numeric(options.host))
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "::1"
    return str(address)


def _connection(options: Options, timeout: float) -> http.client.HTTPConnection:
    if options.listen_socket:
        return _SocketConnection(options.listen_socket, timeout)
    address = local_address(options)
    if options.behind_proxy:
        return http.client.HTTPConnection(address, options.port, timeout=timeout)
    # Unverified: the address is this machine's own and the certificate may be for another name.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(address, options.port, timeout=timeout, context=context)


def _allowed_host(options: Options) -> str:
    """A host that the site accepts: the first of ALLOWED_HOSTS that is a whole name."""
    allowed = [name.strip() for name in options.allowed_hosts.split(",")]
    whole = [name for name in allowed if name and name[0] not in ".*"]
    if whole:
        return whole[0]
    return "localhost" if options.listen_socket else in_url(local_address(options))
