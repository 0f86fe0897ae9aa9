"""The folder a benchmark works in, and the environment variables that every process there gets."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from msgspec import Struct

CHECKOUT = Path(__file__).resolve().parents[1]
RESULTS = CHECKOUT / "bench" / "results"
_PROGRAMS = RESULTS / "programs"

_KEPT = ("LANG", "LC_ALL", "PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "TERM", "TMPDIR", "TZ")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class Place(Struct, frozen=True, kw_only=True):
    """Where a benchmark keeps everything: repositories, caches, homes. Nothing outside it is read or written.

    Attributes:
        folder: On one file system, so that linking from uv's cache is possible for every contender.
        online: Whether processes may use the network.
    """

    folder: Path
    online: bool = False

    @property
    def uv_cache(self) -> Path:
        """The cache of uv, shared by all contenders."""
        return self.folder / "uv-cache"

    @property
    def fumehood_cache(self) -> Path:
        """The cache of fumehood."""
        return self.folder / "fumehood-cache"

    def move_aside(self, path: Path) -> None:
        """Take a folder or link away that is to be made anew, if it is there; `sweep` removes it.

        Many inodes that were removed a moment ago make new ones slow, on ext4 for minutes: what is made next would be
        measured with what was removed before.
        """
        if os.path.lexists(path):
            self._aside.mkdir(parents=True, exist_ok=True)
            path.rename(Path(tempfile.mkdtemp(dir=self._aside)) / path.name)

    def sweep(self) -> None:
        """Remove what was moved aside."""
        shutil.rmtree(self._aside, ignore_errors=True)

    @property
    def _aside(self) -> Path:
        return self.folder / "aside"

    @property
    def environ(self) -> dict[str, str]:
        """Environment variables for every process; index settings are the caller's, all else is the benchmark's.

        Variables such as ``PYTHONDONTWRITEBYTECODE``, ``TOX_OVERRIDE`` or ``NOXSESSION`` would change what is
        measured, so only what is named here comes through.
        """
        kept = {
            key: value
            for key, value in os.environ.items()
            if key in _KEPT
            or key.lower() in _PROXIES
            or (key.startswith("UV_") and "INDEX" in key)
            or key.startswith("OPENBLAS_")
        }
        home = self.folder / "home"
        own = {
            "FUMEHOOD_CACHE": self.fumehood_cache,
            "HOME": home,
            "MPLCONFIGDIR": home / "matplotlib",
            "UV_CACHE_DIR": self.uv_cache,
            "XDG_CACHE_HOME": home / ".cache",
            "XDG_CONFIG_HOME": home / ".config",
            "XDG_DATA_HOME": home / ".local/share",
        }
        switches = {"NO_COLOR": "1", "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}
        if not self.online:
            switches["UV_OFFLINE"] = "1"
        return {**kept, **{key: str(path) for key, path in own.items()}, **switches}


def install() -> None:
    """Install fumehood from this checkout, with the nox and uv that it brings along, in an environment of its own.

    Users have it so, with `uv tool install` or in a virtual environment. The one that runs the benchmark holds a lot
    more, some of which every start of a program there pays for.

    Raises:
        CalledProcessError: uv could not, and has said why.
    """
    uv, folder = (sys.executable, "-m", "uv", "--quiet"), str(_PROGRAMS)
    subprocess.run((*uv, "venv", "--clear", "--python", base_python(), folder), check=True)
    install = ("pip", "install", "--compile-bytecode", "--python", folder, "-e", str(CHECKOUT))
    subprocess.run((*uv, *install), check=True)


def program(name: str) -> str:
    """A program of the environment that `install` has made, else of the one that runs the benchmark, else on the path.

    Raises:
        FileNotFoundError: It is in none of them.
    """
    places = (folder / name for folder in (_PROGRAMS / "bin", Path(sys.executable).parent))
    found = next((str(place) for place in places if place.exists()), None) or shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed; bench/requirements.txt names what the benchmark needs")
    return found


def base_python() -> str:
    """The interpreter that every environment is made for: the one behind the environment this runs in."""
    return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
