"""The formats by name; loaded by what offers them all, since some of them load every rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.formats import github, plain_json, sarif, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fumehood.model.finding import CheckAnswer

FORMATS: Mapping[str, Callable[[CheckAnswer], str]] = {
    "text": text.render,
    "json": plain_json.render,
    "github": github.render,
    "sarif": sarif.render,
}
"""The renderer of each format; its text has no newline at the end, and may be empty."""

FOR_PEOPLE = frozenset({"text", "github"})
"""The formats that leave notes out unless somebody asks for them; programs can do so themselves."""
