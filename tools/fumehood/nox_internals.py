"""The parts of nox that its documentation does not promise, all in this one module.

Used are: the registry of environment backends (``nox.virtualenv.ALL_VENVS``), `nox.virtualenv.VirtualEnv` with its
constructor, `_resolved_interpreter` and `location`; from a session its runner's ``global_config``; and nox's log. The
rule that makes an environment's folder from a session's name is written once more in `model.folder`, for
commands that have no other use for nox. ``tests/test_nox_internals.py`` fails when one of them changes.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import nox.virtualenv
from msgspec import Struct
from nox.command import CommandFailed
from nox.logger import logger
from nox.virtualenv import InterpreterNotFound, VirtualEnv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nox import Session

__all__ = [
    "BACKEND",
    "CommandFailed",
    "InterpreterNotFound",
    "LayeredEnv",
    "SessionRequest",
    "fail",
    "install_backend",
    "request_of",
]

BACKEND = "fumehood"


class LayeredEnv(VirtualEnv):
    """A nox environment whose making is left to the session.

    nox makes an environment before the session begins, and does not tell it of ``--no-install`` or why it may be
    reused. So `create` makes nothing, and the session does as soon as it knows. Everything else, ``session.bin`` and
    ``session.run`` and installing into it with uv, is nox's own.
    """

    def __init__(
        self,
        location: str,
        interpreter: str | None = None,
        *,
        download_python: Literal["auto", "never", "always"] = "auto",
        reuse_existing: bool = False,
        venv_params: Sequence[str] = (),
    ) -> None:
        super().__init__(
            location,
            interpreter,
            download_python=download_python,
            reuse_existing=reuse_existing,
            venv_backend="uv",
            venv_params=venv_params,
        )

    def create(self) -> bool:
        """Make nothing; a missing interpreter is the session's affair too, which leaves a result about it."""
        return not Path(self.location, "pyvenv.cfg").exists()


class SessionRequest(Struct, frozen=True, kw_only=True):
    """What nox was told that decides how a session's environment is made.

    Attributes:
        folder: Where the environment shall be.
        python: The interpreter that nox chose.
        fresh: ``--reuse-venv=never``: make it anew.
        as_is: ``-R``: take the one that is there without looking.
        install_only: Run nothing in it.
    """

    folder: Path
    python: Path
    fresh: bool
    as_is: bool
    install_only: bool


def install_backend() -> None:
    """Make the backend known to nox, and keep libraries from chattering through nox's own log."""
    nox.virtualenv.ALL_VENVS[BACKEND] = LayeredEnv
    for library in ("filelock", "python_discovery", "virtualenv"):
        logging.getLogger(library).setLevel(logging.WARNING)


def request_of(session: Session, *, variant: str = "") -> SessionRequest | None:
    """What nox was told; None when another backend was forced on the session.

    Args:
        session: nox's session.
        variant: Added to the name of its environment's folder, for an environment beside the usual one.

    Raises:
        InterpreterNotFound: nox reports it as it always does.
    """
    environment = session.virtualenv
    if not isinstance(environment, LayeredEnv):
        return None
    environment.location += variant
    config: Any = session._runner.global_config  # noqa: SLF001 - nox has no public way to ask for its options
    return SessionRequest(
        folder=Path(environment.location),
        python=Path(environment._resolved_interpreter),  # noqa: SLF001 - as above
        fresh=config.reuse_venv == "never",
        as_is=bool(config.no_install),
        install_only=bool(config.install_only),
    )


def fail(command: str, code: int) -> NoReturn:
    """End a session as nox does when a command fails that it has run itself.

    Raises:
        CommandFailed: Always.
    """
    logger.error(f"Command {command} failed with exit code {code}")
    raise CommandFailed(f"Returned code {code}", return_code=code)
