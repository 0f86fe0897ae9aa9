"""The answer to one question, from uv's cache if that suffices."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from fumehood.locking.index_data import IndexData
from fumehood.locking.resolve import UndecidedError, resolve
from fumehood.outside.files import disk_errors
from fumehood.outside.scratch import scratch_folder

if TYPE_CHECKING:
    from fumehood.locking.question import Question
    from fumehood.model.lock import Pin
    from fumehood.outside.uv import Uv


def answer(uv: Uv, question: Question) -> tuple[Pin, ...]:
    """What one question resolves to: from the cache alone if that suffices, which spares asking the registry."""
    with disk_errors("resolving"), scratch_folder("lock") as scratch:
        if question.preferred:
            with contextlib.nullcontext() if uv.is_offline else contextlib.suppress(UndecidedError):
                pins = resolve(uv, question, scratch=scratch, offline=True)
                if uv.is_offline or IndexData(uv, scratch).confirms(question, pins):
                    return pins
        return resolve(uv, question, scratch=scratch)
