"""``independence/undeclared``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.rules.needs import places
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.needs import Needed
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Modules that an experiment imports, or core, and that no requirement line asks for."""
    core = seen.core.requirements[0].path if seen.core.requirements else "requirements.txt"
    if seen.is_whole:
        for needed in seen.needs.of(None).undeclared:
            yield _finding("", needed, f"core imports {needed.module}, {_who_asks(needed)}", core)
    for experiment in seen.experiments:
        own = experiment.requirements[0].path if experiment.requirements else f"{experiment.path}/requirements.txt"
        for needed in seen.needs.of(experiment).undeclared:
            if needed.core_too:
                said = f"it imports {needed.module}, as core does, {_who_asks(needed)}"
                yield _finding(experiment.name, needed, said, f"{core}, or to {own}")
            else:
                yield _finding(experiment.name, needed, f"it imports {needed.module}, {_who_asks(needed)}", own)


def _who_asks(needed: Needed) -> str:
    if needed.file:
        whose = "core's" if needed.core_too else "its"
        return f"which only {needed.file} asks for, and that is none of {whose} files"
    return "and no requirement line asks for it"


def _finding(name: str, needed: Needed, message: str, file: str) -> Finding:
    first = needed.uses[0]
    return RULE.finding(
        name,
        Place(first.path, first.line),
        f"{message}{first.how}",
        remedy=f"add {needed.distribution}, or whatever brings {needed.module}, to {file}",
        details=places(needed),
        subject=needed.module,
        severity="warning" if not name or needed.core_too or needed.file else "error",
    )


RULE = Rule(
    id="independence/undeclared",
    severity="error",
    summary="Something is imported that no requirement line of the experiment or of core asks for.",
    why="""\
It works on the machine of the one who wrote it, since there it is installed. In the experiment's own environment, and
for everybody else, the import fails. Imports for type checkers only, those in a `try` that lets an `ImportError`
pass, and those behind a look, such as `if is_wandb_available():` or `if HAS_TRITON:`, need no requirement; those in a
function do. What stands beside a script of an experiment, or in a folder around it, may be what the script means. It is
a warning where core imports the same without asking for it,
where a requirement file in the experiment's folder asks for it that is none of the experiment's, and about core.
Where another file of core's asks for it, such as `requirements-dev.txt`, that is said.""",
    remedy="""\
Add the distribution to the experiment's requirements. Its name is guessed from the module's: where it is installed in
one of fumehood's layers, the distribution's own metadata is asked. An import that the experiment can do without belongs
into `try: … except ImportError: …`.""",
    waive="A module that comes with the hardware or the cluster and from no package index.",
    check=check,
    reads="imports",
)
