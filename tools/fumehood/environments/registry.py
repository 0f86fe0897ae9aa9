"""Which environments on this machine use which layers, so that `gc` can tell what nobody needs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fumehood.environments import state
from fumehood.environments.replace import aside
from fumehood.outside.files import entries, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.environments.state import EnvironmentState


@dataclass(frozen=True, slots=True)
class Registry:
    """One small file for each environment that was made with a cache folder."""

    cache: Path

    @property
    def _folder(self) -> Path:
        return self.cache / "environments"

    def add(self, environment: Path) -> None:
        """Remember an environment, if it is not remembered yet."""
        name = hashlib.sha256(str(environment.absolute()).encode()).hexdigest()[:32]
        note = self._folder / f"{name}.json"
        if not note.exists():
            write_whole(note, json.dumps({"path": str(environment.absolute())}) + "\n", durable=False)

    def environments(self) -> list[tuple[Path, EnvironmentState]]:
        """Every remembered environment that is whole, by path; the notes of those that are gone are removed."""
        return sorted(self._whole(), key=lambda one: one[0])

    def _whole(self) -> Iterator[tuple[Path, EnvironmentState]]:
        for note in entries(self._folder, ""):
            try:
                path = Path(json.loads(note.read_text(encoding="utf-8"))["path"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
            found = state.read(path)
            if found is not None:
                yield path, found
            elif not os.path.lexists(path) and not aside(path):  # else it is being made anew
                with contextlib.suppress(OSError):
                    note.unlink()
