"""The door for nox: ``fumehood.nox.register()`` in a noxfile gives one session for each experiment, and ``core``."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nox

from fumehood.errors import ConfigurationError, FumehoodError
from fumehood.model.duration import render_duration
from fumehood.model.experiment import RUNNING_STATES, Experiment, core_target, experiment_target, session_name
from fumehood.nox_internals import (
    BACKEND,
    CommandFailed,
    InterpreterNotFound,
    SessionRequest,
    fail,
    install_backend,
    request_of,
)
from fumehood.repository import BrokenExperiment, Repository, find_root, open_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from nox import Session

    from fumehood.environments.manager import Environment
    from fumehood.testing.outcome import Verdict
    from fumehood.testing.recording import Ended, Recording
    from fumehood.testing.session import TestRun

__all__ = ["enter", "register"]

_LOCKED, _LOWEST = _OWN_ARGUMENTS = ("--locked", "--lowest")
"""What a session takes for itself of the arguments after ``--``; the others are pytest's."""

_entered: dict[Path, Environment] = {}
"""What sessions of users have entered last, by folder: leased until nox ends, or the folder is another experiment's."""

install_backend()  # also for a noxfile that has only sessions which enter an experiment


def register(root: str | os.PathLike[str] | None = None) -> None:
    """Register a nox session for each experiment of a repository, and one for core's tests.

    Sessions are called ``exp-NAME`` and tagged ``exp``, those with tests that need GPUs also ``gpu``; core's is called
    ``core``. They belong to no default run: ``nox`` alone runs what the noxfile itself has. Arguments after ``--`` go
    to pytest; ``--locked`` among them refuses to resolve, as is the default where ``CI`` is set, and ``--lowest`` tests
    the lowest versions that the requirements admit, in an environment of their own.

    Args:
        root: The repository; by default the one around the noxfile, which nox makes the current folder.
    """
    try:
        repository = open_repository(Path(root) if root is not None else find_root(Path.cwd()))
    except FumehoodError as error:
        # nox would show a traceback for whatever escapes from a noxfile.
        print(error, file=sys.stderr)  # noqa: T201 - nox's logger is not set up while a noxfile is loaded
        sys.exit(error.exit_code)
    for experiment in repository.experiments:
        _register_experiment(repository, experiment)
    for broken in repository.broken:
        _register_broken(repository, broken)
    _register_core(repository)


def enter(session: Session, name: str, *, root: str | os.PathLike[str] | None = None) -> Path:
    """Give a session that a user wrote the environment of an experiment, to train or to profile in.

    The session is declared with ``venv_backend="fumehood"``. Its ``run`` then finds the environment's commands; the
    environment is kept as it is until nox ends, or the session enters that of another experiment in its place.

    Args:
        session: nox's session.
        name: The experiment.
        root: As for `register`.

    Returns:
        The folder of the environment.
    """
    request = request_of(session)
    if request is None:
        session.error(f'declare {session.name} with venv_backend="{BACKEND}"')
    with _reported(session):
        repository = open_repository(Path(root) if root is not None else find_root(Path.cwd()))
        experiment = repository.experiment(name)
        if before := _entered.pop(request.folder, None):
            before.release()  # or a session that enters a second experiment would wait for itself
        environment = _entered[request.folder] = _environment(session, repository, experiment, request)
    from fumehood.testing.session import clean_environ  # noqa: PLC0415 - `nox -l` needs none of it

    session.env.update(clean_environ(os.environ))
    return environment.path


def _register_experiment(repository: Repository, experiment: Experiment) -> None:
    def run(session: Session) -> None:
        _run(session, repository, experiment)

    about = experiment.summary or f"Tests of {experiment.path}"
    run.__doc__ = about if experiment.state in RUNNING_STATES else f"Left out, since it is {experiment.state}: {about}"
    tags = ["exp", "gpu"] if _mentions_gpu(repository, experiment) else ["exp"]
    python = list(experiment.pythons) if len(experiment.pythons) > 1 else next(iter(experiment.pythons), None)
    _session(run, name=experiment.session, venv_backend=BACKEND, python=python, tags=tags)


def _register_broken(repository: Repository, broken: BrokenExperiment) -> None:
    """A session that fails with the mistake, so that it is seen where its tests would be; others are not touched."""

    def run(session: Session) -> None:
        with _reported(session), _recorded(session, repository, broken, []):
            raise broken.error

    mistake, _, _ = str(broken.error).partition("\n")
    run.__doc__ = f"Cannot be run: {mistake}"
    name = session_name(broken.name)
    if name in nox.registry.get() or not name.isprintable():
        print(broken.error, file=sys.stderr)  # noqa: T201 - nox's logger is not set up while a noxfile is loaded
        return
    _session(run, name=name, venv_backend="none", tags=["exp"])


def _register_core(repository: Repository) -> None:
    def run(session: Session) -> None:
        _run(session, repository, None)

    run.__doc__ = "Core's own tests, where no experiment can be imported"
    if not repository.experiments and not repository.broken:
        globs = ", ".join(repository.settings.experiments)
        run.__doc__ = f"Core's own tests; no experiments in {globs} (`experiments` in [tool.fumehood] says where)"
    pythons = repository.core.pythons
    python = list(pythons) if len(pythons) > 1 else next(iter(pythons), None)
    _session(run, name="core", venv_backend=BACKEND, python=python)


def _session(
    run: Callable[[Session], None],
    *,
    name: str,
    venv_backend: str,
    **options: Any,  # noqa: ANN401 - nox checks them
) -> None:
    """A session that belongs to no default run and may run beside others: leases keep what it shares."""
    nox.session(name=name, venv_backend=venv_backend, default=False, allow_parallel=True, **options)(run)


def _mentions_gpu(repository: Repository, experiment: Experiment) -> bool:
    if experiment.gpus:
        return True
    for test in experiment.tests:
        try:
            if b"mark.gpu" in (repository.root / test).read_bytes():
                return True
        except OSError:
            continue
    return False


def _run(session: Session, repository: Repository, experiment: Experiment | None) -> None:
    """One session: its environment, then its tests; a result of it is left behind."""
    if experiment and experiment.state not in RUNNING_STATES:
        session.skip(f"{experiment.path} is {experiment.state} ({experiment.manifest})")
    arguments = [argument for argument in session.posargs if argument not in _OWN_ARGUMENTS]
    with _reported(session), _recorded(session, repository, experiment, arguments) as recording:
        request = _request(session, recording)
        with recording.making_environment((experiment or repository.core).timeout) as deadline:
            environment = _environment(session, repository, experiment, request, deadline)
        recording.has_environment(environment.state)
        try:
            if not request.install_only:
                _run_tests(session, repository, experiment, environment, recording, arguments)
        finally:
            environment.release()


def _recorded(
    session: Session, repository: Repository, experiment: Experiment | BrokenExperiment | None, arguments: list[str]
) -> AbstractContextManager[Recording]:
    from fumehood.testing.recording import Run, recorded  # noqa: PLC0415 - `nox -l` needs none of it
    from fumehood.testing.results import results_folder  # noqa: PLC0415 - as above
    from fumehood.testing.session import selection  # noqa: PLC0415 - as above

    folder = session.env_dir.absolute()
    run = Run(
        session=session.name,
        environment=folder.name + _variant(session),
        lowest=_LOWEST in session.posargs,
        results=results_folder(folder.parent, repository.root, os.environ),
        # They come as bytes, and need not be text.
        arguments=tuple(
            os.fsencode(one).decode(errors="backslashreplace") for one in (*arguments, *selection(os.environ))
        ),
    )
    return recorded(repository, experiment, run)


def _variant(session: Session) -> str:
    """What is added to the name of the environment's folder."""
    return "-lowest" if _LOWEST in session.posargs else ""


def _request(session: Session, recording: Recording) -> SessionRequest:
    try:
        request = request_of(session, variant=_variant(session))
    except InterpreterNotFound as error:
        recording.ends("unsupported-python", str(error))
        raise
    if request is None:
        session.error(f"{session.name} makes its own environment; run it without --no-venv and --force-venv-backend")
    return request


def _environment(
    session: Session,
    repository: Repository,
    experiment: Experiment | None,
    request: SessionRequest,
    deadline: float | None = None,
) -> Environment:
    from fumehood.environments.manager import Environments, Wish  # noqa: PLC0415 - `nox -l` needs none of it
    from fumehood.outside import interrupts  # noqa: PLC0415 - as above
    from fumehood.outside.files import cache_folder  # noqa: PLC0415 - as above

    environments = Environments(repository, cache_folder(os.environ), os.environ, session.log, deadline=deadline)
    lowest = _LOWEST in session.posargs
    wish = Wish(
        target=experiment_target(experiment) if experiment else core_target(repository.core),
        folder=request.folder,
        python=request.python,
        locked=_LOCKED in session.posargs or bool(os.environ.get("CI")),
        fresh=request.fresh or lowest,
        as_is=request.as_is,
        lowest=lowest,
    )
    with interrupts.heeded():
        environment = environments.obtain(wish)
    for line in environment.remarks():
        session.log(line)
    if lowest:
        from fumehood.environments.lowest import verified  # noqa: PLC0415 - as above

        session.log(f"lowest versions, as installed: {', '.join(map(str, verified(environments, wish, environment)))}")
    return environment


def _run_tests(
    session: Session,
    repository: Repository,
    experiment: Experiment | None,
    environment: Environment,
    recording: Recording,
    arguments: list[str],
) -> None:
    from fumehood.testing import session as testing  # noqa: PLC0415 - `nox -l` needs none of it
    from fumehood.testing.outcome import verdict_on  # noqa: PLC0415 - as above

    subject = experiment.path if experiment else "core"
    timeout = (experiment or repository.core).timeout
    prepared = testing.test_run(repository, experiment, environment, arguments=arguments, say=session.log)
    with prepared as run, contextlib.chdir(repository.root):  # which need not be the noxfile's folder
        recording.has_gpus(run.gpus)
        if run.has_tests:
            ended = _pytest(session, run, timeout, recording)
            recording.has_run(ended, run.report)
            _judge(session, run, ended, timeout, recording)
        verdict = verdict_on(run, subject)
        if verdict.status != "unknown":
            recording.ends(verdict.status, verdict.sentence)
        _conclude(session, verdict)


def _pytest(session: Session, run: TestRun, timeout: float | None, recording: Recording) -> Ended:
    """Run pytest under a supervisor, which ends it with all that it has started when its time is up."""
    from fumehood.outside.supervise import COULD_NOT_START  # noqa: PLC0415 - `nox -l` needs none of it
    from fumehood.testing.recording import read_ending  # noqa: PLC0415 - as above
    from fumehood.testing.session import heeded  # noqa: PLC0415 - as above

    pytest = Path(session.bin, "pytest")
    if not pytest.exists():
        what = "there is no pytest in the environment"
        raise ConfigurationError(what, remedy="require it, or leave it among the `test-requirements`")
    if said := heeded(os.environ):
        session.log(f"pytest heeds {said}")
    session.log(shlex.join(["pytest", *run.arguments]))
    command = run.supervised(pytest, timeout)
    env = {**run.environ, "FUMEHOOD_JUNIT": str(recording.junit), "FUMEHOOD_JUNIT_PLACE": str(recording.xml)}
    code = 1  # of a supervisor that did not come to writing down how pytest ended
    try:
        # What pytest's own exit codes mean is for `_judge` to say, which does not speak of the supervisor.
        codes = {*range(256)} - {COULD_NOT_START}
        session.run(*command, env=env, external=True, log=False, interrupt_timeout=5, success_codes=codes)
    except CommandFailed as error:
        code = error.return_code or 1
    return read_ending(run.ending, code)


def _judge(session: Session, run: TestRun, ended: Ended, timeout: float | None, recording: Recording) -> None:
    """End the session if pytest did not end well."""
    from fumehood.testing.session import NOT_UNDERSTOOD, NOTHING_COLLECTED  # noqa: PLC0415 - `nox -l` needs none of it

    if ended.timed_out:
        recording.ends("timed-out", f"the tests were not done after {render_duration(timeout or 0)}")
        session.error(f"{recording.result.reason}; all that they had started was ended")
    if ended.code not in {0, NOTHING_COLLECTED}:
        recording.ends("failed", f"pytest ended with exit code {ended.code}")
        # With the same code ends what a conftest.py raises.
        is_lacking = any(words in ended.tail for words in ("unrecognized arguments", "Missing required plugins"))
        if ended.code == NOT_UNDERSTOOD and is_lacking and not recording.result.arguments:
            session.log("a plugin that pytest's own settings need belongs to `test-requirements` of [tool.fumehood]")
        fail(shlex.join(["pytest", *run.arguments]), ended.code)


def _conclude(session: Session, verdict: Verdict) -> None:
    match verdict.status:
        case "passed":
            session.debug(verdict.sentence)
        case "unknown":
            session.warn(verdict.sentence)
        case "no-tests" | "all-skipped":
            session.skip(verdict.sentence)


@contextlib.contextmanager
def _reported(session: Session) -> Iterator[None]:
    """Turn fumehood's errors into the session's failure, without a traceback."""
    try:
        yield
    except FumehoodError as error:
        session.error(str(error))
