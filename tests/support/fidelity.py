"""Asking two environments the same questions, so that every difference shows.

Answers are the probe's (see `probe.py`), and what commands and pip print. Paths are told apart by what they mean: those
of the environment itself, of a layer or of a view, are all its prefix or its site-packages.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from support.project import Project

PROBE = Path(__file__).with_name("probe.py")
_INTERPRETER_OWN = re.compile(r"(python|pypy)[0-9.t]*|(de)?activate.*|pydoc\S*|idle\S*")
_TIMES = re.compile(r"\b\d+\.\d+ ?s(ec(onds)?)?\b")


def ask(
    python: Path, *, cache: Path, environ: Mapping[str, str], versions: Sequence[str] | None = None
) -> dict[str, Any]:
    """All answers of an environment.

    Args:
        python: Its interpreter.
        cache: fumehood's cache folder, whose layers count as parts of the environment.
        environ: The variables to ask in.
        versions: The commands to run with ``--version``; None for all.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        probing = pool.submit(_run, [str(python), "-I", str(PROBE)], environ)
        names = sorted(path.name for path in python.parent.iterdir() if not _INTERPRETER_OWN.fullmatch(path.name))
        wanted = names if versions is None else [name for name in names if name in versions]
        running = {name: pool.submit(_run, [str(python.parent / name), "--version"], environ) for name in wanted}
        pips = {
            words: pool.submit(
                _run, [str(python), "-I", "-m", "pip", "--disable-pip-version-check", *words.split()], environ
            )
            for words in (("check", "list", "freeze --all") if "pip" in names else ())
        }
        probed = probing.result()
        assert probed.returncode == 0, f"the probe failed in {python}:\n{probed.stderr}"
        answers: dict[str, Any] = json.loads(_mapped(probed.stdout, python, cache))
        answers["commands"] = names
        answers["said"] = {name: _said(done.result(), python, cache) for name, done in {**running, **pips}.items()}
    return answers


def _run(command: list[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**environ, "COLUMNS": "100"},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _said(done: subprocess.CompletedProcess[str], python: Path, cache: Path) -> list[str | int]:
    return [
        done.returncode,
        *(_TIMES.sub("<time>", _mapped(text, python, cache)) for text in (done.stdout, done.stderr)),
    ]


def _mapped(text: str, python: Path, cache: Path) -> str:
    prefix = re.escape(str(python.parent.parent))
    layer = re.escape(str(cache / "layers")) + "/[0-9a-f]{40}"
    text = re.sub(rf"(?:{prefix}|{layer})/lib/python3[.0-9]*/site-packages", "<site>", text)
    return re.sub(rf"{prefix}|{layer}", "<prefix>", text)


def differences(expected: Any, found: Any, where: str = "") -> Iterator[str]:  # noqa: ANN401 - answers are JSON
    """Every difference of two answers, one line each."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(expected.keys() | found.keys()):
            if key not in found:
                yield f"{where}{key}: missing, was {_short(expected[key])}"
            elif key not in expected:
                yield f"{where}{key}: {_short(found[key])}, was not there"
            else:
                yield from differences(expected[key], found[key], f"{where}{key} / ")
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, (before, after) in enumerate(zip(expected, found, strict=True)):
            yield from differences(before, after, f"{where}{index} / ")
    elif isinstance(expected, list) and isinstance(found, list):
        more, less = _short(_without(found, expected)), _short(_without(expected, found))
        yield f"{where.removesuffix(' / ')}: has {more}, lacks {less}"
    elif expected != found:
        yield f"{where.removesuffix(' / ')}: {_short(found)}, was {_short(expected)}"


def _without(one: list[Any], other: list[Any]) -> list[Any]:
    return [item for item in one if item not in other]


def _short(value: Any) -> str:  # noqa: ANN401 - as above
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 600 else f"{text[:600]}…"


def plain_environment(project: Project, folder: Path, pins: Mapping[str, str]) -> Path:
    """An environment as anybody makes one, with uv and without fumehood; its interpreter."""
    from uv import find_uv_bin  # noqa: PLC0415 - only here

    lines = folder.with_suffix(".txt")
    lines.write_text("".join(f"{name}=={version}\n" for name, version in sorted(pins.items())), encoding="utf-8")
    project.run(sys.executable, "-m", "virtualenv", "--no-seed", "--quiet", folder).assert_ok()
    python = folder / "bin" / "python"
    project.run(find_uv_bin(), "pip", "sync", "--quiet", "--python", python, lines, timeout=300).assert_ok()
    return python


def assert_faithful(project: Project, stacked: Path, plain: Path, *, versions: Sequence[str] | None = None) -> None:
    """Compare an environment with one that ought to answer alike; all differences are shown.

    Args:
        project: Whose they are.
        stacked: The environment in question.
        plain: The interpreter of the other.
        versions: The commands to run with ``--version``; None for all.
    """
    cache = Path(project.env["FUMEHOOD_CACHE"])
    environ = {key: value for key, value in project.env.items() if key != "PYTHONPATH"}
    found = ask(stacked / "bin/python", cache=cache, environ=environ, versions=versions)
    expected = ask(plain, cache=cache, environ=environ, versions=versions)
    lines = list(differences(expected, found))
    assert not lines, f"{len(lines)} differences:" + "".join(f"{os.linesep}{line}" for line in lines)
