"""The marker environments that a universal lock is looked at through.

A marker such as ``python_full_version < '3.12' and sys_platform == 'linux'`` cuts the world in two. Whether two sets
of marked lines mean the same is decided by looking from every corner that matters: the first and the last release of
each supported Python minor version, on each platform that wheels are commonly built for. Source: PEP 508,
"Environment Markers".
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.markers import Marker

if TYPE_CHECKING:
    from collections.abc import Mapping

_MINORS = range(8, 17)
_LAST = 99
"""Packages do ask for ``python_full_version < '3.11.3'``: the first and the last release see it differently."""

_PLATFORMS = (
    ("linux", "Linux", "posix", "x86_64"),
    ("linux", "Linux", "posix", "aarch64"),
    ("darwin", "Darwin", "posix", "arm64"),
    ("darwin", "Darwin", "posix", "x86_64"),
    ("win32", "Windows", "nt", "AMD64"),
)


class MarkerEnvironment(Struct, frozen=True, kw_only=True):
    """One kind of interpreter on one kind of machine: values for the variables of PEP 508."""

    label: str
    variables: tuple[tuple[str, str], ...]

    def admits(self, marker: str) -> bool:
        """Whether a marker holds here; an empty one always does."""
        return not marker or _evaluate(marker, self.variables)


@functools.lru_cache(maxsize=65536)
def _evaluate(marker: str, variables: tuple[tuple[str, str], ...]) -> bool:
    return _parsed(marker).evaluate(dict(variables))


@functools.lru_cache(maxsize=4096)
def _parsed(marker: str) -> Marker:
    return Marker(marker)


@functools.lru_cache(maxsize=64)
def universal(python: str, within: tuple[str, ...] = ()) -> tuple[MarkerEnvironment, ...]:
    """Every environment that a lock from this Python version upwards has to serve.

    Args:
        python: The version, such as ``3.11``, or ``3.11.4`` where the first releases are left out.
        within: Markers of which one has to hold; empty for everywhere.
    """
    if within:
        return tuple(one for one in universal(python) if any(one.admits(marker) for marker in within))
    lowest, first = (*map(int, python.split(".")[1:]), 0)[:2]
    return tuple(
        _environment(f"3.{minor}", f"3.{minor}.{micro}", platform, implementation)
        for minor in _MINORS
        if minor >= lowest
        for micro in (first if minor == lowest else 0, _LAST)
        for platform in _PLATFORMS
        for implementation in ("CPython", "PyPy")
    )


def from_variables(variables: Mapping[str, str]) -> MarkerEnvironment:
    """The environment of one real interpreter."""
    label = f"Python {variables['python_version']} on {variables['sys_platform']} {variables['platform_machine']}"
    return MarkerEnvironment(label=label, variables=tuple(sorted(variables.items())))


def _environment(
    version: str, full_version: str, platform: tuple[str, str, str, str], implementation: str
) -> MarkerEnvironment:
    sys_platform, system, os_name, machine = platform
    return from_variables(
        {
            "extra": "",
            "implementation_name": implementation.lower(),
            "implementation_version": full_version,
            "os_name": os_name,
            "platform_machine": machine,
            "platform_python_implementation": implementation,
            "platform_release": "",
            "platform_system": system,
            "platform_version": "",
            "python_full_version": full_version,
            "python_version": version,
            "sys_platform": sys_platform,
        }
    )
