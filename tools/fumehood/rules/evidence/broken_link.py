"""``evidence/broken-link``."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from fumehood.rules.owed import MILDER, owed
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen

_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
"""An address with a scheme or a host."""


def check(seen: Seen) -> Iterator[Finding]:
    """Links and pictures of READMEs that point nowhere."""
    for experiment in seen.experiments:
        readme = seen.readmes.get(experiment.name)
        sections = readme.document.sections if readme and readme.document else ()
        for target in (target for section in sections for target in section.targets):
            if readme and (why := _why_not(seen, readme.path, target.address)):
                yield RULE.finding(
                    experiment.name,
                    readme.at(target.line),
                    f"the {'picture' if target.is_picture else 'link'} {target.address} points nowhere: {why}",
                    remedy="correct it, or add what it points to",
                    subject=target.address,
                    severity=owed(experiment),
                )


def _why_not(seen: Seen, path: str, address: str) -> str:
    """Why there is nothing at an address; empty where there is, or where only the network could tell."""
    if not address or _ELSEWHERE.match(address):
        return ""
    file, _, anchor = address.partition("#")
    target = path
    if file := unquote(file.partition("?")[0]):
        # A slash at the beginning means the top of the repository, as on the forges.
        start = "" if file.startswith("/") else posixpath.dirname(path)
        target = posixpath.normpath(posixpath.join(start, file.lstrip("/")))
        if target.startswith("../"):
            return "it leaves the repository"
        if not seen.exists(target):
            return f"there is no {target}"
    if not anchor or not target.lower().endswith((".md", ".markdown", ".rst")):
        return ""
    document = seen.document(target)
    anchors = document.anchors if document else frozenset[str]()
    return (
        ""
        if unquote(anchor).lower() in {name.lower() for name in anchors}
        else f"{target} has no heading for #{anchor}"
    )


RULE = Rule(
    id="evidence/broken-link",
    severity="error",
    summary="A link or a picture that points nowhere.",
    why="""\
A figure that is not there is no evidence, and a link that ends nowhere stops whoever wants to repeat the work. They
break when files are moved, renamed or never committed.""",
    remedy="""\
Correct the address, or add the file. Only what is in the repository is looked for: files, folders, and headings
(`#setup`) of Markdown and reStructuredText. Addresses on the network are never fetched.""",
    check=check,
    milder=MILDER,
)
