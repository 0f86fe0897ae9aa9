"""One experiment's folder, read into an `Experiment`.

A repository may have a thousand of them, and every `nox` command reads them all: each folder is listed once, and paths
are strings.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from fumehood.errors import ConfigurationError, Place
from fumehood.model.experiment import Experiment, requirement_sources
from fumehood.outside.files import without_waiting
from fumehood.reading import manifest as manifest_module
from fumehood.reading.manifest import MANIFEST, Manifest
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from fumehood.model.experiment import RequirementSource
    from fumehood.reading.codeowners import CodeOwners
    from fumehood.settings import Settings

_REQUIREMENTS = re.compile(r"requirements.*\.txt")
_TEST_FILE = re.compile(r"test_.*\.py|.*_test\.py")
_README = re.compile(r"readme(?:\.(?:md|rst|txt))?", re.IGNORECASE)
_CODE_FOLDERS = frozenset({"src", "test", "tests"})
_NO_TESTS = frozenset({"build", "dist", "node_modules", "venv"})
"""Folders that pytest does not look into (its `norecursedirs`), beside hidden ones."""
_SUMMARY_WIDTH = 100
_README_BYTES = 8192
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKUP = re.compile(r"`+|\*\*|<[^>]+>")
_UNREAD = re.compile(r"<!--.*?(?:-->|\Z)|^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1|\Z)", re.DOTALL | re.MULTILINE)
"""What is no prose in a README: comments, and blocks of code."""
_NAMES = re.compile(r"`[^`]*`|" + _LINK.pattern)


class Shape(Struct, kw_only=True):
    """What an experiment's folder holds, in as far as it matters; paths are relative to the repository.

    Attributes:
        names: What stands directly in it, sorted.
        tests: Test files in it and below, sorted within each folder.
        inner: Folders below that declare themselves experiments of their own, which are not looked into.
        follows_from: The files and folders that an experiment here follows from, with those that are not there.
    """

    path: str
    names: list[str]
    tests: list[str] = field(default_factory=list)
    inner: list[str] = field(default_factory=list)
    follows_from: list[str] = field(default_factory=list)


def looks_like_experiment(names: list[str]) -> bool:
    """Whether a folder shows itself to be an experiment: by a manifest, requirements, code, or places for code."""
    return any(
        name in {MANIFEST, PYPROJECT}
        or name in _CODE_FOLDERS
        or _REQUIREMENTS.fullmatch(name)
        or (name.endswith(".py") and name not in {"__init__.py", "conftest.py"})
        for name in names
    )


def look(root: str, path: str) -> Shape:
    """List an experiment's folder and all below it.

    Raises:
        ConfigurationError: The folder cannot be read.
    """
    shape = Shape(path=path, names=[])
    try:
        shape.names = _walk(root, path, shape, top=True)
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read: {error.strerror}", place=Place(path), remedy="make the folder readable"
        ) from error
    return shape


def _walk(root: str, path: str, shape: Shape, *, top: bool) -> list[str]:
    shape.follows_from.append(path)
    with os.scandir(f"{root}/{path}") as entries:
        listing = sorted(entries, key=lambda entry: entry.name)
    names = [entry.name for entry in listing]
    if not top and MANIFEST in names:
        shape.inner.append(path)
        return names
    if not top and "pyvenv.cfg" in names:
        return names
    for entry in listing:
        name = entry.name
        if not entry.is_dir(follow_symlinks=False):
            if _TEST_FILE.fullmatch(name) and entry.is_file():
                shape.tests.append(f"{path}/{name}")
        elif not name.startswith((".", "__")) and name not in _NO_TESTS:
            try:
                _walk(root, f"{path}/{name}", shape, top=False)
            except OSError:
                continue  # Data that somebody keeps to themselves is no reason to refuse the experiment.
    return names


def read_experiment(root: str, shape: Shape) -> Experiment:
    """Read the experiment in a folder: what follows from that alone, so that it is called by its path yet.

    Raises:
        ConfigurationError: Its manifest is wrong, or nothing says which files are its requirements.
    """
    path, names = shape.path, shape.names
    file = f"{path}/{MANIFEST}" if MANIFEST in names else None
    manifest = manifest_module.read(f"{root}/{file}", name=file) if file else Manifest()
    # The manifest is in order only as long as all that it names is there.
    shape.follows_from += [f"{path}/{named}" for named in (*manifest.requirements, *manifest.tests)]
    shape.follows_from += [file] if file else []
    tests = _chosen_tests(root, shape, manifest.tests) if manifest.tests else shape.tests
    return Experiment(
        name=path,
        path=path,
        requirements=_requirements(path, names, manifest),
        tests=tuple(tests),
        test_paths=tuple(f"{path}/{test}" for test in manifest.tests) or ((path,) if tests else ()),
        sources=_sources(root, shape),
        owners=manifest.owners,
        state=manifest.state,
        summary=manifest.summary or _readme_summary(root, shape),
        theme=manifest.theme,
        pythons=manifest.python,
        gpus=manifest.gpus,
        timeout=manifest.timeout,
        layout=manifest.layout,
        manifest=file,
        inner=tuple(shape.inner),
        waivers=manifest.waivers,
        declared_owners=manifest.owners,
    )


def settled(experiment: Experiment, name: str, settings: Settings, owners: CodeOwners | None) -> Experiment:
    """An experiment with its name, and with what the repository says where its folder says nothing."""
    return replace(
        experiment,
        name=name,
        owners=experiment.owners or (owners.owners_of(experiment.path) if owners else ()),
        pythons=experiment.pythons or settings.python,
        timeout=experiment.timeout or settings.timeout,
    )


def _requirements(path: str, names: list[str], manifest: Manifest) -> tuple[RequirementSource, ...]:
    files = manifest.requirements or _requirement_files(names)
    if not (files or manifest.groups or manifest.extras) and (others := _other_files(names)):
        raise ConfigurationError(
            f"has {', '.join(others[:-1])} and {others[-1]}, and nothing says which of them are its requirements",
            place=Place(path),
            remedy=f'choose with requirements = ["{others[0]}"] in its {MANIFEST}, or rename one to requirements.txt',
        )
    return requirement_sources(files, groups=manifest.groups, extras=manifest.extras, folder=f"{path}/")


def _requirement_files(names: list[str]) -> tuple[str, ...]:
    """``requirements.txt``; else the only ``requirements*.txt``; else pyproject.toml.

    Several others are alternatives more often than parts, so that the manifest has to choose.
    """
    if "requirements.txt" in names:
        return ("requirements.txt",)
    others = _other_files(names)
    if len(others) == 1:
        return (others[0],)
    return (PYPROJECT,) if PYPROJECT in names else ()


def _other_files(names: list[str]) -> list[str]:
    return [name for name in names if _REQUIREMENTS.fullmatch(name)]


def _chosen_tests(root: str, shape: Shape, chosen: tuple[str, ...]) -> list[str]:
    """The test files of those files and folders that the manifest names."""
    path, found = shape.path, dict[str, None]()
    for test in chosen:
        start = path if test == "." else f"{path}/{test.removeprefix('./').rstrip('/')}"
        if os.path.isdir(f"{root}/{start}"):
            inside = look(root, start)
            shape.follows_from += inside.follows_from
            found |= dict.fromkeys(inside.tests)
        else:
            found[start] = None
    return list(found)


def sources_of(root: str, path: str) -> tuple[str, ...]:
    """What `Experiment.sources` are or would be, whatever mistake keeps a folder from being read as an experiment."""
    try:
        return _sources(root, Shape(path=path, names=os.listdir(f"{root}/{path}")))
    except OSError:
        return (path,)


def _sources(root: str, shape: Shape) -> tuple[str, ...]:
    """What to put on the import path so that the experiment's own code is found.

    A folder that is a package is imported from above it; putting it on the path itself would offer each of its
    modules twice. A plain folder of scripts is its own import root, as when one of them is run.
    """
    path, names = shape.path, shape.names
    if "src" in names:
        shape.follows_from.append(f"{path}/src")
        if os.path.isdir(f"{root}/{path}/src"):
            return (f"{path}/src",)
    if "__init__.py" not in names:
        return (path,)
    above = path.rpartition("/")[0]
    while above:
        shape.follows_from.append(f"{above}/__init__.py")
        if not os.path.exists(f"{root}/{above}/__init__.py"):
            break
        above = above.rpartition("/")[0]
    return (above or ".",)


def _readme_summary(root: str, shape: Shape) -> str:
    """The first sentence-like line of the README: its first line of prose, else its title."""
    readme = next((f"{shape.path}/{name}" for name in shape.names if _README.fullmatch(name)), None)
    if readme is None:
        return ""
    shape.follows_from.append(readme)
    try:
        with open(f"{root}/{readme}", encoding="utf-8-sig", errors="replace", opener=without_waiting) as file:
            beginning = file.read(_README_BYTES)
    except OSError:
        return ""
    title = ""
    for line in _UNREAD.sub("", beginning).splitlines():
        text = line.strip()
        if text.startswith("#"):
            title = title or text.lstrip("# ")
        elif _is_prose(text):
            return _shortened(text)
    return _shortened(title)


def _is_prose(text: str) -> bool:
    """Whether a line of a README is text; one that begins with a link or with code is if it goes on with words."""
    if text.endswith(":"):
        return False  # It speaks of what stands below it.
    if text[:1] in {"`", "[", "*"}:
        return _plain(text)[:1].isalnum() and any(map(str.isalpha, _NAMES.sub("", text)))
    return text[:1].isalnum()


def _plain(text: str) -> str:
    return _MARKUP.sub("", _LINK.sub(r"\1", text))


def _shortened(text: str) -> str:
    """Text of a README as plain words that fit into a list: no markup of links, code or emphasis."""
    shown = "".join(character if character.isprintable() else " " for character in _plain(text))
    return shown if len(shown) <= _SUMMARY_WIDTH else shown[: _SUMMARY_WIDTH - 1].rstrip() + "…"
