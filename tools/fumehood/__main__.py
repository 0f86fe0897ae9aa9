"""The program: ``fumehood`` and ``python -m fumehood``."""

from __future__ import annotations

import gc
import sys

# Python looks for garbage at every 700 new objects, and in all of them at its end: together a sixth of the time that a
# short command takes. Imports make the most, so this is said before them; a long command is still looked after.
gc.set_threshold(50_000, 20, 20)

try:
    from fumehood import cli
except KeyboardInterrupt:
    sys.exit(130)


def main() -> None:
    """Run the command line."""
    try:
        cli.main()
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
