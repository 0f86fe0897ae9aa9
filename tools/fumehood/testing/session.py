"""What one test run needs around pytest: the environment variables, the fence, and the GPUs."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shlex
from typing import TYPE_CHECKING, Literal, get_args

from msgspec import Struct
from msgspec.structs import asdict

from fumehood.environments import envdir
from fumehood.errors import ConfigurationError
from fumehood.outside import supervise
from fumehood.outside.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from fumehood.environments.manager import Environment
    from fumehood.model.experiment import Experiment
    from fumehood.repository import Repository
    from fumehood.testing.gpu_values import Gpu, GpuNeeds
    from fumehood.testing.results import Part

NOTHING_COLLECTED = 5
"""pytest's exit code when no test was collected."""

NOT_UNDERSTOOD = 4
"""pytest's exit code when its arguments, or its settings, are wrong."""

_ONLY_SHOW = {"--co", "--collect-only", "--collectonly", "--setup-only", "--setuponly", "--setup-plan", "--setupplan"}
_ONLY_SHOW |= {"--fixtures", "--funcargs", "--fixtures-per-test", "--markers", "--cache-show"}
_ONLY_SHOW |= {"--help", "-h", "--version", "-V", "-VV"}
"""The options of pytest with which it runs no test, and is not meant to."""
_WITH_A_VALUE = {
    "-c",
    "--config-file",
    "--rootdir",
    "--confcutdir",
    "--ignore",
    "--ignore-glob",
    "--deselect",
    "-k",
    "-m",
}
_WITH_A_VALUE |= {"--basetemp", "--junitxml", "--junit-xml", "--log-file", "--cov", "--cov-config"}
"""Options of pytest, and of pytest-cov, behind which a word that is the name of tests names none to run."""

GpuMode = Literal["auto", "none", "require"]
MODES: tuple[GpuMode, ...] = get_args(GpuMode)

_LEAKS = {"PYTHONEXECUTABLE", "PYTHONHOME", "PYTHONPATH", "PYTHONPLATLIBDIR", "PYTHONPYCACHEPREFIX", "PYTHONSAFEPATH"}
_LEAKS |= {"PYTHONSTARTUP", "PYTHONUSERBASE", "VIRTUAL_ENV_PROMPT"}
_LEAKS |= {"UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "UV_SYSTEM_PYTHON"}
"""Variables by which the caller's shell would reach into the environment, beside those with a prefix."""
_LEAKING_PREFIXES = ("CONDA_", "_CE_", "PIP_")
"""Of conda's and pip's."""
_FOR_PYTEST = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD")
_LEAVING_OUT = ("-k", "-m", "--deselect", "--ignore", "--lf", "--last-failed", "--sw", "--stepwise", "--gpu-tests")
"""What the options begin with that leave out tests."""


class TestRun(Struct, frozen=True, kw_only=True):
    """One run of pytest in an environment.

    Attributes:
        arguments: For pytest: the plugin, the test files, and what the user gave.
        environ: Variables to set; None for those to take out.
        report: Where the plugin writes what came of it.
        gpu_mode: What to do about tests whose GPUs are not there.
        gpus: Those that the run was given.
        has_tests: Whether there is anything to point pytest at.
        only_shows: Whether it was asked for something else than to run tests.
    """

    __test__ = False  # pytest would take the class for tests because of its name.

    arguments: tuple[str, ...]
    environ: Mapping[str, str | None]
    report: Path
    gpu_mode: GpuMode
    gpus: tuple[Gpu, ...]
    has_tests: bool
    only_shows: bool

    @property
    def ending(self) -> Path:
        """Where the supervisor writes how pytest ended."""
        return self.report.with_suffix(".ending")

    def supervised(self, pytest: Path, timeout: float | None) -> tuple[str, ...]:
        """The command that runs pytest in a process group of its own, for so many seconds at most."""
        return supervise.supervised(str(self.ending), timeout or 0, str(pytest), *self.arguments)


def gpu_mode(arguments: Sequence[str], environ: Mapping[str, str]) -> GpuMode:
    """What ``--gpus`` says among pytest's arguments; else ``FUMEHOOD_GPU_MODE``; else ``auto``.

    Raises:
        ConfigurationError: ``FUMEHOOD_GPU_MODE`` is none of them; pytest says so of the argument.
    """
    usual = environ.get("FUMEHOOD_GPU_MODE") or "auto"
    if usual not in MODES:
        raise ConfigurationError(f"FUMEHOOD_GPU_MODE={usual}", remedy=f"set it to one of {', '.join(MODES)}")
    said = _said("--gpus", arguments) or usual
    return next((mode for mode in MODES if mode == said), "auto")


def part(arguments: Sequence[str]) -> Part:
    """Which tests run, as ``--gpu-tests`` says among pytest's arguments; pytest refuses what it cannot be."""
    asked, _, vendor = (_said("--gpu-tests", arguments) or "").lower().partition(":")
    found = {"only": "gpu", "none": "other"}.get(asked, "all")
    return f"gpu-{vendor}" if found == "gpu" and vendor.isascii() and vendor.isalnum() else found


def _said(option: str, arguments: Sequence[str]) -> str | None:
    """The last value of an option among pytest's arguments."""
    said = None
    for index, argument in enumerate(arguments):
        if argument.startswith(f"{option}="):
            said = argument.partition("=")[2]
        elif argument == option and index + 1 < len(arguments):
            said = arguments[index + 1]
    return said


def heeded(environ: Mapping[str, str]) -> str:
    """The variables of the caller's shell by which pytest is told something: what is meant for it gets to it."""
    return " ".join(f"{name}={shlex.quote(environ[name])}" for name in _FOR_PYTEST if environ.get(name))


def selection(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The words of ``PYTEST_ADDOPTS``, if some of them leave out tests, so that the run is none of the whole."""
    try:
        words = shlex.split(environ.get("PYTEST_ADDOPTS", ""))
    except ValueError:
        return ()  # pytest says so.
    return tuple(words) if any(word.startswith(_LEAVING_OUT) for word in words) else ()


def clean_environ(environ: Mapping[str, str]) -> dict[str, str | None]:
    """The variables to take out of, or set in, the environment of a test run so that nothing leaks into it."""
    leaks = [name for name in environ if name in _LEAKS or name.startswith(_LEAKING_PREFIXES)]
    return {**dict.fromkeys(leaks), "PYTHONNOUSERSITE": "1"}


def write_fence(path: Path, repository: Repository, session: str, own: Experiment | None) -> None:
    """Write the file that tells the plugin which folders nothing may be imported from.

    Args:
        path: Where to write it.
        repository: Whose experiments are fenced off.
        session: How the session is called in messages: ``core`` or the experiment's path.
        own: The experiment whose tests run; None for core's, which may import no experiment.
    """
    folders = [experiment.path for experiment in repository.experiments if experiment is not own]
    folders += [broken.path for broken in repository.broken]
    real = [os.path.realpath(repository.root / folder) for folder in folders]
    write_whole(path, "\n".join([os.path.realpath(repository.root), session, *sorted(real), ""]))


@contextlib.contextmanager
def test_run(
    repository: Repository,
    experiment: Experiment | None,
    environment: Environment,
    *,
    arguments: Sequence[str],
    say: Callable[[str], None],
) -> Iterator[TestRun]:
    """Prepare a run of pytest; leases on GPUs are held until the block ends.

    Args:
        repository: The repository.
        experiment: Whose tests run; None for core's.
        environment: Where they run.
        arguments: What the user gave after ``--``.
        say: Called with one line for the user.

    Raises:
        WorldError: GPUs are required, and those that the manifest asks for are not there.
    """
    own = environment.path.parent / envdir.OWN
    fence = own / f"{environment.path.name}.fence"
    write_fence(fence, repository, experiment.path if experiment else "core", experiment)
    mode = gpu_mode(arguments, os.environ)
    paths = _paths(repository, experiment, arguments)
    from fumehood.testing.needed import gpu_needs, needs_of_manifest  # noqa: PLC0415 - only runs of tests need it

    which = part(arguments)
    needs = gpu_needs(repository, experiment, which)
    demanded = needs_of_manifest(experiment, which) if mode == "require" else None
    with _gpus(needs, demanded, mode, say) as gpus, _report_file(own) as report:
        yield TestRun(
            arguments=("-p", "fumehood_pytest", *paths, *arguments),
            environ={
                **clean_environ(os.environ),
                **_granted(gpus, environment),
                "FUMEHOOD_FENCE": str(fence),
                "FUMEHOOD_GPU_MODE": mode,
                "FUMEHOOD_PYTEST_REPORT": str(report),
            },
            report=report,
            gpu_mode=mode,
            gpus=gpus,
            has_tests=bool(paths) or _names_tests(repository, experiment, arguments),
            only_shows=any(argument.partition("=")[0] in _ONLY_SHOW for argument in arguments),
        )


@contextlib.contextmanager
def _report_file(folder: Path) -> Iterator[Path]:
    """A file of this run alone, since another may use the same environment at the same time, or have been killed.

    In a container, both may have the number that this process has.
    """
    report = folder / f"report-{os.getpid()}-{os.urandom(4).hex()}.json"
    try:
        yield report
    finally:
        for file in (report, report.with_suffix(".ending")):
            with contextlib.suppress(OSError):
                file.unlink()


def _paths(repository: Repository, experiment: Experiment | None, arguments: Sequence[str]) -> tuple[str, ...]:
    """The tests to run: none beside those the user names, else the experiment's (or core's), no inner experiment's."""
    if _names_tests(repository, experiment, arguments):
        return ()
    if experiment is None:
        return repository.core.tests
    others = [one.path for one in repository.experiments] + [one.path for one in repository.broken]
    inner = (f"--ignore={path}" for path in others if path.startswith(f"{experiment.path}/"))
    return (*experiment.test_paths, *inner) if experiment.test_paths else ()


def _names_tests(repository: Repository, experiment: Experiment | None, arguments: Sequence[str]) -> bool:
    """Whether pytest's arguments name tests of this session; the value of an option may be named like a folder."""
    homes = (experiment.path,) if experiment else repository.core.tests
    words = [word for before, word in zip(("", *arguments), arguments, strict=False) if before not in _WITH_A_VALUE]
    named = [word.partition("::")[0] for word in words if not word.startswith("-")]
    there = [os.path.relpath(path, repository.root) for name in named if (path := repository.root / name).exists()]
    return any(path == home or path.startswith(f"{home}/") for path in there for home in homes)


@contextlib.contextmanager
def _gpus(
    needs: GpuNeeds | None, demanded: GpuNeeds | None, mode: GpuMode, say: Callable[[str], None]
) -> Iterator[tuple[Gpu, ...]]:
    from fumehood.testing import gpu_lease, gpu_values, gpus  # noqa: PLC0415 - only runs of tests need it

    if needs is None or mode == "none":
        yield ()
        return
    inventory = gpus.find_gpus(os.environ)
    if inventory.note:
        say(inventory.note)
    if demanded and not gpus.select(inventory.gpus, demanded):  # no test has a mark that would fail for it
        there = gpu_values.describe(inventory.gpus)
        raise gpu_lease.GpusMissingError(
            f"the manifest asks for {demanded}, and --gpus=require for them to be there; there are: {there}",
            remedy="run it on a machine that has them, or with --gpus=auto",
        )
    if not inventory.gpus:
        yield ()
        return
    # A run that needs more than there is still gets what comes nearest, for those of its tests that need less.
    candidates, wanted = inventory.gpus, needs
    if not gpus.select(candidates, needs):
        candidates = gpus.nearest(candidates, needs)
        wanted = gpu_values.GpuNeeds(count=len(candidates))
    with contextlib.ExitStack() as stack:
        folder = gpu_lease.machine_folder(candidates)
        lease = functools.partial(gpu_lease.lease, candidates, needs=wanted, folder=folder)
        try:
            granted = stack.enter_context(lease(wait=False))
        except gpu_lease.GpusBusyError as error:
            say(f"{error.what}; waiting for them")
            granted = stack.enter_context(lease(wait=True))
        yield granted


def _granted(gpus: tuple[Gpu, ...], environment: Environment) -> dict[str, str]:
    from fumehood.testing import gpu_lease  # noqa: PLC0415 - only runs of tests need it

    leases = (*environment.lease_files, *gpu_lease.lock_files(gpus, gpu_lease.machine_folder(gpus)))
    said = {"FUMEHOOD_GPUS_GRANTED": json.dumps([asdict(gpu) for gpu in gpus])}
    return {**gpu_lease.visible_devices(gpus), **said, "FUMEHOOD_LEASES": "\n".join(map(str, leases))}
