"""Progress bars on standard error, for what takes longer than a moment; silent where nobody watches."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID


class Bar:
    """A progress bar with one line for each phase."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()

    def begin(self, what: str, total: int | None) -> None:
        """A phase of that many steps begins; None where nobody can know how many."""
        if self._progress:
            self._task = self._progress.add_task(what, total=total)

    def advance(self, what: str, steps: int = 1) -> None:
        """So many steps are done."""
        if self._progress and self._task is not None:
            self._progress.update(self._task, advance=steps, description=what)
