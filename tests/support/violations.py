"""A repository with exactly one violation of each kind, and the same with each of them mended.

Each rule has one `Violation`, mostly with an experiment of its own. The repository around them (`base`) violates
nothing. Add a violation to `VIOLATIONS`; `tests/test_rules.py` then wants its rule in the registry, its text in
`tests/expected/violations.txt` (``pytest tests/test_rules.py --rewrite-expected``), and the mended form silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.project import Project

Files = dict[str, str | bytes]

TODAY = {"FUMEHOOD_TODAY": "2026-06-01"}
"""The day on which the repository is looked at."""

MANIFEST = 'theme = "infrastructure"\nowners = ["@example-owner"]\n'
WAIVER = '\n[[waivers]]\nrule = "{}"\nreason = "it is being worked on"\nuntil = {}\n'

OTHERS = "/experiments/owner-disagree/ @other-owner\n/experiments/owner-missing/\n"
CODEOWNERS = f"* @example-owner\n/docs/ example-owner\n/gone/ @example-owner\n{OTHERS}"
TABLE = """\
def table(rows, separator):
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows)]
    lines = []
    for row in rows:
        cells = [str(cell).ljust(width) for cell, width in zip(row, widths)]
        lines.append(separator.join(cells).rstrip())
    if not lines:
        raise ValueError("a table has at least one row")
    return "\\n".join(lines)
"""

README = """\
# An experiment

## Motivation

Core cannot do it.

## What is new

It can be done.
"""
RESET = "import thecore as core\n\n\ndef reset():\n    core._state.clear()\n"
MODEL = f"""{README}
## Performance

It takes 12 s for 100 steps, core 20 s: 2 cores, torch 2.7.1, commit COMMIT.

## Loss convergence

| step | loss | of core |
| --- | --- | --- |
| 100 | 2.1 | 2.1 |

Taken on 2 cores with torch 2.7.1 on commit COMMIT.
"""
"""What a model shows; COMMIT becomes the name of a commit that there is."""

PYPROJECT = """\
[project]
name = "thecore"
version = "1.0"
dependencies = ["alpha"]

[tool.fumehood]
test-requirements = []
"""

BASE: Files = {
    "pyproject.toml": PYPROJECT,
    "requirements.txt": "alpha\n",
    "src/thecore/__init__.py": "",
    "CODEOWNERS": "* @example-owner\n",
    "experiments/README.rst": "Experiments\n",
    "src/thecore/_inner.py": "def secret():\n    pass\n",
    "tests/helpers.py": "def harness():\n    pass\n",
}


class Violation(Struct, frozen=True, kw_only=True):
    """One violation of one rule.

    Attributes:
        rule: Its id.
        wrong: Files with the violation, added to the rest.
        mended: Files to change until it is none.
        removed: Files to remove for that.
    """

    rule: str
    wrong: Mapping[str, str | bytes]
    mended: Mapping[str, str | bytes] = field(default_factory=dict)
    removed: tuple[str, ...] = ()


def experiment(name: str, **files: str | bytes | None) -> Files:
    """An experiment that violates nothing.

    Args:
        name: Of its folder.
        files: What stands beside the usual files or instead of them, ``__`` for a dot; None for a file to leave out.
    """
    usual: Files = {
        "requirements.txt": "",
        "experiment.toml": MANIFEST,
        "README.md": README,
        "test_usual.py": "def test_usual():\n    pass\n",
    }
    own = {key.replace("__", "."): content for key, content in files.items()}
    return {f"experiments/{name}/{file}": content for file, content in (usual | own).items() if content is not None}


def _of_readme(rule: str, wrong: str, mended: str, manifest: str = MANIFEST) -> Violation:
    """A violation by what a README says, in an experiment that is named after the rule."""
    name = rule.replace("/", "-")
    return Violation(
        rule=rule,
        wrong=experiment(name, README__md=wrong, experiment__toml=manifest),
        mended={f"experiments/{name}/README.md": mended},
    )


def _of_model(rule: str, wrong: str) -> Violation:
    return _of_readme(rule, wrong, MODEL, MANIFEST.replace("infrastructure", "model"))


STALE = experiment("stale")

VIOLATIONS: tuple[Violation, ...] = (
    Violation(
        rule="boundary/core-imports-experiment",
        wrong={"src/thecore/loader.py": "def load():\n    from experiments.imported import model\n\n    return model\n"}
        | experiment("imported", model__py=""),
        mended={"src/thecore/loader.py": ""},
    ),
    Violation(
        rule="boundary/core-names-experiment",
        wrong={"src/thecore/registry.json": '{\n  "model": "experiments.named.model"\n}\n'}
        | experiment("named", model__py=""),
        mended={"src/thecore/registry.json": "{}"},
    ),
    Violation(
        rule="boundary/experiment-imports-experiment",
        wrong=experiment("importing", train__py="import json\n\nfrom experiments.imported import model\n"),
        mended=experiment("importing", train__py="import json\n"),
    ),
    Violation(
        rule="conflict/static",
        wrong=experiment("conflict-static", requirements__txt="alpha<2\nalpha>=2\n", train__py="import alpha\n"),
        mended={"experiments/conflict-static/requirements.txt": "alpha>=2\n"},
    ),
    Violation(
        rule="core/requirements-differ",
        wrong={"requirements.txt": "alpha\nbeta  # for the core's own commands\n"},
        mended={"requirements.txt": "alpha\n"},
    ),
    Violation(
        rule="coverage/no-job",
        wrong=experiment("no-job", test_usual__py=None),
        mended=experiment("no-job"),
    ),
    Violation(
        rule="coverage/no-match",
        wrong={"CODEOWNERS": CODEOWNERS},
    ),
    Violation(
        rule="coverage/unreached",
        wrong={"src/thecore/test_inner.py": "def test_inner():\n    pass\n"},
        removed=("src/thecore/test_inner.py",),
    ),
    _of_readme("evidence/broken-link", f"{README}\nSee [the setup](#setup).\n", f"{README}\nSee [why](#motivation).\n"),
    _of_readme("evidence/empty-section", README.replace("It can be done.", "<!-- To do: say it. -->"), README),
    _of_readme("evidence/missing-section", README.replace("What is new", "More"), README),
    _of_model("evidence/no-curve", MODEL.replace("|", "")),
    _of_model("evidence/no-number", MODEL.replace("12 s for 100 steps, core 20 s", "much less time")),
    _of_model("evidence/no-provenance", MODEL.replace(": 2 cores, torch 2.7.1, commit", ", as of commit")),
    Violation(
        rule="evidence/no-readme",
        wrong=experiment("no-readme", README__md=None),
        mended=experiment("no-readme"),
    ),
    _of_readme("evidence/template", README.replace("Core cannot do it.", "TODO: describe the problem"), README),
    _of_model("evidence/unknown-commit", MODEL.replace("commit COMMIT", "commit 0123abc")),
    Violation(
        rule="health/overstayed",
        wrong=experiment("overstayed", experiment__toml=MANIFEST + 'state = "graduated"\n'),
        mended=experiment("overstayed"),
    ),
    Violation(
        rule="health/stale",
        wrong=STALE,
        mended={"experiments/stale/requirements.txt": "# Still looked after.\n"},
    ),
    Violation(
        rule="independence/two-indexes",
        wrong=experiment(
            "two-indexes",
            requirements__txt="--extra-index-url https://packages.example/simple\nbeta\n",
            train__py="import beta\n",
        ),
        mended={"experiments/two-indexes/requirements.txt": "beta\n"},
    ),
    Violation(
        rule="independence/undeclared",
        wrong=experiment("undeclared", train__py="import zeta\n"),
        mended=experiment("undeclared", train__py="try:\n    import zeta\nexcept ImportError:\n    zeta = None\n"),
    ),
    Violation(
        rule="independence/unused",
        wrong=experiment("unused", requirements__txt="beta\n"),
        mended=experiment("unused", requirements__txt="beta\n", train__py="import beta.more\n"),
    ),
    Violation(
        rule="independence/vendor-locked",
        wrong=experiment("vendor-locked") | {"experiments/vendor-locked/kernels/add.cu": ""},
        removed=("experiments/vendor-locked/kernels/add.cu",),
    ),
    Violation(
        rule="owner/codeowners",
        wrong={"CODEOWNERS": CODEOWNERS},
        mended={"CODEOWNERS": "* @example-owner\n"},
    ),
    Violation(rule="owner/disagree", wrong=experiment("owner-disagree")),
    Violation(
        rule="owner/missing",
        wrong=experiment("owner-missing", experiment__toml='theme = "infrastructure"\n'),
        mended=experiment("owner-missing"),
    ),
    Violation(rule="owner/table", wrong=experiment("owner-table")),
    Violation(
        rule="owner/unlisted",
        wrong={file.replace("experiments/", "attic/"): text for file, text in experiment("owner-unlisted").items()}
        | {"pyproject.toml": f'{PYPROJECT}experiments = ["experiments/*", "attic/*"]\n'},
        mended={"attic/README.md": "| experiment | owner |\n| --- | --- |\n| owner-unlisted | @example-owner |\n"},
    ),
    Violation(
        rule="reuse/copied",
        wrong={"src/thecore/tables.py": TABLE} | experiment("copies", tables__py=TABLE.replace("widths", "sizes")),
        mended=experiment("copies", tables__py=""),
    ),
    Violation(
        rule="reuse/core-tests",
        wrong=experiment("uses-tests", test_it__py="from tests.helpers import harness\n"),
        mended=experiment("uses-tests", test_it__py=""),
    ),
    Violation(
        rule="reuse/private-name",
        wrong=experiment("uses-private", train__py="from thecore._inner import secret\n", reset__py=RESET),
        mended=experiment("uses-private", train__py="", reset__py=RESET.replace("reset()", "reset(core)")),
    ),
    Violation(
        rule="theme/missing",
        wrong=experiment("theme-missing", experiment__toml='owners = ["@example-owner"]\n'),
        mended=experiment("theme-missing"),
    ),
    Violation(
        rule="theme/unknown",
        wrong=experiment("theme-unknown", experiment__toml='theme = "modle"\nowners = ["@example-owner"]\n'),
        mended=experiment("theme-unknown"),
    ),
    Violation(
        rule="waiver/expired",
        wrong=experiment("waiver-expired", experiment__toml=MANIFEST + WAIVER.format("theme/missing", "2026-05-31")),
        mended=experiment("waiver-expired"),
    ),
    Violation(
        rule="waiver/unneeded",
        wrong=experiment("waiver-unneeded", experiment__toml=MANIFEST + WAIVER.format("theme/missing", "2026-06-01")),
        mended=experiment("waiver-unneeded"),
    ),
)


def violate(project: Project) -> None:
    """Write the repository with all violations, and commit it."""
    project.write(BASE | STALE)
    commit = project.commit("Begin, long ago")
    project.env["GIT_COMMITTER_DATE"] = "2026-05-31T12:00:00Z"
    for violation in VIOLATIONS:
        project.write(_on(commit, violation.wrong))
    project.write({"experiments/README.md": _table(**{"owner-table": "@other-owner", "owner-missing": ""})})
    project.commit("Violate everything")


def _table(**others: str) -> str:
    """The table of all experiments; all but the others are the usual owner's."""
    files = {file for violation in VIOLATIONS for file in violation.wrong if file.startswith("experiments/")}
    names = sorted({file.split("/")[1] for file in files})
    rows = "".join(f"| {name} | {others.get(name, '@example-owner')} |\n" for name in names)
    return f"# Experiments\n\n| experiment | owner |\n| --- | --- |\n{rows}"


def _on(commit: str, files: Mapping[str, str | bytes]) -> Files:
    return {
        path: content.replace("COMMIT", commit[:10]) if isinstance(content, str) else content
        for path, content in files.items()
    }


def mend(project: Project) -> None:
    """Mend all violations."""
    commit = project.git("rev-parse", "--short=10", "HEAD").stdout.strip()
    for violation in VIOLATIONS:
        project.write(_on(commit, violation.mended))
        for path in violation.removed:
            (project.root / path).unlink()
    project.write({"experiments/README.md": _table()})
    project.commit("Mend everything")
