"""``[tool.fumehood]`` in the repository's pyproject.toml: every key, its default and its check, declared once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, cast, get_args

from msgspec import Struct

from fumehood.errors import FumehoodError, Place, raise_all
from fumehood.outside.toml_file import TableReader, TomlFile, load
from fumehood.shared_keys import check_pythons, read_timeout, read_waivers

if TYPE_CHECKING:
    from pathlib import Path

    from fumehood.model.limits import Limits
    from fumehood.model.runner import CiSettings, Runners
    from fumehood.model.waiver import Waiver

Level = Literal["off", "note", "warning", "error"]

PYPROJECT = "pyproject.toml"
UV_TOML = "uv.toml"
DEFAULT_TEST_REQUIREMENTS = ("pytest>=7",)
_EXTENSION_POINT = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*(?::[^\W\d]\w*(?:\.[^\W\d]\w*)*)?")
DEFAULT_THEMES = ("model", "infrastructure")
DEFAULT_BASELINE = "fumehood-baseline.json"
LEVELS: tuple[Level, ...] = get_args(Level)


class CoreSettings(Struct, frozen=True, kw_only=True):
    """``[tool.fumehood.core]``: where core's parts are, when discovery would not find them.

    Attributes:
        requirements: Requirement files, or ``pyproject.toml``; empty to look for them.
        groups: Dependency groups (PEP 735) of pyproject.toml that count as core's requirements.
        extras: Optional dependencies of pyproject.toml that count as core's requirements.
        sources: Folders to put on the import path; empty to look for them.
        tests: Folders or files with core's tests; empty to look for them.
        test_requirements: Requirement files of core's tests; empty to look for them.
        timeout: Seconds that core's tests may take; None for what `Settings.timeout` says.
    """

    requirements: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    test_requirements: tuple[str, ...] = ()
    timeout: int | None = None

    @property
    def paths(self) -> dict[str, tuple[str, ...]]:
        """The keys that hold paths of the repository, with those paths."""
        return {
            "requirements": self.requirements,
            "sources": self.sources,
            "tests": self.tests,
            "test-requirements": self.test_requirements,
        }


class RuleSetting(Struct, frozen=True, kw_only=True):
    """How severe the findings of a rule are, or of a group of rules, where a path matches.

    Attributes:
        rule: An id such as ``owner/missing``, or a group such as ``owner``; whether there is one is not known here.
        pattern: A glob of a file or of a folder that holds it; ``*`` for all there is.
    """

    rule: str
    pattern: str
    level: Level
    place: Place


Unclaimed = Literal["all", "core", "none"]
UNCLAIMED: tuple[Unclaimed, ...] = get_args(Unclaimed)


class AffectedSettings(Struct, frozen=True, kw_only=True):
    """``[tool.fumehood.affected]``: what changes affect beyond what imports and requirements say.

    Attributes:
        unclaimed: What a changed file affects that belongs to no experiment, is no module of core and of its tests, and
            that nothing imports: every experiment and core, core alone, or nothing.
        all: Globs of files that affect everything.
        ignore: Globs of files that affect nothing.
    """

    unclaimed: Unclaimed = "all"
    all: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


class Settings(Struct, frozen=True, kw_only=True):
    """``[tool.fumehood]``; every key is optional.

    Attributes:
        experiments: Globs of the folders that are experiments or hold them.
        exclude: Globs of folders that are not.
        python: Python versions of the sessions whose experiment names none.
        test_requirements: What running tests adds to every environment.
        themes: What experiments may be.
        rules: What is not as the rules themselves would have it, in the order of the file.
        timeout: Seconds that the tests of a session may take; None for as long as they need.
        waivers: Those for findings about core.
        extension_points: What core offers to experiments: a name for each, and a module or ``module:attribute``.
        baseline: The file with the findings that were there when the repository began to be checked.
        core: See `CoreSettings`.
        affected: See `AffectedSettings`.
        said_lifecycle: What is said of how long an experiment may be left alone, if anything is.
        said_runners: What is said of the machines of CI jobs, if anything is.
        said_ci: What is said of how the workflow for them is written, if anything is.
    """

    experiments: tuple[str, ...] = ("experiments/*",)
    exclude: tuple[str, ...] = ()
    python: tuple[str, ...] = ()
    test_requirements: tuple[str, ...] = DEFAULT_TEST_REQUIREMENTS
    themes: tuple[str, ...] = DEFAULT_THEMES
    rules: tuple[RuleSetting, ...] = ()
    timeout: int | None = None
    waivers: tuple[Waiver, ...] = ()
    extension_points: tuple[tuple[str, str], ...] = ()
    baseline: str = DEFAULT_BASELINE
    core: CoreSettings = CoreSettings()
    affected: AffectedSettings = AffectedSettings()
    said_lifecycle: Limits | None = None
    said_runners: Runners | None = None
    said_ci: CiSettings | None = None

    @property
    def lifecycle(self) -> Limits:
        """How long an experiment may be left alone."""
        from fumehood.model.limits import Limits  # noqa: PLC0415 - most commands need none of these

        return self.said_lifecycle or Limits()

    @property
    def runners(self) -> Runners:
        """The machines of CI jobs."""
        from fumehood.model.runner import Runners  # noqa: PLC0415 - as above

        return self.said_runners or Runners()

    @property
    def ci(self) -> CiSettings:
        """How the workflow for them is written."""
        from fumehood.model.runner import CiSettings  # noqa: PLC0415 - as above

        return self.said_ci or CiSettings()


def read(root: Path) -> tuple[Settings, TomlFile | None]:
    """The settings of a repository, and its pyproject.toml if there is one.

    Raises:
        ConfigurationError: The file cannot be read, or settings are wrong: all of them at once.
    """
    path = root / PYPROJECT
    if not path.exists():
        return Settings(), None
    file = load(path, name=PYPROJECT)
    mistakes: list[FumehoodError] = []
    reader = TableReader(file, ("tool", "fumehood"), mistakes)
    core = reader.subtable("core")
    settings = Settings(
        experiments=reader.strings("experiments", Settings().experiments),
        exclude=reader.strings("exclude"),
        python=reader.strings("python"),
        test_requirements=reader.strings("test-requirements", DEFAULT_TEST_REQUIREMENTS),
        themes=reader.strings("themes", DEFAULT_THEMES),
        rules=_rules(reader.subtable("rules")),
        timeout=read_timeout(reader),
        waivers=read_waivers(reader, folder=""),
        extension_points=_extension_points(reader.subtable("extension-points")),
        baseline=reader.string("baseline") or DEFAULT_BASELINE,
        core=CoreSettings(
            requirements=core.strings("requirements"),
            groups=core.strings("groups"),
            extras=core.strings("extras"),
            sources=core.strings("sources"),
            tests=core.strings("tests"),
            test_requirements=core.strings("test-requirements"),
            timeout=read_timeout(core),
        ),
        affected=_affected(reader.subtable("affected")),
        said_lifecycle=_limits(reader),
        said_runners=_runners(reader),
        said_ci=_ci(reader),
    )
    _check_paths(reader, settings.experiments, "experiments")
    _check_paths(reader, (settings.baseline,), "baseline")
    check_pythons(reader, settings.python)
    for key, paths in settings.core.paths.items():
        _check_paths(core, paths, key)
    core.finish()
    reader.finish()
    raise_all(mistakes)
    return settings, file


def _extension_points(reader: TableReader) -> tuple[tuple[str, str], ...]:
    found = []
    for name in reader.table:
        point = reader.string(name)
        if point is not None and not _EXTENSION_POINT.fullmatch(point):
            reader.complain(
                name, f"{point!r} is no module", f'write {name} = "package.module" or "package.module:Name"'
            )
        elif point is not None:
            found.append((name, point))
    return tuple(sorted(found))


def _affected(reader: TableReader) -> AffectedSettings:
    settings = AffectedSettings(
        unclaimed=cast("Unclaimed", reader.string("unclaimed", AffectedSettings().unclaimed, choices=UNCLAIMED)),
        all=reader.strings("all"),
        ignore=reader.strings("ignore"),
    )
    reader.finish()
    return settings


def _limits(settings: TableReader) -> Limits | None:
    if not settings.has("lifecycle"):
        return None
    from fumehood.model.limits import Limits  # noqa: PLC0415 - most repositories say nothing of it

    reader, usual = settings.subtable("lifecycle"), Limits()
    limits = Limits(
        commit=reader.integer("no-commit-days", usual.commit) or usual.commit,
        green=reader.integer("no-green-days", usual.green) or usual.green,
        answer=reader.integer("failure-days", usual.answer) or usual.answer,
        suspend=reader.integer("suspend-after-days", usual.suspend) or usual.suspend,
        remove=reader.integer("remove-after-days", usual.remove) or usual.remove,
    )
    reader.finish()
    return limits


def _runners(settings: TableReader) -> Runners | None:
    if not settings.has("runners"):
        return None
    from fumehood.ci_settings import read_runners  # noqa: PLC0415 - as above

    return read_runners(settings.subtable("runners"))


def _ci(settings: TableReader) -> CiSettings | None:
    if not settings.has("ci"):
        return None
    from fumehood.ci_settings import read_ci  # noqa: PLC0415 - as above

    return read_ci(settings.subtable("ci"))


def _rules(reader: TableReader) -> tuple[RuleSetting, ...]:
    """Each key is a rule or a group; its value a level, or a table of globs with a level for each."""
    found = []
    for rule, value in reader.table.items():
        table = reader.subtable(rule) if isinstance(value, dict) else reader
        for key in table.table if isinstance(value, dict) else (rule,):
            level = table.string(key, choices=LEVELS)
            if level is not None:
                pattern = key if isinstance(value, dict) else "*"
                place = reader.file.place(*table.keys, key)
                found.append(RuleSetting(rule=rule, pattern=pattern, level=cast("Level", level), place=place))
    return tuple(found)


def _check_paths(reader: TableReader, paths: tuple[str, ...], key: str) -> None:
    for path in paths:
        if not path:
            reader.complain(key, f"{key} has an empty path", "give a path relative to the repository, with /")
        elif path.startswith(("/", "~")) or ".." in path.split("/"):
            reader.complain(key, f"{path!r} leaves the repository", "give a path relative to the repository, with /")
