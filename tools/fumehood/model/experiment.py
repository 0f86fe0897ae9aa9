"""Core and its experiments, as discovered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from msgspec import Struct, field

if TYPE_CHECKING:
    from fumehood.model.waiver import Waiver

State = Literal["proposed", "active", "suspended", "graduated", "retired"]
Layout = Literal["auto", "flat"]

STATES: tuple[State, ...] = get_args(State)
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
RUNNING_STATES: frozenset[State] = frozenset({"proposed", "active"})
"""The states in which an experiment's tests are run."""
CORE_TESTS = "core's tests"
"""How messages call the environment that core's own tests run in, which is no experiment's."""
_PYPROJECT = "pyproject.toml"
SETUP_SCRIPTS = ("setup.cfg", "setup.py")
"""What setuptools reads beside it, first what counts more."""


class RequirementSource(Struct, frozen=True, kw_only=True):
    """One file that requirements are written in, relative to the repository.

    For a ``pyproject.toml``, `groups` and `extras` name what counts beside ``[project].dependencies``.
    """

    path: str
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()

    @property
    def is_pyproject(self) -> bool:
        """Whether the file is a ``pyproject.toml``."""
        return self.path.rpartition("/")[2] == _PYPROJECT

    @property
    def is_setup_script(self) -> bool:
        """Whether the file is one of `SETUP_SCRIPTS`."""
        return self.path in SETUP_SCRIPTS


def requirement_sources(
    files: tuple[str, ...], *, groups: tuple[str, ...], extras: tuple[str, ...], folder: str = ""
) -> tuple[RequirementSource, ...]:
    """Files as sources; one of them is the ``pyproject.toml`` where groups or extras of it are named.

    Args:
        files: From the folder.
        groups: Of its dependency groups, what counts.
        extras: Of its optional dependencies, what counts.
        folder: With a ``/`` at its end; empty for the repository's top.
    """
    if (groups or extras) and _PYPROJECT not in files:
        files = (*files, _PYPROJECT)
    return tuple(
        RequirementSource(path=folder + file, groups=groups, extras=extras)
        if file == _PYPROJECT
        else RequirementSource(path=folder + file)
        for file in files
    )


class GpuDemand(Struct, frozen=True, kw_only=True):
    """What the manifest says about GPUs, for needs that the test sources do not show."""

    count: int = 1
    memory: str | None = None
    compute_capability: str | None = None
    vendor: str | None = None


class Core(Struct, frozen=True, kw_only=True):
    """Everything outside the experiment folders; paths are relative to the repository, with ``/``.

    Attributes:
        requirements: The files its requirements are written in.
        lock: Where its lock is committed, whether or not it is there.
        sources: Folders to put on the import path.
        packages: Import packages found in them.
        tests: Folders or files with its tests.
        test_requirements: Requirements that running tests adds, for core and experiments alike.
        tests_requirements: The files with what core's own tests need beyond that.
        project: The name in ``[project]``, as written, if its packages can be imported from source.
        requires_python: The specifier in ``[project].requires-python``, else in ``setup.cfg`` or ``setup.py``, if any.
        pythons: The Python versions of sessions that do not name their own.
        timeout: Seconds that its tests may take; None for as long as they need.
    """

    requirements: tuple[RequirementSource, ...] = ()
    lock: str = "requirements.lock"
    sources: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    test_requirements: tuple[str, ...] = ()
    tests_requirements: tuple[RequirementSource, ...] = ()
    project: str | None = None
    requires_python: str | None = None
    pythons: tuple[str, ...] = ()
    timeout: int | None = None

    @property
    def tests_lock(self) -> str:
        """Where the delta lock of core's own tests is committed, whether or not it is there."""
        return self.lock.removesuffix("requirements.lock") + "requirements-tests.lock"


class Experiment(Struct, frozen=True, kw_only=True):
    """One experiment; paths are relative to the repository, with ``/``.

    Attributes:
        name: The path below the experiments root, ``rl`` or ``distributed/ddp``.
        path: Its folder.
        requirements: The files its requirements are written in.
        tests: Its test files.
        test_paths: What pytest is pointed at; empty when there are no tests.
        sources: Folders to put on the import path.
        pythons: The Python versions its session runs on; empty for the one that runs nox.
        timeout: Seconds that its tests may take; None for as long as they need.
        declared_owners: The owners that its manifest names; `owners` are those, or else CODEOWNERS'.
        inner: Experiments inside this one's folder, which are not part of it.
    """

    name: str
    path: str
    requirements: tuple[RequirementSource, ...] = ()
    tests: tuple[str, ...] = ()
    test_paths: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    state: State = "active"
    summary: str = ""
    theme: str = ""
    pythons: tuple[str, ...] = ()
    gpus: GpuDemand | None = None
    layout: Layout = "auto"
    manifest: str | None = None
    timeout: int | None = None
    inner: tuple[str, ...] = field(default=())
    waivers: tuple[Waiver, ...] = ()
    declared_owners: tuple[str, ...] = ()

    @property
    def session(self) -> str:
        """The nox session that runs its tests: ``exp-distributed-ddp``."""
        return session_name(self.name)

    @property
    def lock(self) -> str:
        """Where its delta lock is committed, whether or not it is there."""
        return f"{self.path}/requirements.lock"


def session_name(name: str) -> str:
    """The session of an experiment's name."""
    return "exp-" + name.replace("/", "-")


class Target(Struct, frozen=True, kw_only=True):
    """Something that gets an environment on top of core's lock: an experiment, or core's own tests.

    Attributes:
        session: The nox session, which also names the environment.
        subject: How messages call it, ``experiments/foo``.
        requirements: The files with what it adds to core's requirements.
        lock: Where its delta lock is committed, whether or not it is there.
        pythons: The Python versions it runs on; empty for any that core supports.
        sources: Folders for the import path, before core's.
        layout: ``flat`` to keep its environment from being stacked.
    """

    session: str
    subject: str
    requirements: tuple[RequirementSource, ...] = ()
    lock: str
    pythons: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    layout: Layout = "auto"


def experiment_target(experiment: Experiment) -> Target:
    """The environment of an experiment."""
    return Target(
        session=experiment.session,
        subject=experiment.path,
        requirements=experiment.requirements,
        lock=experiment.lock,
        pythons=experiment.pythons,
        sources=experiment.sources,
        layout=experiment.layout,
    )


def core_target(core: Core) -> Target:
    """The environment that core's own tests run in: core's lock and what testing adds."""
    return Target(
        session="core",
        subject=CORE_TESTS,
        requirements=core.tests_requirements,
        lock=core.tests_lock,
        pythons=core.pythons,
    )
