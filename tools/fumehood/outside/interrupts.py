"""Ctrl-C, a request to end, and a terminal that goes away: each ends this process with the programs that it waits for.

Only the main thread hears of them. Others wait on for their programs, and whoever waits for those threads as long.
"""

from __future__ import annotations

import contextlib
import select
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ends: dict[object, Callable[[], None]] = {}
_heard: list[int] = []
_waiting: list[object] = []
"""Blocks of the main thread that no interrupt is to reach."""


def heed() -> None:
    """From now on each of them ends all programs and raises `KeyboardInterrupt`; what is ignored stays so (nohup)."""
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


@contextlib.contextmanager
def heeded() -> Iterator[None]:
    """In this block they do so, and so does the end of whoever reads what this process says."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    over = threading.Event()
    heed()
    threading.Thread(target=_terminate_unheard, args=(over,), daemon=True).start()
    try:
        yield
    finally:
        over.set()
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminate_unheard(over: threading.Event) -> None:
    listener = select.poll()
    listener.register(1, 0)
    events: list[tuple[int, int]] = []
    while not events and not over.is_set():
        events = listener.poll(500)
    if any(event & (select.POLLERR | select.POLLHUP) for _, event in events) and not over.is_set():
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


@contextlib.contextmanager
def ended_by(end: Callable[[], None]) -> Iterator[None]:
    """A program is at work in this block, which an interrupt ends.

    Raises:
        KeyboardInterrupt: There was one, in whatever thread.
    """
    key = object()
    _ends[key] = end
    try:
        _raise()
        yield
    finally:
        del _ends[key]
    _raise()


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """What is done in this block is done whole; an interrupt comes after it.

    Raises:
        KeyboardInterrupt: There was one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread hears of any.
        return
    _waiting.append(None)
    try:
        yield
    finally:
        _waiting.pop()
    _raise()


def _raise() -> None:
    if _heard:
        raise KeyboardInterrupt


def _interrupt(number: int, _frame: FrameType | None) -> None:
    _heard.append(number)
    for end in tuple(_ends.values()):
        end()
    if not _waiting:
        raise KeyboardInterrupt
