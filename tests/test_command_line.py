"""The command line as a whole: every command is there, though each is loaded only when it is asked for."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.project import Project


def test_every_command_that_the_help_lists_is_there(project: Project) -> None:
    shown = project.fumehood("-h").assert_ok().stdout
    names = re.findall(r"^  ([a-z-]+)  ", shown.partition("Commands:")[2], re.MULTILINE)
    assert names == [
        "affected",
        "blockers",
        "check",
        "ci",
        "env",
        "explain",
        "list",
        "lock",
        "matrix",
        "new",
        "release-gate",
        "retire",
        "reuse",
        "run",
        "status",
        "whatif",
    ]
    for name in names:
        usage = project.fumehood(name, "-h").assert_ok().stdout.splitlines()[0]
        assert usage.startswith(f"Usage: python -m fumehood {name} "), usage


@pytest.mark.parametrize("command", [("check",), ("whatif", "alpha<2"), ("matrix", "--all"), ("release-gate", "HEAD")])
def test_json_is_the_short_form_where_there_are_several_formats(project: Project, command: tuple[str, ...]) -> None:
    project.write({"requirements.txt": "alpha\n"})
    project.commit()
    short, long = project.fumehood(*command, "--json"), project.fumehood(*command, "--format", "json")
    assert (json.loads(short.stdout)["schema"], short.stdout) == (1, long.stdout)


def test_what_was_meant_by_a_command_that_is_none_is_guessed(project: Project) -> None:
    outcome = project.fumehood("lsit").assert_exit(2)
    assert outcome.stderr == (
        "Usage: python -m fumehood [OPTIONS] COMMAND [ARGS]...\n"
        "Try 'python -m fumehood --help' for help.\n\n"
        "Error: No such command 'lsit'. Did you mean 'list'?\n"
    )


def test_an_interrupt_while_it_starts_is_no_traceback(project: Project) -> None:
    starting = "import sys\nclass Impatient:\n    @staticmethod\n    def find_spec(name, *_):\n"
    starting += "        if name == 'click':\n            raise KeyboardInterrupt\n"
    starting += "sys.meta_path.insert(0, Impatient)\nimport fumehood.__main__"
    outcome = project.run(sys.executable, "-c", starting).assert_exit(130)
    assert (outcome.stdout, outcome.stderr) == ("", "")
