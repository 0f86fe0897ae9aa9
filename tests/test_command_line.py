"""The command line as a whole: every command is there, though each is loaded only when it is asked for."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

import fumehood

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


LOCK = "lock [OPTIONS] [NAME]..."
RUN = "run [OPTIONS] [NAME]..."
EXPLAIN = "explain [OPTIONS] NAME [PACKAGE]"


@pytest.mark.parametrize(
    ("command", "usage", "error"),
    [
        ("env biuld", "env [OPTIONS] COMMAND [ARGS]...", "No such command 'biuld'. Did you mean 'build'?"),
        ("--rot x list", "[OPTIONS] COMMAND [ARGS]...", "No such option '--rot'. Did you mean '--root'?"),
        ("lock a --offlin b", LOCK, "No such option '--offlin'. Did you mean '--offline'?"),
        (
            "lock --of",
            LOCK,
            "No such option '--of'. (Did you mean one of: '--json', '--offline'?)",
        ),
        (
            "lock --upgrade-pack=x",
            LOCK,
            "No such option '--upgrade-pack'. (Did you mean one of: '--upgrade', '--upgrade-package'?)",
        ),
        ("lock -x", LOCK, "No such option '-x'."),
        ("lock --json=5", LOCK, "Option '--json' does not take a value."),
        ("env build --python", "env build [OPTIONS] [NAME]...", "Option '--python' requires an argument."),
        ("env path --envdir x", "env path [OPTIONS] NAME", "Missing argument 'NAME'."),
        ("env path a b c", "env path [OPTIONS] NAME", "Got unexpected extra arguments (b c)"),
        ("list x", "list [OPTIONS]", "Got unexpected extra argument (x)"),
        ("retire a", "retire [OPTIONS] NAME", "Missing option '--reason'."),
        ("run -jx", RUN, "Invalid value for '-j' / '--jobs': 'x' is not a whole number."),
        ("run -j 0 a", RUN, "Invalid value for '-j' / '--jobs': 0 is not 1 or more."),
        ("env gc --older-than nan", "env gc [OPTIONS]", "Invalid value for '--older-than': nan is not 0 or more."),
        ("env gc --older-than -1", "env gc [OPTIONS]", "Invalid value for '--older-than': -1 is not 0 or more."),
        (
            "explain a --budget x",
            "explain [OPTIONS] NAME [PACKAGE]",
            "Invalid value for '--budget': 'x' is not a number.",
        ),
        (
            "whatif --format=yaml",
            "whatif [OPTIONS] REQUIREMENT|-NAME...",
            "Invalid value for '--format': 'yaml' is not one of 'text', 'json', 'markdown'.",
        ),
        (
            "ci write jenkins",
            "ci write [OPTIONS] [github|gitlab]",
            "Invalid value for '[github|gitlab]': 'jenkins' is not one of 'github', 'gitlab'.",
        ),
        ("status --html .", "status [OPTIONS]", "Invalid value for '--html': File '.' is a directory."),
        (
            "ci verdict noxfile.py --rows x",
            "ci verdict [OPTIONS] RESULTS",
            "Invalid value for 'RESULTS': Directory 'noxfile.py' is a file.",
        ),
    ],
)
def test_what_cannot_be_read_is_named_beside_what_could(project: Project, command: str, usage: str, error: str) -> None:
    project.noxfile()
    called = "python -m fumehood " + usage.partition("[OPTIONS]")[0]
    assert project.fumehood(*command.split()).assert_exit(2).stderr == (
        f"Usage: python -m fumehood {usage}\nTry '{called}--help' for help.\n\nError: {error}\n"
    )


def test_options_stand_anywhere_and_end_at_two_dashes(project: Project) -> None:
    project.write({"requirements.txt": "alpha\n", "experiments/a/requirements.txt": "beta\n"})
    project.write({"experiments/b/requirements.txt": "beta\n"})
    project.fumehood("lock").assert_ok()
    said = project.fumehood("lock", "a", "--check", "b").assert_ok().stdout
    assert "experiments/a/" in said
    assert "experiments/b/" in said
    assert project.fumehood("lock", "--check", "--", "a", "b").stdout == said
    assert project.fumehood("--", "lock", "--check", "a", "--", "b").stdout == said
    outcome = project.fumehood("lock", "--", "--check").assert_exit(2)
    assert "'--check'" in outcome.stderr


def test_the_repository_is_named_before_the_command(project: Project) -> None:
    project.write({"it/requirements.txt": "alpha\n", "it/experiments/a/requirements.txt": "beta\n"})
    listed = project.fumehood("--root", "it", "list").assert_ok().stdout
    assert "\na           requirements.txt" in listed
    assert project.fumehood("--root=it", "list").assert_ok().stdout == listed
    assert "No such option '--root'." in project.fumehood("list", "--root", "it").assert_exit(2).stderr


def test_the_last_of_format_and_json_wins(project: Project) -> None:
    project.write({"requirements.txt": "alpha\n"})
    text = project.fumehood("check").stdout
    assert project.fumehood("check", "--json", "--format", "text").stdout == text
    assert json.loads(project.fumehood("check", "--format", "text", "--json").stdout)["schema"] == 1


HELP = """\
Usage: python -m fumehood run [OPTIONS] [NAME]...

  Run the sessions of experiments side by side. `core` is that of core's tests.

  Arguments after -- go to pytest.

Options:
  --runner TEXT  Where sessions run; extensions offer others.  [default: local]
  -j, --jobs N   So many at a time, 1 or more; else what there is room for.
  --json         Answer in JSON.
  -h, --help     Show this message and exit.
"""

NARROW = """\
Usage: python -m fumehood explain [OPTIONS] NAME [PACKAGE]

  Why an experiment cannot be installed, or
  `core`. Names the lines in conflict, and what
  would mend it.

  With PACKAGE: why that has its version there,
  and not core's.

Options:
  --budget SECONDS  Stop then, with what is known.
  --offline         Never use the network.
  --json            Answer in JSON.
  -h, --help        Show this message and exit.
"""


def test_help_is_as_wide_as_the_terminal_up_to_a_hundred_columns(project: Project) -> None:
    assert project.fumehood("run", "--help", env={"COLUMNS": "300"}).assert_ok().stdout == HELP
    assert project.fumehood("run", "--bogus", "-h", env={"COLUMNS": "100"}).assert_ok().stdout == HELP
    assert project.fumehood("explain", "-h", env={"COLUMNS": "52"}).assert_ok().stdout == NARROW


def test_a_choice_that_is_wide_is_explained_below(project: Project) -> None:
    shown = project.fumehood("check", "--help").assert_ok().stdout
    assert "  --format [text|json|github|sarif]\n                                  [default: text]\n" in shown
    assert "  --baseline [write|extend]       Write down what is found, after which only new " in shown


def test_without_a_command_its_help_says_which_there_are(project: Project) -> None:
    for group in ((), ("env",)):
        outcome = project.fumehood(*group).assert_exit(2)
        assert (outcome.stdout, outcome.stderr) == ("", project.fumehood(*group, "--help").assert_ok().stdout)


def test_the_version_is_said_without_a_command(project: Project) -> None:
    assert project.fumehood("--version").assert_ok().stdout == f"python -m fumehood, version {fumehood.__version__}\n"


LOADED = """\
import sys
from fumehood import cli

try:
    cli.main()
finally:
    print(*sorted(sys.modules), file=sys.stderr)
"""


def test_a_command_loads_neither_others_nor_what_only_help_and_mistakes_need(project: Project) -> None:
    project.write({"requirements.txt": "alpha\n", "experiments/a/requirements.txt": "beta\n"})
    outcome = project.run(sys.executable, "-c", LOADED, "env", "path", "a").assert_ok()
    loaded = outcome.stderr.split()
    assert [name for name in loaded if name.startswith("fumehood.cli.")] == [
        "fumehood.cli.declaring",
        "fumehood.cli.env",
        "fumehood.cli.parsing",
        "fumehood.cli.shared",
    ]
    assert not {"click", "difflib", "shutil"}.intersection(loaded)


def test_an_interrupt_while_it_starts_is_no_traceback(project: Project) -> None:
    starting = "import sys\nclass Impatient:\n    @staticmethod\n    def find_spec(name, *_):\n"
    starting += "        if name == 'argparse':\n            raise KeyboardInterrupt\n"
    starting += "sys.meta_path.insert(0, Impatient)\nimport fumehood.__main__"
    outcome = project.run(sys.executable, "-c", starting).assert_exit(130)
    assert (outcome.stdout, outcome.stderr) == ("", "")
