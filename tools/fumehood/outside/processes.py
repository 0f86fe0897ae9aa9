"""Work on many things, spread over processes where that is worth starting them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    workers = min(os.cpu_count() or 1, _MOST)
    if len(items) < worth or workers == 1:
        return work(items)
    import concurrent.futures.process  # noqa: PLC0415 - only many items at once pay for it
    import multiprocessing  # noqa: PLC0415 - as above

    chunks = [items[start : start + chunk] for start in range(0, len(items), chunk)]
    context = multiprocessing.get_context("spawn")
    try:
        with concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as pool:
            return [result for part in pool.map(work, chunks) for result in part]
    except concurrent.futures.process.BrokenProcessPool:
        return work(items)  # One of them was killed, by want of memory for instance: alone it takes longer.
