"""The door to uv: resolving requirements and installing pins, with nothing of the caller's shell leaking in.

uv's text is for people and has changed its form before, so it is quoted and never decided upon; what an exit status
means is documented in uv's reference ("Exit status" of ``uv pip compile``: 1 for a resolution that fails, 2 for an
error of another kind).
"""

from __future__ import annotations

import contextlib
import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from fumehood.errors import WorldError
from fumehood.model.index_options import IndexOptions
from fumehood.outside.uv_arguments import (
    clean_environment,
    compile_arguments,
    index_arguments,
    index_variables,
    is_on,
)
from fumehood.outside.uv_program import REINSTALL, find_uv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_NO_INDEX = IndexOptions()


class UvResult(Struct, frozen=True, kw_only=True):
    """How one call of uv ended; `stderr` is its explanation, `answer` what a resolution that ended well has written."""

    status: int
    stdout: str
    stderr: str
    answer: str = ""

    @property
    def said(self) -> str:
        """The explanation, or how uv ended where it gave none."""
        if self.stderr.strip():
            return self.stderr
        how = f"ended with {self.status}" if self.status >= 0 else f"was ended by signal {-self.status}"
        return f"uv {how}, and said nothing"


class InstallOptions(Struct, frozen=True, kw_only=True):
    """How pins are installed.

    Attributes:
        index: Where packages come from.
        hashed: Refuse what has no hash.
        anew: Take nothing that was built before of a folder, which may have changed since, and keep what is installed.
    """

    index: IndexOptions
    hashed: bool
    anew: bool


class OutOfTimeError(WorldError):
    """The time that all calls together may take is used up."""


class Uv(Struct, frozen=True, kw_only=True):
    """The uv program, as it is called from one folder.

    Attributes:
        cwd: The repository: uv reads its configuration, and relative paths count from there.
        environ: The caller's environment; what would leak in is taken out.
        offline: Never use the network.
        deadline: When a call is given up, with all that it has started, as `time.monotonic` counts; None for never.
        lowest: Compile to the lowest versions of what the lines themselves name.
        overrides: Compile with the lines of this file in place of what anything requires of the packages in them.
    """

    cwd: Path
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    offline: bool = False
    deadline: float | None = None
    lowest: bool = False
    overrides: Path | None = None

    @property
    def is_offline(self) -> bool:
        """Whether uv may not use the network, as fumehood was told or as uv's own variable says."""
        return self.offline or is_on(self.environ.get("UV_OFFLINE", ""))

    def compile(
        self,
        source: Path,
        *,
        output: Path,
        python: str,
        options: IndexOptions,
        dependencies: bool = True,
        offline: bool = False,
    ) -> UvResult:
        """Resolve a requirement file for every platform, from a Python version upwards, with hashes.

        Args:
            source: The requirement file.
            output: Written by uv; what it holds before is preferred where the requirements admit it.
            python: Lower bound, such as ``3.11``.
            options: Where packages come from.
            dependencies: Whether to follow what packages require.
            offline: Use only what uv's cache holds.
        """
        arguments = compile_arguments(source, output, python, options)
        arguments.append("--generate-hashes")
        if self.lowest:
            arguments += ["--resolution", "lowest-direct"]
        if not dependencies:
            arguments.append("--no-deps")
        if self.overrides:
            arguments += ["--override", str(self.overrides)]
        return self._resolve(arguments, output, options, offline=offline)

    def ask(
        self, source: Path, *, output: Path, python: str, options: IndexOptions, lowest: bool, offline: bool
    ) -> UvResult:
        """Find out whether a requirement file resolves; the same as `compile` without hashes, which cost a little.

        Args:
            source: The requirement file.
            output: Written by uv, as for `compile`.
            python: Lower bound, such as ``3.11``.
            options: Where packages come from.
            lowest: Choose the lowest version of what the file itself names.
            offline: Use only what uv's cache holds.
        """
        arguments = [*compile_arguments(source, output, python, options), "--emit-index-annotation"]
        if lowest:
            arguments += ["--resolution", "lowest-direct"]
        return self._resolve(arguments, output, options, offline=offline)

    def annotated(self, source: Path, *, output: Path, python: str, options: IndexOptions) -> UvResult:
        """Resolve a requirement file from the cache if it can be; with a note behind each pin, who asks for it.

        Args:
            source: The requirement file.
            output: Written by uv: ``idna==3.10  # via requests, -r FILE``, each pin on a line.
            python: Lower bound, such as ``3.11``.
            options: Where packages come from.
        """
        arguments = [part for part in compile_arguments(source, output, python, options) if part != "--no-annotate"]
        arguments += ["--annotation-style", "line"]
        cached = self._resolve(arguments, output, options, offline=True)
        if cached.status == 0 or self.is_offline:
            return cached
        return self._resolve(arguments, output, options, offline=False)

    def files(self, source: Path, *, output: Path, python: str, options: IndexOptions) -> UvResult:
        """Find the files of pins, by the cache and this machine alone: none of them is opened.

        Args:
            source: A requirement file of pins.
            output: Written by uv as PEP 751 has it, and named so: ``pylock.NAME.toml``.
            python: Lower bound, such as ``3.11``.
            options: Where packages come from.
        """
        arguments = [*compile_arguments(source, output, python, options), "--no-deps", "--format", "pylock.toml"]
        return self._resolve(arguments, output, options, offline=True)

    def install(self, pins: str, *, python: Path, prefix: Path | None, options: InstallOptions) -> UvResult:
        """Install exactly the given pins.

        ``uv pip install`` would heed constraints, overrides and exclusions of ``[tool.uv]``, which decided about the
        pins already: it refuses all of them, takes other versions, or leaves some out and says nothing. ``uv pip sync``
        does not, and makes no difference where nothing is installed yet.

        Args:
            pins: Lines of a requirements file, already chosen for this interpreter.
            python: The interpreter to install for, or of the environment to install into.
            prefix: A folder to install into as if it were the interpreter's prefix.
            options: How.
        """
        command = ["pip", "install", "--no-deps", "-r", "-"] if options.anew else ["pip", "sync", "-"]
        arguments = [*command, *_for(python)]
        if prefix is not None:
            arguments += ["--prefix", str(prefix)]
        if options.hashed:
            arguments.append("--require-hashes")
        if options.anew:
            arguments.append("--reinstall")
        if prefix is not None and options.hashed and not self.is_offline:
            # The registry would only be asked whether it still says the same, of files that have to have these hashes.
            cached = self._run(arguments, options.index, given=pins, offline=True)
            if cached.status == 0:
                return cached
        return self._run(arguments, options.index, given=pins)

    @contextlib.contextmanager
    def installing(self, pins: Path, *, python: Path, prefix: Path) -> Iterator[Callable[[], bool]]:
        """Install the given pins while the block does something else, with no network and no build.

        Args:
            pins: A requirements file of pins with hashes; of those with markers uv takes what is for this interpreter.
            python: The interpreter to install for.
            prefix: A folder to install into as if it were the interpreter's prefix.

        Yields:
            What waits for its end; whether uv had all of them in its cache, ready to be installed.

        Raises:
            WorldError: uv could not be started.
        """
        arguments = ["pip", "sync", str(pins), *_for(python), "--prefix", str(prefix), "--require-hashes", "--no-build"]
        from fumehood.outside import programs  # noqa: PLC0415 - what is there already needs no uv

        command, environ = self._called(arguments, _NO_INDEX, offline=True)
        with ExitStack() as stack:
            try:
                wait = stack.enter_context(programs.beside(command, cwd=self.cwd, environ=environ))
            except OSError as error:
                raise _unstartable(error) from error
            yield lambda: wait(self.time_left()) == 0

    def forget(self, packages: Sequence[str]) -> None:
        """Remove packages from uv's cache, because what it holds of them is damaged."""
        self._run(["cache", "clean", *packages])

    def cache(self) -> Path:
        """The folder of uv's cache."""
        return Path(self._run(["cache", "dir"]).stdout.strip())

    def _resolve(self, arguments: Sequence[str], output: Path, options: IndexOptions, *, offline: bool) -> UvResult:
        """Run a resolution. Where it wrote nothing, what the file held before is no answer."""
        before = _written(output)
        result = self._run(arguments, options, offline=offline)
        if result.status:
            return result
        if _written(output) == before:
            raise WorldError("uv ended well, but wrote no answer", details=result.stderr or None, remedy=REINSTALL)
        return replace(result, answer=_text(output.read_bytes()))

    def _run(
        self, arguments: Sequence[str], index: IndexOptions = _NO_INDEX, *, given: str = "", offline: bool = False
    ) -> UvResult:
        from subprocess import TimeoutExpired  # noqa: PLC0415 - what is there already needs no uv

        from fumehood.outside import programs  # noqa: PLC0415 - as above

        command, environ = self._called(arguments, index, offline=offline)
        try:
            done = programs.run(command, cwd=self.cwd, environ=environ, given=given.encode(), timeout=self.time_left())
        except TimeoutExpired as late:
            what = f"the time was used up while `{' '.join(['uv', *arguments[:2]])}` was at work"
            raise OutOfTimeError(what, details=_text(late.stderr or b"") or None) from None
        except OSError as error:
            raise _unstartable(error) from error
        return UvResult(status=done.returncode, stdout=_text(done.stdout), stderr=_text(done.stderr))

    def _called(
        self, arguments: Sequence[str], index: IndexOptions, *, offline: bool
    ) -> tuple[list[str], dict[str, str]]:
        """The command of a call, and all of its environment."""
        command = [find_uv(), *arguments, *index_arguments(index), "--color", "never", "--no-progress"]
        if offline or self.is_offline:
            command.append("--offline")
        return command, {**clean_environment(self.environ, offline="--offline" in command), **index_variables(index)}

    def time_left(self) -> float | None:
        """Seconds until the deadline; None without one.

        Raises:
            OutOfTimeError: There are none.
        """
        if self.deadline is None:
            return None
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise OutOfTimeError("the time was used up")
        return left


def _for(python: Path) -> tuple[str, ...]:
    return "--python", str(python), "--no-compile-bytecode", "--no-python-downloads"


def _unstartable(error: OSError) -> WorldError:
    return WorldError(f"uv could not be started: {error.strerror}", remedy=REINSTALL)


def _written(file: Path) -> tuple[int, int] | None:
    """What differs once a file is written anew, and by a rename too; None where there is none."""
    try:
        there = file.stat()
    except FileNotFoundError:
        return None
    return there.st_mtime_ns, there.st_ino


def _text(said: bytes) -> str:
    return said.decode("utf-8", "replace").replace("\r\n", "\n")
