"""A package index on this machine that serves a folder and can misbehave.

Follows the simple repository API: PEP 503 as HTML, PEP 691 and PEP 700 as JSON, with metadata files (PEP 658,
PEP 714), yanked files (PEP 592) and ``data-requires-python``.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import TYPE_CHECKING, Literal, Self

from packaging.utils import canonicalize_name

from support import pages

if TYPE_CHECKING:
    from pathlib import Path

Kind = Literal["page", "metadata", "file"]

_JSON = "application/vnd.pypi.simple.v1+json"
_HTML = "application/vnd.pypi.simple.v1+html"
_SLOW = 0.5  # seconds before each slow answer
_serial = count(1)


class Fault(Enum):
    """How an index can misbehave about one project."""

    STATUS_500 = auto()
    STATUS_401 = auto()
    STATUS_403 = auto()
    HANG = auto()
    """No answer until the index is closed or told to `heal`."""
    SLOW = auto()
    """The right answer, half a second late."""
    TRUNCATED = auto()
    """The connection ends in the middle of the body."""
    WRONG_CONTENT = auto()
    """A sound file whose bytes are not those that its hash promises."""
    GARBAGE = auto()
    """An HTML page with status 200 in place of anything, as captive portals send."""
    KEPT_GARBAGE = auto()
    """The same, from one that lets others keep it."""
    WRONG_HASH = auto()
    """The project's page promises hashes that its files do not have."""
    VANISHED = auto()
    """404."""


_STATUS = {Fault.STATUS_500: 500, Fault.STATUS_401: 401, Fault.STATUS_403: 403, Fault.VANISHED: 404}

# A fault about the transport strikes whatever is asked; one about contents strikes the files.
_STRIKES: dict[Fault, frozenset[Kind]] = {
    fault: frozenset({"page", "metadata", "file"})
    for fault in (*_STATUS, Fault.HANG, Fault.SLOW, Fault.GARBAGE, Fault.KEPT_GARBAGE)
}
_STRIKES |= {fault: frozenset({"file"}) for fault in (Fault.TRUNCATED, Fault.WRONG_CONTENT, Fault.VANISHED)}
_STRIKES[Fault.WRONG_HASH] = frozenset({"page"})

_RIGHT = frozenset({None, Fault.SLOW, Fault.HANG})
"""Under these the answer, when it comes, is the right one."""


class Index:
    """Serves a folder of distributions at `url` until closed; files put into the folder later are served too.

    Every index has an address of its own that no other of this process had, so that caches never mix them up.

    Args:
        folder: Wheels and source distributions.
        cache_control: The header of every right answer; the default is what a real index says of its pages.
        metadata: Whether metadata files are offered (PEP 658).
    """

    def __init__(self, folder: Path, *, cache_control: str = "max-age=600", metadata: bool = True) -> None:
        self.folder = folder
        self.cache_control = cache_control
        self.metadata = metadata
        self.healed = threading.Event()
        self._faults: dict[tuple[str, Kind], Fault] = {}
        self._requests: Counter[tuple[str, Kind]] = Counter()
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[int, pages.File]] = {}
        self._root = f"/{next(_serial)}"
        self._server = _Server(("127.0.0.1", 0), _Handler, self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="index", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def host(self) -> str:
        """Scheme, address and port."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """What `--index-url` takes."""
        return f"{self.host}{self._root}/simple"

    def close(self) -> None:
        """Let hanging requests go and stop; a second call does nothing. A closed index refuses connections."""
        self.healed.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def misbehave(self, project: str, fault: Fault, *, on: Kind | None = None) -> None:
        """Misbehave about a project from now on: for one kind of request, or for those that the fault is about."""
        self.healed.clear()
        for kind in [on] if on else _STRIKES[fault]:
            self._faults[canonicalize_name(project), kind] = fault

    def heal(self) -> None:
        """Behave again, and answer what hangs."""
        self._faults.clear()
        self.healed.set()

    def requests(self, project: str | None = None, kind: Kind | None = None) -> int:
        """Count the requests so far: all, those about one project, of one kind."""
        wanted = canonicalize_name(project) if project else None
        with self._lock:
            return sum(
                number
                for (about, what), number in self._requests.items()
                if wanted in {None, about} and kind in {None, what}
            )

    def forget_requests(self) -> None:
        """Count from zero again."""
        with self._lock:
            self._requests.clear()

    def note(self, project: str, kind: Kind) -> Fault | None:
        """Count one request and say which fault strikes it."""
        with self._lock:
            self._requests[project, kind] += 1
        return self._faults.get((project, kind))

    def files(self) -> tuple[pages.File, ...]:
        """Everything in the folder now, sorted by file name."""
        paths = sorted(path for path in self.folder.iterdir() if path.name.endswith((".whl", ".tar.gz")))
        return tuple(self._file(path) for path in paths)

    def route(self, path: str) -> tuple[str, Kind, str] | None:
        """Say what a request's path asks for: project, kind and file name; None when it is not ours."""
        match path.removeprefix(self._root).strip("/").split("/") if path.startswith(f"{self._root}/") else []:
            case ["simple"]:
                return "", "page", ""
            case ["simple", project]:
                return canonicalize_name(project), "page", ""
            case ["files", project, name] if name.endswith(".metadata"):
                return project, "metadata", name.removesuffix(".metadata")
            case ["files", project, name]:
                return project, "file", name
        return None

    def page(self, project: str, media: str, *, lie: bool) -> str | None:
        """Render a project's page, or the list of projects for an empty name; None for a project without files."""
        files = [file for file in self.files() if file.project == project or not project]
        if not project:
            names = {file.project for file in files}
            return pages.render_projects_json(names) if media == _JSON else pages.render_projects_html(names)
        links = [
            pages.offer(file, f"{self._root}/files/{project}/{file.name}", metadata=self.metadata, lie=lie)
            for file in files
        ]
        if not links:
            return None
        if media == _JSON:
            return pages.render_json(project, [file.version for file in files], links)
        return pages.render_html(project, links)

    def content(self, project: str, kind: Kind, name: str) -> bytes | None:
        """Find what a file's address, or that of its metadata, stands for; None for nothing."""
        file = next((file for file in self.files() if (file.project, file.name) == (project, name)), None)
        if file is None:
            return None
        if kind == "metadata":
            return file.metadata if self.metadata else None
        return file.content

    def _file(self, path: Path) -> pages.File:
        changed = path.stat().st_mtime_ns
        with self._lock:
            known = self._known.get(path)
        if known and known[0] == changed:
            return known[1]
        file = pages.read_file(path)
        with self._lock:
            self._known[path] = (changed, file)
        return file


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], index: Index) -> None:
        self.index = index
        super().__init__(address, handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that give up on a misbehaving index are what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.0"  # One connection per request: no idle connection outlives the test.

    def log_message(self, *_: object) -> None:
        """Keep the tests' output to what the tests say."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        index = self.server.index
        route = index.route(self.path)
        if route is None:
            self.send_error(404)
            return
        project, kind, name = route
        fault = index.note(project, kind)
        match fault:
            case Fault.STATUS_500 | Fault.STATUS_401 | Fault.STATUS_403 | Fault.VANISHED:
                self.send_error(_STATUS[fault])
            case Fault.GARBAGE | Fault.KEPT_GARBAGE:
                self._send(b"<!doctype html><title>Sign in</title>Sign in to this network.", "text/html", fault)
            case _:
                if fault in {Fault.HANG, Fault.SLOW}:
                    index.healed.wait(_SLOW if fault is Fault.SLOW else None)
                self._send_right(project, kind, name, fault)

    def _send_right(self, project: str, kind: Kind, name: str, fault: Fault | None) -> None:
        index = self.server.index
        media = "application/octet-stream"
        if kind == "page":
            media = _JSON if _JSON in self.headers.get("Accept", "") else _HTML
            page = index.page(project, media, lie=fault is Fault.WRONG_HASH)
            body = page.encode() if page else None
        else:
            body = index.content(project, kind, name)
        if body is None:
            self.send_error(404)
        else:
            self._send(body, media, fault)

    def _send(self, body: bytes, media: str, fault: Fault | None) -> None:
        if fault is Fault.WRONG_CONTENT:
            body = pages.other_bytes(body)
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        known = self.headers.get("If-None-Match") == etag
        self.send_response(304 if known else 200)
        self.send_header("ETag", etag)
        self.send_header("Vary", "Accept")
        # A wrong answer is not to outlive the fault in some cache.
        is_kept = fault in _RIGHT or fault is Fault.KEPT_GARBAGE
        self.send_header("Cache-Control", self.server.index.cache_control if is_kept else "no-store")
        if not known:
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET" and not known:
            self.wfile.write(body[: len(body) // 2] if fault is Fault.TRUNCATED else body)
