from pathlib import Path

import pytest

from operations.launch.options import ROOT, Options
from operations.launch.problems import LaunchError


def test_defaults_are_https_for_the_whole_network_and_data_beside_the_code() -> None:
    options = Options.from_environment({})
    assert (options.host, options.port, options.data_dir) == ("0.0.0.0", 8443, ROOT / "data")
    assert not options.behind_proxy


def test_empty_variables_count_as_not_set() -> None:
    options = Options.from_environment({"PORT": "", "DATA_DIR": " ", "TLS_CERT": ""})
    assert options == Options.from_environment({})


def test_relative_data_folder_becomes_absolute() -> None:
    assert Options.from_environment({"DATA_DIR": "some/where"}).data_dir == Path.cwd() / "some/where"


def test_behind_a_proxy_the_default_is_loopback() -> None:
    assert Options.from_environment({"TRUSTED_PROXIES": "1"}).host == "127.0.0.1"


@pytest.mark.parametrize("port", ["0", "65536", "-1", "https", "8443.0", "٣"])
def test_port_that_is_none_is_refused_by_name(port: str) -> None:
    with pytest.raises(LaunchError, match=r"PORT is .* from 1 to 65535"):
        Options.from_environment({"PORT": port})


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"TLS_CERT": "a.pem"}, "TLS_KEY is not"),
        ({"TLS_KEY": "a.pem"}, "TLS_CERT is not"),
        ({"TLS_CERT": "a", "TLS_KEY": "b", "TRUSTED_PROXIES": "1"}, "the proxy does the encryption"),
        ({"LISTEN_SOCKET": "/run/s.sock"}, "set TRUSTED_PROXIES"),
        ({"TRUSTED_PROXIES": "1", "HOST": "0.0.0.0"}, "plain HTTP stays on this machine"),
    ],
)
def test_combinations_that_make_no_sense_are_refused(variables: dict[str, str], said: str) -> None:
    with pytest.raises(LaunchError, match=said):
        Options.from_environment(variables)
