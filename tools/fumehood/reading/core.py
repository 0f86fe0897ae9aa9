"""Core, as settings say or as the usual layouts show: its requirements, sources, packages and tests."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

from fumehood.errors import ConfigurationError, FumehoodError, raise_all
from fumehood.model.experiment import SETUP_SCRIPTS, Core, RequirementSource, requirement_sources
from fumehood.outside.toml_file import table_at
from fumehood.reading import pytest_settings
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fumehood.outside.toml_file import TomlFile
    from fumehood.settings import Settings

_NOT_CORE = frozenset(
    {"bench", "benchmarks", "build", "dist", "doc", "docs", "examples", "experiments", "test", "tests"}
)
"""Folders at the top of a repository that are not core's import packages even with an ``__init__.py``."""

_NO_MODULES = frozenset({"conftest", "noxfile", "setup"})
"""Files of tools, which stand in source folders too and are imported by nobody."""

_MOST_FOLDERS = 100
"""In so many folders is looked for a module."""

_TESTS_REQUIREMENTS = (
    "tests/requirements.txt",
    "requirements-tests.txt",
    "requirements-test.txt",
    "requirements-dev.txt",
)
"""Where repositories write what core's tests need, in the order in which they are looked for."""


def read(root: Path, settings: Settings, pyproject: TomlFile | None) -> Core:
    """Find core's parts.

    Raises:
        ConfigurationError: A path in the settings does not exist, or requires-python is no string; all at once.
    """
    data: Mapping[str, Any] = pyproject.data if pyproject else {}
    project = table_at(data, "project")
    name, requires_python = project.get("name"), project.get("requires-python")
    sources = settings.core.sources or _sources(root, data)
    requirements = written_in(root, settings, data)
    if pyproject:
        _check(root, settings, pyproject, requires_python)
    return Core(
        requirements=requirements,
        lock=_lock_beside(requirements),
        sources=sources,
        packages=tuple(sorted({name for source in sources for name in _offered(root, source, data)})),
        tests=settings.core.tests or _tests(root, data),
        test_requirements=settings.test_requirements,
        tests_requirements=_tests_requirements(root, settings),
        project=name if sources and isinstance(name, str) else None,
        requires_python=requires_python if "project" in data else requires_python_of_script(root),
        pythons=settings.python,
        timeout=settings.core.timeout or settings.timeout,
    )


def written_in(root: Path, settings: Settings, data: Mapping[str, Any]) -> tuple[RequirementSource, ...]:
    """The files that core's requirements are written in: those of the settings, else the usual ones.

    Args:
        root: The repository.
        settings: Its settings.
        data: What its pyproject.toml holds; empty where there is none.
    """
    core = settings.core
    paths = core.requirements
    if not paths:
        if os.path.lexists(root / "requirements.txt"):  # also a link to nothing, which reading it then says
            paths = ("requirements.txt",)
        elif "project" in data or core.groups:
            paths = (PYPROJECT,)
        else:
            from fumehood.reading import setup_script  # noqa: PLC0415 - few repositories have no other file

            paths = setup_script.files(root) or ((PYPROJECT,) if "build-system" in data else ())
    return requirement_sources(paths, groups=core.groups, extras=core.extras)


def requires_python_of_script(root: Path) -> str | None:
    """What ``setup.cfg`` or ``setup.py`` says of the Pythons that core supports."""
    if not any(os.path.lexists(root / name) for name in SETUP_SCRIPTS):
        return None
    from fumehood.reading import setup_script  # noqa: PLC0415 - few repositories have such a file and no [project]

    return setup_script.requires_python(root)


def _tests_requirements(root: Path, settings: Settings) -> tuple[RequirementSource, ...]:
    """What the settings name, else the first of the usual files that is there."""
    usual = (path for path in _TESTS_REQUIREMENTS if os.path.lexists(root / path))
    paths = settings.core.test_requirements or tuple(usual)[:1]
    return tuple(RequirementSource(path=path) for path in paths)


def _lock_beside(requirements: tuple[RequirementSource, ...]) -> str:
    folder = requirements[0].path.rpartition("/")[0] if requirements else ""
    return f"{folder}/requirements.lock" if folder else "requirements.lock"


def _sources(root: Path, data: Mapping[str, Any]) -> tuple[str, ...]:
    """Where the build backend looks for packages; else ``src``, else the top folder; the first that holds some.

    One that holds namespace packages only comes after all of these.
    """
    candidates = (*_backend_sources(data), *_source_of_script(root), "src", ".")
    regular = (candidate for candidate in candidates if any(_packages(root, candidate, data)))
    others = (candidate for candidate in candidates if any(_namespaces(root, candidate)))
    return next(((candidate,) for found in (regular, others) for candidate in found), ())


def _offered(root: Path, source: str, data: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(_packages(root, source, data)) or tuple(_namespaces(root, source))


def _source_of_script(root: Path) -> tuple[str, ...]:
    """What ``setup.cfg`` or ``setup.py`` says of the folder of core's packages."""
    if not any(os.path.lexists(root / name) for name in SETUP_SCRIPTS):
        return ()
    from fumehood.reading import setup_script  # noqa: PLC0415 - few repositories have such a file

    return _strings(setup_script.source_folder(root))


def _backend_sources(data: Mapping[str, Any]) -> Iterator[str]:
    setuptools = table_at(data, "tool", "setuptools")
    yield from _strings(table_at(setuptools, "package-dir").get(""))
    yield from _strings(table_at(setuptools, "packages", "find").get("where"))
    yield from _strings(table_at(data, "tool", "uv", "build-backend").get("module-root"))
    yield from _strings(table_at(data, "tool", "pdm", "build").get("package-dir"))
    yield from _strings(table_at(data, "tool", "maturin").get("python-source"))
    hatch = table_at(data, "tool", "hatch", "build", "targets", "wheel")
    for package in _strings(hatch.get("packages")):
        yield package.rpartition("/")[0] or "."
    poetry = table_at(data, "tool", "poetry").get("packages")
    for entry in poetry if isinstance(poetry, list) else ():
        yield from _strings(entry.get("from") if isinstance(entry, dict) else None)


def _strings(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(item.removeprefix("./").rstrip("/") or "." for item in values if isinstance(item, str))


def _packages(root: Path, source: str, data: Mapping[str, Any]) -> Iterator[str]:
    """The packages and modules in a source folder; at the top, only those modules that the build backend names."""
    try:
        entries = sorted(os.scandir(root / source), key=lambda entry: entry.name)
    except OSError:
        return
    named = _named_modules(data)
    for entry in entries:
        name = entry.name.removesuffix(".py")
        if not name.isidentifier() or name in _NOT_CORE:
            continue
        if name == entry.name:
            is_core = os.path.isfile(f"{entry.path}/__init__.py")
        else:
            is_core = name in named if source == "." else name not in _NO_MODULES
        if is_core:
            yield name


def _namespaces(root: Path, source: str) -> Iterator[str]:
    """The folders without ``__init__`` in a source folder that have modules in them (PEP 420); none at the top."""
    try:
        entries = sorted(os.scandir(root / source), key=lambda entry: entry.name) if source != "." else []
    except OSError:
        return
    for entry in entries:
        if entry.name.isidentifier() and entry.name not in _NOT_CORE and entry.is_dir():
            inside = itertools.islice(os.walk(entry.path), _MOST_FOLDERS)
            if any(file.endswith(".py") for _, _, files in inside for file in files):
                yield entry.name


def _named_modules(data: Mapping[str, Any]) -> tuple[str, ...]:
    setuptools = table_at(data, "tool", "setuptools").get("py-modules")
    return (*_strings(setuptools), *_strings(table_at(data, "tool", "flit", "module").get("name")))


def _tests(root: Path, data: Mapping[str, Any]) -> tuple[str, ...]:
    configured = pytest_settings.folders(root, data, "testpaths")
    candidates = [path for path in configured if path != "."] or ["tests", "test"]
    return tuple(path for path in candidates if (root / path).exists())


def _check(root: Path, settings: Settings, pyproject: TomlFile, requires_python: object) -> None:
    mistakes: list[FumehoodError] = []
    for key, paths in settings.core.paths.items():
        for path in paths:
            if not (root / path).exists():
                place = pyproject.place("tool", "fumehood", "core", key)
                remedy = "correct the path, or add the file"
                mistakes.append(ConfigurationError(f"{path!r} does not exist", place=place, remedy=remedy))
    if not isinstance(requires_python, str | None):
        place = pyproject.place("project", "requires-python")
        remedy = 'write a specifier such as ">=3.11"'
        mistakes.append(ConfigurationError("requires-python is no string", place=place, remedy=remedy))
    raise_all(mistakes)
