"""Python interpreters: finding one, and what installing for it depends on."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from fumehood.errors import WorldError
from fumehood.outside.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        found.setdefault(re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(), one.version)
print(json.dumps(found))
"""


class Interpreter(Struct, frozen=True, kw_only=True):
    """A Python interpreter, described by what decides which files an installation for it consists of.

    Attributes:
        executable: Its path, of the base interpreter and never of a virtual environment.
        variables: Values of the environment markers (PEP 508).
        abi: Its extension ABI, such as ``cpython-311-x86_64-linux-gnu``.
        platform: As ``sysconfig.get_platform()`` says.
    """

    executable: Path
    variables: Mapping[str, str]
    abi: str
    platform: str

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
        return f"lib/{name}{self.minor}/site-packages"


def find(spec: str | None) -> Path:
    """The interpreter for a version, a name or a path; None for the one that runs fumehood.

    Raises:
        WorldError: There is none on this machine.
    """
    if spec is None:
        return Path(sys.executable)
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
    key = hashlib.sha256(f"{executable}\0{real}\0{stat.st_mtime_ns}\0{stat.st_size}\0{system}".encode()).hexdigest()
    remembered = cache / "interpreters" / f"{key[:32]}.json"
    try:
        return _from_answer(json.loads(remembered.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        answer = _ask(executable)
    interpreter = _from_answer(answer)
    write_whole(remembered, json.dumps(answer, indent=1))
    return interpreter


def installed(executable: Path) -> dict[str, str]:
    """Normalised names and versions of what an environment's interpreter can import, the first of each name.

    Raises:
        WorldError: It cannot be run, or does not answer as Python does.
    """
    return _ask(executable, _INSTALLED)


def _ask(executable: Path, question: str = _PROBE) -> dict[str, Any]:
    import subprocess  # noqa: PLC0415 - most answers are remembered

    try:
        done = subprocess.run(
            [str(executable), "-I", "-c", question], capture_output=True, text=True, timeout=60, check=True
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise WorldError(
            f"{executable} does not run as a Python interpreter: {error}", remedy="install that Python anew"
        ) from error
    return answer


def _from_answer(answer: dict[str, Any]) -> Interpreter:
    return Interpreter(
        executable=Path(answer["base"]),
        variables=dict(answer["variables"]),
        abi=str(answer["abi"]),
        platform=str(answer["platform"]),
    )
