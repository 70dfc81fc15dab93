"""The names and addresses under which this machine can be reached."""

import ipaddress
import re
import socket
from pathlib import Path
from threading import Thread

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Any address outside the machine's own networks will do: connecting a datagram socket sends nothing.
_SOMEWHERE = ("198.51.100.1", 9)
_NAME_SECONDS = 1.0
_TEMPORARY, _DEPRECATED = 0x01, 0x20  # flags of /proc/net/if_inet6
_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")


def machine_names() -> list[str]:
    """`localhost`, the host name and the full host name: those that may stand in an address."""
    names = ["localhost", socket.gethostname().lower(), _full_name().lower()]
    return [name for name in dict.fromkeys(names) if _NAME.fullmatch(name) and len(name) <= 253]


def _full_name() -> str:
    """The full host name, unless the name server takes longer than a start may wait."""
    answer: list[str] = []
    asking = Thread(target=lambda: answer.append(socket.getfqdn()), daemon=True)
    asking.start()
    asking.join(_NAME_SECONDS)
    return answer[0] if answer else ""


def machine_addresses() -> list[Address]:
    """Every address of this machine that stays for a while, loopback first, without link-local ones."""
    found: list[Address] = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    lan = lan_address()
    found += [lan] if lan else []
    found += _kernel_ipv4() + _kernel_ipv6() or _resolved()
    return [
        address
        for address in dict.fromkeys(found)
        if not address.is_link_local and not address.is_multicast and not address.is_unspecified
    ]


def lan_address() -> Address | None:
    """The address that other machines most likely see: the one on the way out. None without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_SOMEWHERE)
        except OSError:
            return None
        address = ipaddress.ip_address(probe.getsockname()[0])
    return None if address.is_loopback or address.is_unspecified else address


def _kernel_ipv4() -> list[Address]:
    """Linux: the routing table's leaves that are this machine's own."""
    try:
        table = Path("/proc/net/fib_trie").read_text()
    except OSError:
        return []
    leaves = re.findall(r"\|-- (\S+)\n\s+/32 host LOCAL", table)
    return [a for a in map(ipaddress.ip_address, dict.fromkeys(leaves)) if not a.is_loopback]


def _kernel_ipv6() -> list[Address]:
    """Linux: without temporary addresses, for they change daily and the certificate would with them."""
    try:
        rows = [line.split() for line in Path("/proc/net/if_inet6").read_text().splitlines()]
    except OSError:
        return []
    return [
        ipaddress.IPv6Address(bytes.fromhex(row[0]))
        for row in rows
        if not int(row[4], 16) & (_TEMPORARY | _DEPRECATED) and row[5] != "lo"
    ]


def _resolved() -> list[Address]:
    """Elsewhere: what the host name resolves to."""
    try:
        answers = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers]


def in_url(host: str | Address) -> str:
    """The host as it stands in an address and in a Host header: IPv6 in brackets."""
    text = str(host)
    return f"[{text}]" if ":" in text else text


def numeric(host: str) -> str:
    """The address behind a host name, for servers that take addresses only."""
    answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return str(answers[0][4][0])
