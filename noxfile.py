"""fumehood's own sessions: one for each of its experiments, and what its developers run."""

from __future__ import annotations

import nox

import fumehood.nox

nox.needs_version = ">=2026.8.10"
nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lint", "tests"]

fumehood.nox.register()

DEVELOPMENT = ("-r", "requirements.txt", "-r", "tests/requirements.txt")


@nox.session
def tests(session: nox.Session) -> None:
    """All of fumehood's own tests; arguments after -- go to pytest."""
    session.install(*DEVELOPMENT, "-e", ".")
    session.run("pytest", "-n", "2", "--dist", "worksteal", *session.posargs)


@nox.session
def lowest(session: nox.Session) -> None:
    """The tests with the lowest versions that requirements.txt admits, each command in an interpreter of its own."""
    session.install("--resolution", "lowest-direct", *DEVELOPMENT, "-e", ".")
    env = {"FUMEHOOD_TEST_NO_FORKS": "1"}
    session.run("pytest", "-n", "2", "-m", "not network", *session.posargs, env=env)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff, mypy, the import rules, and fumehood's own rules about its experiments."""
    session.install(*DEVELOPMENT, "-e", ".", "-r", "tests/requirements-lint.txt")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("lint-imports")
    session.run("fumehood", "check")


@nox.session
def docs(session: nox.Session) -> None:
    """Write the pages of the rules anew from what the rules say of themselves."""
    session.install(*DEVELOPMENT, "-e", ".")
    session.run("python", "-m", "fumehood.rules.pages", "docs/rules")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure fumehood side by side with what one would use instead; see docs/benchmarks.md.

    Arguments after -- say what of it, as `-- --measure rules`.
    """
    session.install(*DEVELOPMENT, "-e", ".", "-r", "bench/requirements.txt")
    session.run("python", "-m", "bench", *session.posargs)
