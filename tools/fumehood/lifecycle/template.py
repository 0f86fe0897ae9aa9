"""What a new experiment consists of, as text: enough to pass every check that can pass on the first day."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

MODEL = "model"

_SECTIONS: Mapping[str, str] = {
    "Motivation": "which problem this is about, and why what core has does not solve it.",
    "Innovation": "what is new here, and which parts of core it builds on.",
    "Performance": "numbers, with the hardware, the versions and the commit that they were taken on.",
    "Loss convergence": "a figure or a table of the loss beside that of a baseline, with the same particulars.",
}
"""The sections of a README, each with what belongs there; only a model has a loss that converges."""

_TEST = '''\
"""Tests of {title}."""

from pathlib import Path

import {module}


def test_what_is_imported_is_the_code_of_this_experiment() -> None:
    """An installed package of the same name would stand in for it unnoticed."""
    folder = Path(__file__).resolve().parents[1]
    assert Path({module}.__file__).resolve().is_relative_to(folder)
'''


class Draft(Struct, frozen=True, kw_only=True):
    """All that the files of a new experiment depend on.

    Attributes:
        title: How it is called.
        session: The nox session that runs its tests.
        module: How its package is imported, ``foo`` or ``acme.experiments.foo``.
        package: Where in its folder that package is: ``src/foo``, or empty for the folder itself.
    """

    title: str
    session: str
    theme: str
    summary: str
    owners: tuple[str, ...]
    python: tuple[str, ...]
    module: str
    package: str


def files(draft: Draft) -> dict[str, str]:
    """The files of a new experiment, by their path in its folder."""
    code = f"{draft.package}/__init__.py" if draft.package else "__init__.py"
    about = draft.summary.rstrip(".") or draft.title
    return {
        "README.md": readme(draft),
        "experiment.toml": _manifest(draft),
        "requirements.txt": "# What this experiment needs on top of core's requirements, one a line.\n",
        code: f'"""{_in_docstring(about)}."""\n',
        f"tests/test_{draft.module.rpartition('.')[2]}.py": _TEST.format(title=draft.title, module=draft.module),
    }


def readme(draft: Draft) -> str:
    """The README: its sections hold what belongs there as comments, so that each counts as empty until it is filled."""
    parts = [f"# {draft.title}", draft.summary]
    for heading, content in _SECTIONS.items():
        if heading != "Loss convergence" or draft.theme == MODEL:
            parts += [f"## {heading}", f"<!-- To do: {content} -->"]
    parts += ["## Tests", f"`nox -s {draft.session}` runs them."]
    return "\n\n".join(filter(None, parts)) + "\n"


def _manifest(draft: Draft) -> str:
    values: dict[str, str | tuple[str, ...]] = {
        "theme": draft.theme,
        "summary": draft.summary,
        "owners": draft.owners,
        "state": "proposed",
        "python": draft.python,
    }
    return "".join(f"{key} = {_toml(value)}\n" for key, value in values.items() if value)


def _toml(value: str | tuple[str, ...]) -> str:
    """A string or a list of strings: what is printable, TOML's basic strings escape as JSON's do."""
    return json.dumps(value, ensure_ascii=False)


def _in_docstring(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
