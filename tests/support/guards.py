"""What keeps tests away from the real home, caches, settings and network."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OUTSIDE: Mapping[str, str] = dict(os.environ)
"""The environment that the test run was started with."""

_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "PYENV_ROOT")

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")

_KEPT_FOR_NETWORK = (
    *_PROXIES,
    *("NO_PROXY", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"),
    *("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_INSECURE_HOST", "UV_HTTP_TIMEOUT"),
)

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost", "", None})

_NO_PROXY_ANSWERS = "http://127.0.0.1:9"


def sanitised(home: Path, source: Path | None, *, network: bool) -> dict[str, str]:
    """Make the environment that tests and the processes they start live in.

    It is made of what is let through, not of what is taken away, so nothing that this machine has set leaks in.

    Args:
        home: The home of the test; the XDG folders are below it.
        source: Put on ``PYTHONPATH``, where the code under test is not installed.
        network: Whether proxies, certificates and a configured index of this machine stay. Otherwise every proxy is
            an address where nothing answers, so that no process started by a test reaches further than this machine.
    """
    environment = {name: OUTSIDE[name] for name in (*_KEPT, *(_KEPT_FOR_NETWORK if network else ())) if name in OUTSIDE}
    environment |= {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local/share"),
        "XDG_STATE_HOME": str(home / ".local/state"),
        "FUMEHOOD_CACHE": str(home / "fumehood-cache"),
        "UV_CACHE_DIR": str(home / "uv-cache"),
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "COLUMNS": "120",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CEILING_DIRECTORIES": str(home.parent),
    }
    for role in ("AUTHOR", "COMMITTER"):
        environment[f"GIT_{role}_NAME"] = "fumehood tests"
        environment[f"GIT_{role}_EMAIL"] = "tests@example.invalid"
        environment[f"GIT_{role}_DATE"] = "2020-02-02T00:00:00+00:00"
    if source:
        environment["PYTHONPATH"] = str(source)
    if not network:
        environment |= dict.fromkeys(_PROXIES, _NO_PROXY_ANSWERS)
        environment |= {"NO_PROXY": "127.0.0.1,localhost,::1", "UV_HTTP_RETRIES": "0"}
    return environment


def importable(checkout: Path) -> None:
    """Make fumehood importable from a checkout in this process, unless it already is."""
    if importlib.util.find_spec("fumehood") is None:
        sys.path.append(str(checkout / "tools"))


def source_folder() -> Path | None:
    """Find the folder that a child process needs on its path to import the same fumehood as this one; None if none."""
    spec = importlib.util.find_spec("fumehood")
    if spec is None or spec.origin is None:
        return None
    here = Path(spec.origin).resolve().parents[1]
    code = "import importlib.util as u; spec = u.find_spec('fumehood'); print(spec.origin if spec else '')"
    plain = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    there = plain.stdout.strip()
    return None if there and Path(there).resolve().parents[1] == here else here


@contextmanager
def replaced_environment(environment: Mapping[str, str]) -> Iterator[None]:
    """Let this process live in an environment for a while; pytest keeps its own variables."""
    before = dict(os.environ)
    own = {name: value for name, value in before.items() if name.startswith("PYTEST_")}
    _become({**environment, **own})
    try:
        yield
    finally:
        now = {name: value for name, value in os.environ.items() if name.startswith("PYTEST_")}
        _become({**{name: value for name, value in before.items() if name not in own}, **now})


def _become(environment: Mapping[str, str]) -> None:
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


class SocketGuard:
    """Refuses, while `closed`, every connection of this process that would leave the machine.

    An audit hook sees what C code opens too, and cannot be patched away; it also cannot be removed, so there is one
    for the whole process and it asks this object.
    """

    def __init__(self) -> None:
        self.closed = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.closed or not event.startswith("socket."):
            return
        match event, arguments:
            case "socket.connect" | "socket.sendto" | "socket.sendmsg", (_, (host, *_)):
                self._refuse_unless_loopback(host)
            case "socket.getaddrinfo" | "socket.gethostbyname", (host, *_):
                self._refuse_unless_loopback(host)
            case _:
                pass  # A Unix socket's address is a path, and other events reach nobody.

    def _refuse_unless_loopback(self, host: object) -> None:
        host = host.decode() if isinstance(host, bytes) else host
        if host not in _LOOPBACK:
            # Not an ordinary exception, which the code under test might take for a network that is down.
            pytest.fail(f"this test reached for {host}; mark it `network` if it has to")
