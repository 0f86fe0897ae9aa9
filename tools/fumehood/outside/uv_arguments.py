"""What uv is called with: how a resolution is asked for, where packages may come from, and in what environment."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

from fumehood.errors import WorldError
from fumehood.outside import interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fumehood.model.index_options import IndexOptions

_LEAKS = frozenset(
    {
        "COLUMNS",
        "CONDA_DEFAULT_ENV",
        "CONDA_PREFIX",
        "PYTHONHOME",
        "PYTHONOPTIMIZE",
        "PYTHONPATH",
        "PYTHONPYCACHEPREFIX",
        "UV",
        "UV_BREAK_SYSTEM_PACKAGES",
        "UV_BUILD_CONSTRAINT",
        "UV_CONSTRAINT",
        "UV_CUSTOM_COMPILE_COMMAND",
        "UV_FORK_STRATEGY",
        "UV_LINK_MODE",
        "UV_NO_CACHE",
        "UV_NO_VERIFY_HASHES",
        "UV_OVERRIDE",
        "UV_PREFIX",
        "UV_PRERELEASE",
        "UV_PROJECT",
        "UV_PROJECT_ENVIRONMENT",
        "UV_PYTHON",
        "UV_REQUIRE_HASHES",
        "UV_RESOLUTION",
        "UV_SYSTEM_PYTHON",
        "UV_TARGET",
        "UV_TORCH_BACKEND",
        "UV_WORKING_DIRECTORY",
        "VIRTUAL_ENV",
    }
)
"""Variables that would point uv at another environment, change what a lock means from one machine to the next, fold
uv's sentences to a terminal's width, put bytecode elsewhere, or take away the cache, from which everything is resolved
offline and installed by hard links."""

_UNLIKE_TOOL_UV_PIP = ("--deps", "--no-all-extras", "--no-emit-build-options", "--no-emit-find-links")
"""Against what ``[tool.uv.pip]`` may say of calls by hand, which would put lines into a lock or leave pins out."""

_CERTIFICATES = frozenset({"SSL_CERT_DIR", "SSL_CERT_FILE"})
"""Where uv finds certificates: it reads them all, of a folder every file, before it knows whether it will need any."""


def compile_arguments(source: Path, output: Path, python: str, options: IndexOptions) -> list[str]:
    """What every resolution is called with, beside `index_arguments`.

    Args:
        source: A requirement file.
        output: Where uv writes the pins.
        python: Lower bound of the versions to resolve for, such as ``3.11``.
        options: Where packages come from, and whether pre-releases do.
    """
    arguments = ["pip", "compile", str(source), "--output-file", str(output), "--python-version", python]
    arguments += ["--universal", "--no-header", "--no-annotate", "--no-emit-index-url", *_UNLIKE_TOOL_UV_PIP]
    arguments += ["--python", str(_builder(python)), "--no-python-downloads"]
    return [*arguments, "--prerelease", "allow"] if options.pre else arguments


def index_arguments(options: IndexOptions) -> list[str]:
    """The command-line form of what requirement files say about indexes, but for addresses."""
    arguments: list[str] = []
    if options.no_index:
        arguments.append("--no-index")
    for host in options.trusted_hosts:
        arguments += ["--allow-insecure-host", host]
    for package in options.no_binary:
        arguments += ["--no-binary", package]
    for package in options.only_binary:
        arguments += ["--only-binary", package]
    return arguments


def index_variables(options: IndexOptions) -> dict[str, str]:
    """The addresses in what requirement files say about indexes, in variables of uv's.

    An address may hold a password, and every user of a machine can see what programs are called with.
    """
    said = {
        "UV_INDEX_URL": options.index_url or "",
        "UV_EXTRA_INDEX_URL": " ".join(options.extra_index_urls),
        "UV_FIND_LINKS": ",".join(options.find_links),
    }
    return {name: value for name, value in said.items() if value}


def clean_environment(environ: Mapping[str, str], *, offline: bool) -> dict[str, str]:
    """The caller's environment variables, without those that must not reach uv, or that it has no use for."""
    left_out = _LEAKS | _CERTIFICATES if offline else _LEAKS
    return {name: value for name, value in environ.items() if name not in left_out}


def is_on(variable: str) -> bool:
    """Whether uv takes the value of a variable for yes."""
    return variable.lower() in {"1", "true", "yes", "on", "t", "y"}


@functools.cache
def _builder(python: str) -> Path:
    """The interpreter that reads the metadata of source distributions; the version asked for, where there is one.

    Naming it spares every call of uv the search, which takes longer than most resolutions.
    """
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    minor = ".".join(python.split(".")[:2])
    try:
        return interpreter.find(None if minor == running else minor)
    except WorldError:
        return interpreter.find(None)
