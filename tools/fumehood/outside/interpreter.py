"""Python interpreters: finding one, and what installing for it depends on."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping  # noqa: TC003 - msgspec looks it up when it reads an answer
from pathlib import Path
from typing import TypeVar

from msgspec import Struct, field

from fumehood.errors import WorldError
from fumehood.model.digest import sha256
from fumehood.outside.files import from_json, read_json, to_json, write_whole

_T = TypeVar("_T")

_PROBE = """
import json, os, platform, sys, sysconfig
implementation = sys.implementation
info = implementation.version
full = "%s.%s.%s" % (info.major, info.minor, info.micro)
if info.releaselevel != "final":
    full += info.releaselevel[0] + str(info.serial)
variables = {
    "implementation_name": implementation.name,
    "implementation_version": full,
    "os_name": os.name,
    "platform_machine": platform.machine(),
    "platform_python_implementation": platform.python_implementation(),
    "platform_release": platform.release(),
    "platform_system": platform.system(),
    "platform_version": platform.version(),
    "python_full_version": platform.python_version(),
    "python_version": ".".join(platform.python_version_tuple()[:2]),
    "sys_platform": sys.platform,
    "extra": "",
}
print(json.dumps({
    "variables": variables,
    "abi": sysconfig.get_config_var("SOABI") or implementation.cache_tag,
    "platform": sysconfig.get_platform(),
    "base": getattr(sys, "_base_executable", sys.executable),
}))
"""


_INSTALLED = """
import json, re
from importlib.metadata import distributions
found = {}
for one in distributions():
    if one.metadata["Name"]:
        found.setdefault(re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(), one.version or "")
print(json.dumps(found))
"""


_NEEDED = frozenset(
    {"implementation_name", "platform_machine", "python_full_version", "python_version", "sys_platform"}
)
"""The variables that are asked for by name."""


class Interpreter(Struct, frozen=True, kw_only=True):
    """A Python interpreter, described by what decides which files an installation for it consists of.

    Attributes:
        executable: Its path, of the base interpreter and never of a virtual environment.
        variables: Values of the environment markers (PEP 508).
        abi: Its extension ABI, such as ``cpython-311-x86_64-linux-gnu``.
        platform: As ``sysconfig.get_platform()`` says.
    """

    executable: Path = field(name="base")
    variables: Mapping[str, str]
    abi: str
    platform: str

    def __post_init__(self) -> None:
        if not self.variables.keys() >= _NEEDED:
            raise ValueError("an interpreter whose answer is not whole")

    @property
    def version(self) -> str:
        """The full version, ``3.11.7``."""
        return self.variables["python_full_version"]

    @property
    def minor(self) -> str:
        """The minor version, ``3.11``."""
        return self.variables["python_version"]

    @property
    def identity(self) -> str:
        """Everything that a layer's content depends on, in one line."""
        return f"{self.variables['implementation_name']} {self.version} {self.abi} {self.platform}"

    @property
    def site_packages(self) -> str:
        """Where packages go below a prefix, such as ``lib/python3.11/site-packages`` (the POSIX install scheme)."""
        name = "pypy" if self.variables["implementation_name"] == "pypy" else "python"
        free_threaded = "t" if re.match(r"cpython-\d+t", self.abi) else ""
        return f"lib/{name}{self.minor}{free_threaded}/site-packages"


def find(spec: str | None) -> Path:
    """The interpreter for a version, a name or a path; None for the one that runs fumehood.

    Raises:
        WorldError: There is none on this machine.
    """
    if spec is None:
        return Path(sys.executable)
    if os.sep in spec:
        return Path(spec).absolute()  # `inspect` says what is wrong with it
    from python_discovery import get_interpreter  # noqa: PLC0415 - slow to import and seldom needed

    found = get_interpreter(spec)
    if found is None:
        raise WorldError(
            f"there is no Python {spec} on this machine",
            remedy=f"install it, for example with `uv python install {spec}`, or choose another with --python",
        )
    return Path(found.executable)


def inspect(executable: Path, *, cache: Path) -> Interpreter:
    """Describe an interpreter; asked once, then remembered until its file changes.

    Raises:
        WorldError: It cannot be run, or does not answer as Python does.
    """
    real = os.path.realpath(executable)
    try:
        stat = os.stat(real)
    except OSError as error:
        raise WorldError(f"{executable}: {error.strerror}", remedy="install that Python, or choose another") from error
    system = " ".join(os.uname())  # which some markers name
    key = sha256(f"{executable}\0{real}\0{stat.st_mtime_ns}\0{stat.st_size}\0{system}".encode()).hexdigest()
    remembered = cache / "interpreters" / f"{key[:32]}.json"
    found = read_json(remembered, Interpreter)
    if found is None:
        found = _ask(executable, _PROBE, Interpreter)
        write_whole(remembered, to_json(found))
    return found


def installed(executable: Path) -> dict[str, str]:
    """Normalised names and versions of what an environment's interpreter can import, the first of each name.

    Raises:
        WorldError: It cannot be run, or does not answer as Python does.
    """
    return _ask(executable, _INSTALLED, dict[str, str])


def _ask(executable: Path, question: str, kind: type[_T]) -> _T:
    import subprocess  # noqa: PLC0415 - most answers are remembered

    try:
        done = subprocess.run(
            [str(executable), "-I", "-c", question], capture_output=True, text=True, timeout=60, check=True
        )
        return from_json(done.stdout, kind)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise WorldError(
            f"{executable} does not run as a Python interpreter: {error}", remedy="install that Python anew"
        ) from error
