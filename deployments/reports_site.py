"""The reports site: the lake's documents as pages on loopback, read-only, under strict headers.

Only documents are served: not scores, deliveries or models. Whoever asks under another host name than this machine's
own is refused, so that no page on the internet can read them through a browser here (DNS rebinding).
"""

from __future__ import annotations

import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from monitoring.site_index import site_index_html
from tasks.catalogue import open_catalogue
from tasks.settings import Settings, prepare_environment, settings

_LOOPBACK = "127.0.0.1"
#: the folder a document lies in, by how many folders there are between it and the lake
_DOCUMENTS = {3: ("documents",), 1: ("diffs", "audits", "drifts", "outcomes", "tunes")}
_TYPES = {".html": "text/html", ".md": "text/plain", ".json": "application/json"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class ReportsSite(ThreadingHTTPServer):
    """Serves the documents of one home at a port of loopback; 0 takes any free one."""

    daemon_threads = True

    def __init__(self, chosen: Settings, port: int) -> None:
        self.home = chosen
        super().__init__((_LOOPBACK, port), _Page)

    @property
    def hosts(self) -> set[str]:
        """Return the names under which it answers."""
        return {f"{name}:{self.server_port}" for name in (_LOOPBACK, "localhost")}


class _Page(BaseHTTPRequestHandler):
    """One request: the index, a document, or a refusal that says nothing."""

    server: ReportsSite
    server_version = "creditnet"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        if self.headers.get("Host") not in self.server.hosts:
            self._send(HTTPStatus.MISDIRECTED_REQUEST, "text/plain", b"", with_body=with_body)
            return
        path = unquote(urlsplit(self.path).path)
        if path == "/":
            self._send(HTTPStatus.OK, "text/html", _index(self.server.home), with_body=with_body)
            return
        found = _document(self.server.home.lake, path)
        if found is None:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", b"not found\n", with_body=with_body)
            return
        self._send(HTTPStatus.OK, _TYPES[found.suffix], found.read_bytes(), with_body=with_body)

    def _send(self, status: HTTPStatus, kind: str, body: bytes, *, with_body: bool) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)


def _document(lake: Path, path: str) -> Path | None:
    """Return the document that a path asks for; None for everything else that is in the lake or outside it."""
    relative = PurePosixPath(path.lstrip("/"))
    parts = relative.parts
    place = {5: (3, 3), 4: (1, 1)}.get(len(parts))  # portfolio/quarter/refresh/documents/x, portfolio/diffs/name/x
    if place is None or parts[place[0]] not in _DOCUMENTS[place[1]] or relative.suffix not in _TYPES:
        return None
    if any(part.startswith(".") or "\0" in part for part in parts):
        return None
    found = lake / relative
    inside = found.resolve().is_relative_to(lake.resolve())
    return found if inside and found.is_file() and not found.is_symlink() else None


def _index(chosen: Settings) -> bytes:
    refreshes = open_catalogue(chosen.database_url).housekeeping.refreshes()
    pages = {
        one.folder: sorted(page.name for page in (chosen.home / one.folder / "documents").glob("*.html"))
        for one in refreshes
        if one.folder and one.pruned_at is None
    }
    others = sorted(
        page.relative_to(chosen.lake).as_posix()
        for kind in _DOCUMENTS[1]
        for page in chosen.lake.glob(f"*/{kind}/*/*.html")
    )
    return site_index_html(refreshes, pages, others).encode()


def main() -> None:
    """Serve the home of the settings at the port that is given."""
    chosen = settings()
    prepare_environment(chosen)
    ReportsSite(chosen, int(sys.argv[1])).serve_forever()


if __name__ == "__main__":
    main()
