"""``python -m nvml_inventory``: print what GPUs this machine has."""

from __future__ import annotations

import argparse
import shutil
import sys

from nvml_inventory import report
from nvml_inventory.reading import read
from nvml_inventory.values import InventoryError

_WORLD = 3
"""The exit code that fumehood's own commands use when something outside failed."""


def main() -> int:
    """Print the inventory; the exit code."""
    parser = argparse.ArgumentParser(prog="nvml-inventory", description="Which GPUs this machine has, in depth.")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    options = parser.parse_args()
    try:
        machine = read()
    except InventoryError as error:
        sys.stderr.write(f"{error}\n")
        return _WORLD
    width = shutil.get_terminal_size((120, 24)).columns
    sys.stdout.write((report.as_json(machine) if options.json else report.as_text(machine, width=width)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
