import ipaddress
import socket

from operations.launch.addresses import in_url, lan_address, machine_addresses, machine_names


def test_loopback_and_localhost_are_always_there() -> None:
    assert machine_names()[0] == "localhost"
    assert [str(address) for address in machine_addresses()[:2]] == ["127.0.0.1", "::1"]


def test_every_ipv4_address_is_one_that_can_be_listened_on() -> None:
    for address in machine_addresses():
        if address.version == 4:
            with socket.socket() as listener:
                listener.bind((str(address), 0))


def test_address_in_the_network_is_among_the_machines() -> None:
    address = lan_address()
    assert address is None or address in machine_addresses()


def test_addresses_that_no_browser_could_use_are_left_out() -> None:
    assert not [a for a in machine_addresses() if a.is_link_local or a.is_unspecified]


def test_ipv6_stands_in_brackets_in_an_address() -> None:
    assert in_url(ipaddress.ip_address("::1")) == "[::1]"
    assert in_url("localhost") == "localhost"
