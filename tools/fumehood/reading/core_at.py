"""Core's requirements as they are at a commit: its files laid out in a scratch folder, and read there as always."""

from __future__ import annotations

import os
import posixpath
import tomllib
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from fumehood import settings as settings_module
from fumehood.errors import ConfigurationError, FumehoodError, UsageError
from fumehood.model.experiment import SETUP_SCRIPTS
from fumehood.outside.files import disk_errors
from fumehood.outside.toml_file import table_at
from fumehood.reading import local_project, own_project, requirements_txt, sources, uv_settings
from fumehood.reading.core import requires_python_of_script, written_in
from fumehood.reading.text_file import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fumehood.model.experiment import Core
    from fumehood.outside.git import Git
    from fumehood.reading.sources import Inputs


class CoreAt(Struct, frozen=True, kw_only=True):
    """Core as a commit has it.

    Attributes:
        commit: The full name of the commit.
        core: Core as it is now, but for what decides about its requirements.
        inputs: The requirement lines; their places are paths of the repository at that commit.
    """

    commit: str
    core: Core
    inputs: Inputs


def read(git: Git, ref: str, now: Core, scratch: Path) -> CoreAt:
    """Read core's requirements at a commit.

    Args:
        git: The door to git, in the top folder of what fumehood manages.
        ref: A branch, a tag or another name of the commit.
        now: Core as it is.
        scratch: An existing empty folder.

    Raises:
        UsageError: There is no such commit, or core has no requirements there.
        ConfigurationError: The files are wrong there.
    """
    prefix, commit = git.prefix(), git.commit(ref)
    try:
        with disk_errors(f"laying out the requirement files of {ref}"):
            root = scratch / prefix if prefix else scratch
            root.mkdir(parents=True, exist_ok=True)
            usual = (settings_module.PYPROJECT, settings_module.UV_TOML, "requirements.txt", *SETUP_SCRIPTS)
            _lay_out(git, commit, scratch, {f"{prefix}{name}" for name in usual})
            core = _core(root, now)
            inputs = sources.read(root, core.requirements, environ=git.environ)
            if inputs.folders:
                _lay_out(git, commit, scratch, _build_files(inputs, prefix))
                inputs = sources.read(root, core.requirements, environ=git.environ)
            inputs = replace(inputs, settings=uv_settings.read(root, git.environ))
            inputs = own_project.replaced(inputs, core, root, own_project.name(core, root))
    except ConfigurationError as error:
        raise ConfigurationError(
            f"core's requirements cannot be read as they are at {ref}",
            details=str(error),
            remedy="correct them there, or name another commit",
        ) from None
    if now.requirements and not core.requirements:
        raise UsageError(f"core has no requirement files at {ref}", remedy="name a commit that has some")
    return CoreAt(commit=commit, core=core, inputs=inputs)


def _core(root: Path, now: Core) -> Core:
    settings, pyproject = settings_module.read(root)
    data: Mapping[str, Any] = pyproject.data if pyproject else {}
    written = table_at(data, "project").get("requires-python")
    requires_python = written if "project" in data else requires_python_of_script(root)
    return replace(
        now,
        requirements=written_in(root, settings, data),
        test_requirements=settings.test_requirements,
        requires_python=requires_python if isinstance(requires_python, str) else None,
        pythons=settings.python,
    )


def _lay_out(git: Git, commit: str, scratch: Path, usual: set[str]) -> None:
    """Write every file that core's requirements may be read from: the usual ones, and what these lead to."""
    pending, seen = usual, set[str]()
    while pending:
        seen |= pending
        found = git.files(commit, sorted(pending))
        pending = set()
        for path, content in found.items():
            target = scratch / path
            os.makedirs(target.parent, exist_ok=True)
            target.write_bytes(content)
            pending |= set(_leads_to(path, content, git.environ)) - seen


def _build_files(inputs: Inputs, prefix: str) -> set[str]:
    """The files in which folders of the repository that lines name say what they require themselves."""
    folders = {f"{prefix}{line.url}" for line in inputs.requirements if line.is_local}
    names = (posixpath.normpath(f"{folder}/{name}") for folder in folders for name in local_project.BUILD_FILES)
    return {name for name in names if not name.startswith(("../", "/"))}


def _leads_to(path: str, content: bytes, environ: Mapping[str, str]) -> Iterator[str]:
    """The files that a file names; those outside the repository are left out, and reading misses them then."""
    try:
        text = decode(content, name=path)
        is_project = path.endswith(f"/{settings_module.PYPROJECT}") or path == settings_module.PYPROJECT
        named = _named_in_project(text) if is_project else requirements_txt.included(text, environ)
    except (FumehoodError, ValueError, RecursionError):
        return  # What is wrong with it, and whether that matters, is said when it is read.
    for name in named:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
        if not target.startswith(("../", "/")):
            yield target


def _named_in_project(text: str) -> tuple[str, ...]:
    """The requirement files of the settings, and those from which setuptools takes what is dynamic."""
    tool = table_at(tomllib.loads(text), "tool")
    dynamic = table_at(tool, "setuptools", "dynamic")
    named = [table_at(tool, "fumehood", "core").get("requirements"), table_at(dynamic, "dependencies").get("file")]
    extras = "optional-dependencies"
    named += [table_at(dynamic, extras, name).get("file") for name in table_at(dynamic, extras)]
    lists = [value if isinstance(value, list) else [value] for value in named]
    return tuple(item for items in lists for item in items if isinstance(item, str))
