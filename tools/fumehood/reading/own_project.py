"""Lines that name core's own project, which no registry need have: every environment imports core from source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace
from packaging.markers import Marker
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from fumehood.errors import ConfigurationError, FumehoodError, raise_all
from fumehood.outside import toml_file
from fumehood.outside.toml_file import table_at
from fumehood.reading import requirement_line, sources
from fumehood.reading.sources import of_lines
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from packaging.utils import NormalizedName

    from fumehood.model.experiment import Core
    from fumehood.model.requirement import Requirement
    from fumehood.reading.sources import Inputs


def name(core: Core, root: Path) -> NormalizedName | None:
    """What core's project is called, if its packages can be imported from source."""
    written = core.project or (_from_setup_script(root) if core.sources else None)
    return canonicalize_name(written) if written else None


def _from_setup_script(root: Path) -> str | None:
    from fumehood.reading import setup_script  # noqa: PLC0415 - few repositories have such a file and no [project]

    return setup_script.project(root)


def replaced(
    inputs: Inputs,
    core: Core,
    root: Path,
    own: NormalizedName | None,
    there: Callable[[], Iterable[Requirement]] = tuple,
) -> Inputs:
    """Inputs with what core's project requires, extras included, in the place of lines that name it.

    Args:
        inputs: What was read.
        core: Whose project it is.
        root: The repository.
        own: Its `name`.
        there: Gives core's lines, which are not said twice.

    Raises:
        ConfigurationError: A line asks for another version of core, or an extra that it does not have; all at once.
    """
    lines = [line for line in inputs.requirements if own and line.name == own and not line.url]
    if not lines:
        return inputs
    mistakes: list[FumehoodError] = list(_other_versions(_version(core, root), lines))
    if not core.project:
        raise_all(mistakes)
        return _from_folder(inputs, root, lines)
    from fumehood.reading import pyproject_requirements  # noqa: PLC0415 - few repositories have such lines

    known = {(line.place, line.text) for line in there()}
    chosen, files = [line for line in inputs.requirements if line not in lines], list(inputs.files)
    for line in lines:
        if line.constraint:
            continue
        try:
            found = pyproject_requirements.read_project(root / PYPROJECT, root=root, extras=line.extras)
        except FumehoodError as error:
            what, remedy = f"what {line.text} stands for cannot be read", "correct this line, or what is quoted"
            mistakes.append(ConfigurationError(what, place=line.place, details=str(error), remedy=remedy))
        else:
            chosen += [_under(line.marker, one) for one in found.requirements if (one.place, one.text) not in known]
            files += found.files
    raise_all(mistakes)
    return replace(
        of_lines(chosen, inputs.options),
        files=tuple(dict.fromkeys(files)),
        folders=inputs.folders,
        settings=inputs.settings,
    )


def _from_folder(inputs: Inputs, root: Path, lines: Sequence[Requirement]) -> Inputs:
    """Inputs with the folder of a project that only setuptools can read in the place of lines that name it.

    A line with a bound stays beside it, since uv knows the version once it has built the metadata.
    """
    chosen = [line for line in inputs.requirements if line not in lines or line.specifier or line.constraint]
    for line in lines:
        if not line.constraint:
            extras = f"[{','.join(line.extras)}]" if line.extras else ""
            folder = requirement_line.parse_line(f".{extras}", place=line.place)
            chosen.append(_under(line.marker, replace(folder, editable=True)))
    found = sources.with_folders(root, of_lines(chosen, inputs.options))
    return replace(found, files=tuple(dict.fromkeys((*inputs.files, *found.files))))


def _version(core: Core, root: Path) -> object:
    """What core's files say of its version, which may be where to find it."""
    if core.project:
        return table_at(toml_file.load(root / PYPROJECT, name=PYPROJECT).data, "project").get("version")
    from fumehood.reading import setup_script  # noqa: PLC0415 - as in `_from_setup_script`

    return setup_script.version(root)


def _other_versions(written: object, lines: Iterable[Requirement]) -> Iterator[ConfigurationError]:
    """Complaints about bounds that core does not keep, where its version is written out."""
    try:
        version = Version(str(written))
    except InvalidVersion:
        return
    for line in lines:
        if not line.specifier.contains(version, prereleases=True):
            what = f"{line.text} asks for another {line.name} than core, which is {version}"
            remedy = "remove the bound: each environment imports core from source"
            yield ConfigurationError(what, place=line.place, remedy=remedy)


def _under(marker: Marker | None, line: Requirement) -> Requirement:
    """A line where a marker holds, too."""
    if marker is None:
        return line
    both = f"({line.marker}) and ({marker})" if line.marker else str(marker)
    return replace(line, text=f"{line.text.partition(';')[0].strip()} ; {both}", marker=Marker(both))
