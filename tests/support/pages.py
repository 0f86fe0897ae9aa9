"""What a package index says about its files, as values and as the pages that clients read."""

from __future__ import annotations

import hashlib
import json
import zipfile
from email.parser import HeaderParser
from html import escape
from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.utils import parse_sdist_filename, parse_wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class File(Struct, frozen=True, kw_only=True):
    """One distribution file; `metadata` is None for a source distribution."""

    path: Path
    project: str
    version: str
    content: bytes
    sha256: str
    metadata: bytes | None
    requires_python: str | None
    yanked: bool

    @property
    def name(self) -> str:
        return self.path.name


class Link(Struct, frozen=True, kw_only=True):
    """One file as a page offers it; `metadata_sha256` is None where no metadata file is offered."""

    name: str
    url: str
    sha256: str
    size: int
    metadata_sha256: str | None
    requires_python: str | None
    yanked: bool


def read_file(path: Path) -> File:
    """Read a wheel or a source distribution."""
    metadata = None
    content = path.read_bytes()
    if path.suffix == ".whl":
        project, version, _, _ = parse_wheel_filename(path.name)
        with zipfile.ZipFile(path) as archive:
            metadata = archive.read(next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA")))
    else:
        project, version = parse_sdist_filename(path.name)
    return File(
        path=path,
        project=project,
        version=str(version),
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        metadata=metadata,
        requires_python=HeaderParser().parsestr(metadata.decode())["Requires-Python"] if metadata else None,
        yanked=path.with_name(f"{path.name}.yanked").exists(),
    )


def offer(file: File, url: str, *, metadata: bool, lie: bool) -> Link:
    """Say what a page tells about a file.

    Args:
        file: The file.
        url: Where it is served.
        metadata: Whether its metadata file is offered (PEP 658).
        lie: Promise a hash that it does not have.
    """
    return Link(
        name=file.name,
        url=url,
        sha256=hashlib.sha256(file.sha256.encode()).hexdigest() if lie else file.sha256,
        size=len(file.content),
        metadata_sha256=hashlib.sha256(file.metadata).hexdigest() if metadata and file.metadata else None,
        requires_python=file.requires_python,
        yanked=file.yanked,
    )


def render_json(project: str, versions: Iterable[str], links: Iterable[Link]) -> str:
    """Render a project's page (PEP 691, with the versions, sizes and upload times of PEP 700)."""
    files = [
        {
            "filename": link.name,
            "url": link.url,
            "hashes": {"sha256": link.sha256},
            "size": link.size,
            "upload-time": "2020-02-02T00:00:00.000000Z",
            "requires-python": link.requires_python,
            "yanked": link.yanked,
            "core-metadata": {"sha256": link.metadata_sha256} if link.metadata_sha256 else False,
        }
        for link in links
    ]
    versions = sorted(set(versions))
    return json.dumps({"meta": {"api-version": "1.1"}, "name": project, "versions": versions, "files": files})


def render_html(project: str, links: Iterable[Link]) -> str:
    """Render a project's page (PEP 503)."""
    lines = [f"<!doctype html><title>{escape(project)}</title>"]
    for link in links:
        attributes = [f'href="{escape(link.url)}#sha256={link.sha256}"']
        if link.requires_python:
            attributes.append(f'data-requires-python="{escape(link.requires_python)}"')
        if link.metadata_sha256:
            attributes.append(f'data-core-metadata="sha256={link.metadata_sha256}"')
            attributes.append(f'data-dist-info-metadata="sha256={link.metadata_sha256}"')
        if link.yanked:
            attributes.append('data-yanked=""')
        lines.append(f"<a {' '.join(attributes)}>{escape(link.name)}</a><br>")
    return "\n".join([*lines, ""])


def render_projects_json(projects: Iterable[str]) -> str:
    """Render the list of projects (PEP 691)."""
    return json.dumps({"meta": {"api-version": "1.1"}, "projects": [{"name": name} for name in sorted(projects)]})


def render_projects_html(projects: Iterable[str]) -> str:
    """Render the list of projects (PEP 503)."""
    return "\n".join(
        ["<!doctype html><title>simple</title>", *(f'<a href="{p}/">{p}</a>' for p in sorted(projects)), ""]
    )


def other_bytes(content: bytes) -> bytes:
    """Change an archive's bytes and nothing that it holds.

    A wheel gets an archive comment, whose length stands in the last two bytes of an archive without one; anything
    else gets a zero byte at its end, which gzip permits.
    """
    comment = b"changed after it was published"
    if content[-22:-18] == b"PK\x05\x06":
        return content[:-2] + len(comment).to_bytes(2, "little") + comment
    return content + b"\0"
