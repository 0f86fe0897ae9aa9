"""One experiment's folder, read into an `Experiment`."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from fumehood.errors import ConfigurationError, Place
from fumehood.model.experiment import Experiment, RequirementSource
from fumehood.reading import manifest as manifest_module
from fumehood.reading.manifest import MANIFEST, Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fumehood.reading.codeowners import CodeOwners
    from fumehood.settings import Settings

_REQUIREMENTS = re.compile(r"requirements.*\.txt")
_TEST_FILE = re.compile(r"test_.*\.py|.*_test\.py")
_README = re.compile(r"readme(?:\.(?:md|rst|txt))?", re.IGNORECASE)
_SUMMARY_WIDTH = 100


def is_experiment(folder: str) -> bool:
    """Whether a folder shows itself to be an experiment: a manifest, requirements, or code beside ``__init__.py``."""
    try:
        names = os.listdir(folder)
    except OSError:
        # A folder that cannot be read is taken for one, so that its mistake is reported and not passed over.
        return True
    return any(
        name in {MANIFEST, "pyproject.toml"}
        or _REQUIREMENTS.fullmatch(name)
        or (name.endswith(".py") and name not in {"__init__.py", "conftest.py"})
        for name in names
    )


def read_experiment(root: Path, path: str, name: str, *, settings: Settings, owners: CodeOwners | None) -> Experiment:
    """Read the experiment in a folder.

    Raises:
        ConfigurationError: The folder cannot be read, or its manifest is wrong.
    """
    folder = root / path
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read: {error.strerror}", place=Place(path), remedy="make the folder readable"
        ) from error
    has_manifest = MANIFEST in names
    manifest = manifest_module.read(folder / MANIFEST, name=f"{path}/{MANIFEST}") if has_manifest else Manifest()
    inner: list[str] = []
    tests = tuple(_test_files(root, path, manifest, inner))
    return Experiment(
        name=name,
        path=path,
        requirements=_requirements(path, names, manifest),
        tests=tests,
        test_paths=tuple(f"{path}/{test}" for test in manifest.tests) or ((path,) if tests else ()),
        sources=_sources(root, path),
        owners=manifest.owners or (owners.owners_of(path) if owners else ()),
        state=manifest.state,
        summary=manifest.summary or _readme_summary(folder, names),
        theme=manifest.theme,
        pythons=manifest.python or settings.python,
        gpus=manifest.gpus,
        layout=manifest.layout,
        manifest=f"{path}/{MANIFEST}" if has_manifest else None,
        inner=tuple(inner),
    )


def _requirements(path: str, names: list[str], manifest: Manifest) -> tuple[RequirementSource, ...]:
    files = manifest.requirements or _requirement_files(names)
    if (manifest.groups or manifest.extras) and "pyproject.toml" not in files:
        files = (*files, "pyproject.toml")
    return tuple(
        RequirementSource(path=f"{path}/{file}", groups=manifest.groups, extras=manifest.extras)
        if file == "pyproject.toml"
        else RequirementSource(path=f"{path}/{file}")
        for file in files
    )


def _requirement_files(names: list[str]) -> tuple[str, ...]:
    """``requirements.txt``; else the only ``requirements*.txt``; else pyproject.toml.

    Several others without a plain one are alternatives more often than parts, so the manifest has to choose.
    """
    if "requirements.txt" in names:
        return ("requirements.txt",)
    others = [name for name in names if _REQUIREMENTS.fullmatch(name)]
    if len(others) == 1:
        return (others[0],)
    return ("pyproject.toml",) if "pyproject.toml" in names else ()


def _test_files(root: Path, path: str, manifest: Manifest, inner: list[str]) -> Iterator[str]:
    for test in manifest.tests or (".",):
        start = path if test == "." else f"{path}/{test}"
        if os.path.isfile(root / start):
            yield start
        else:
            yield from _walk(root, start, inner, top=start == path)


def _walk(root: Path, path: str, inner: list[str], *, top: bool) -> Iterator[str]:
    try:
        with os.scandir(root / path) as entries:
            listing = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    if not top and any(entry.name == MANIFEST for entry in listing):
        inner.append(path)
        return
    for entry in listing:
        if entry.is_dir(follow_symlinks=False):
            if not entry.name.startswith((".", "__")):
                yield from _walk(root, f"{path}/{entry.name}", inner, top=False)
        elif _TEST_FILE.fullmatch(entry.name):
            yield f"{path}/{entry.name}"


def _sources(root: Path, path: str) -> tuple[str, ...]:
    """What to put on the import path so that the experiment's own code is found.

    A folder that is a package is imported from above it; putting it on the path itself would offer each of its
    modules twice. A plain folder of scripts is its own import root, as when one of them is run.
    """
    if os.path.isdir(root / path / "src"):
        return (f"{path}/src",)
    parts = path.split("/")
    while parts and os.path.exists(root.joinpath(*parts, "__init__.py")):
        parts.pop()
    return ("/".join(parts) or ".",)


def _readme_summary(folder: Path, names: list[str]) -> str:
    """The first sentence-like line of the README: its first line of prose, else its title."""
    readme = next((name for name in names if _README.fullmatch(name)), None)
    if readme is None:
        return ""
    title = ""
    try:
        with (folder / readme).open(encoding="utf-8", errors="replace") as file:
            for _, line in zip(range(40), file, strict=False):
                text = line.strip()
                if text.startswith("#"):
                    title = title or text.lstrip("# ")
                elif text[:1].isalnum():
                    return _shortened(text)
    except OSError:
        return ""
    return _shortened(title)


def _shortened(text: str) -> str:
    return text if len(text) <= _SUMMARY_WIDTH else text[: _SUMMARY_WIDTH - 1].rstrip() + "…"
