"""Work on many things, spread over processes where that is worth starting them; and work that goes on meanwhile."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST = 8


def spread(
    work: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], *, chunk: int, worth: int
) -> list[Result]:
    """What work on each item gives, in their order.

    Args:
        work: A function that other processes can import, for several items at a time.
        items: What to work on.
        chunk: How many of them go to a process at a time.
        worth: So many at least take longer than processes take to start.
    """
    with begun(work, items, chunk=chunk, worth=worth) as results:
        return [result for some in results for result in some]


@contextlib.contextmanager
def begun(
    work: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], *, chunk: int, worth: int
) -> Iterator[Iterator[list[Result]]]:
    """As `spread`, some results at a time; other processes work while the caller does something else.

    What is not worth processes is worked on as the results are asked for. At the end of the block work stops.
    """
    chunks = [items[start : start + chunk] for start in range(0, len(items), chunk)]
    workers = min(os.cpu_count() or 1, _MOST)
    if len(items) < worth or workers == 1:
        yield map(work, chunks)
        return
    import concurrent.futures.process  # noqa: PLC0415 - only many items at once pay for it
    import multiprocessing  # noqa: PLC0415 - as above

    with _no_modules_of_this_folder():
        pool = concurrent.futures.ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
        futures = [pool.submit(work, some) for some in chunks]
    try:
        yield _results(work, chunks, futures)
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _no_modules_of_this_folder() -> Iterator[None]:
    """Interpreters that start in this block import nothing from the current folder before they are told where from."""
    name = "PYTHONSAFEPATH"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def _results(
    work: Callable[[Sequence[Item]], list[Result]],
    chunks: Sequence[Sequence[Item]],
    begun_: Sequence[Future[list[Result]]],
) -> Iterator[list[Result]]:
    from concurrent.futures import CancelledError  # noqa: PLC0415 - as above
    from concurrent.futures.process import BrokenProcessPool  # noqa: PLC0415 - as above

    for some, future in zip(chunks, begun_, strict=True):
        try:
            found = future.result()
        except (BrokenProcessPool, CancelledError):
            # One of them was killed, by want of memory for instance, or its block is over: alone it takes longer.
            found = work(some)
        yield found


def meanwhile(work: Callable[[], Result]) -> Callable[[], Result]:
    """Begin work that mostly waits for a program.

    What is returned waits for its end, and gives or raises what came of it. Nobody else waits: not the end of a run.
    """
    given: list[Result] = []
    raised: list[BaseException] = []

    def begin() -> None:
        try:
            given.append(work())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            raised.append(error)

    def wait() -> Result:
        thread.join()
        if raised:
            raise raised[0]
        return given[0]

    thread = threading.Thread(target=begin, daemon=True)
    thread.start()
    return wait
