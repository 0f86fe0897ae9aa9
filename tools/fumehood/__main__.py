"""``python -m fumehood``."""

from __future__ import annotations

from fumehood.cli import main

main()
