"""The program: ``fumehood`` and ``python -m fumehood``."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
import threading

# What is opened later must not get the number of a stream that is closed, which programs write to.
for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
    if getattr(sys, name) is None:
        setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - it stays open

if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in {"strict", "surrogateescape"}:
    # For characters that the terminal has not, as on standard error. In the C locale Python would write some, and fail.
    sys.stdout.reconfigure(errors="backslashreplace")

# Python looks for garbage at every 700 new objects, a tenth of the time that a short command takes. Imports make the
# most, so this is said before them; a long command is still looked after.
gc.set_threshold(50_000, 20, 20)

try:
    from fumehood import cli
except KeyboardInterrupt:
    sys.exit(130)


def main() -> None:
    """Run the command line."""
    try:
        cli.main()
    except SystemExit as ended:
        _leave(ended.code)
        raise


def _leave(code: object) -> None:
    """End the process where it stands, since Python takes 5 ms to free what it gives back anyway.

    It returns where Python has more to do than that: wait for a thread, or say that output cannot be written.
    """
    if not isinstance(code, int) or threading.active_count() > 1:
        return
    with contextlib.suppress(OSError, ValueError):  # the exit code does not depend on what standard error can take
        if sys.stderr is not None:
            sys.stderr.flush()
    with contextlib.suppress(OSError, ValueError):
        if sys.stdout is not None:
            sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
