"""``coverage/unreached``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.model.globs import matches
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen

_NAME = re.compile(r"(?:test_[^/]*|[^/]*_test)\.py")
_REMEDIES = {
    True: "name it in `tests` of its manifest",
    False: "move it, or name its folder in `tests` of [tool.fumehood.core]",
}
_TEST = re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+test", re.MULTILINE)


def check(seen: Seen) -> Iterator[Finding]:
    """Files that pytest would take for tests and that no session points it at."""
    repository = seen.repository
    reached = {test for experiment in repository.experiments for test in experiment.tests}
    folders = tuple(f"{path.rstrip('/')}/" for path in seen.core.tests)
    homes = {f"{one.path}/": one.name for one in repository.experiments}
    broken = tuple(f"{one.path}/" for one in repository.broken)
    for file in seen.files:
        if not _NAME.fullmatch(file.rpartition("/")[2]) or file in reached or file in seen.core.tests:
            continue
        home = max((folder for folder in homes if file.startswith(folder)), key=len, default="")
        # Below core's tests, the folders of experiments are not core's; a broken experiment says more of itself.
        if (not home and file.startswith(folders)) or file.startswith(broken) or _is_left_out(seen, file):
            continue
        if (text := seen.text(file)) is None or not _TEST.search(text):
            continue
        name = homes.get(home, "")
        yield RULE.finding(name, Place(file), "no session runs these tests", remedy=_REMEDIES[bool(home)])


def _is_left_out(seen: Seen, file: str) -> bool:
    """Whether the settings leave out a folder that a file is in, so that somebody has decided about it."""
    folder = file.rpartition("/")[0]
    return bool(folder) and matches(folder, *seen.settings.exclude)


RULE = Rule(
    id="coverage/unreached",
    severity="warning",
    summary="A file of tests that no session runs.",
    why="""\
Tests that nothing runs look like tests that pass. They get there when a folder is moved, when a manifest names only
some of an experiment's tests, or when tests stand beside the code while only `tests/` is looked at.""",
    remedy="""\
Move the file to where a session looks, or say where that is: `tests` in a manifest, `tests` in `[tool.fumehood.core]`.
A folder that is meant to be left out belongs into `exclude`.""",
    check=check,
    waive="For tests that are started by hand, such as benchmarks.",
)
