"""The reports site: a home's index and documents as pages on loopback, read-only, under strict headers.

Its paths are those of the home, so that the index is the same page here and in a folder. Only documents are served: not
scores, deliveries or models. Whoever asks under another host name than this machine's own is refused, so that no page
on the internet can read them through a browser here (DNS rebinding).
"""

from __future__ import annotations

import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from monitoring.explanation_page import script_hashes
from monitoring.index_page import script_hash
from tasks.catalogue import open_catalogue
from tasks.contents import INDEX, index_bytes
from tasks.settings import Settings, prepare_environment, settings

_LOOPBACK = "127.0.0.1"
#: the folder a document lies in, by how many folders there are between it and the lake
_DOCUMENTS = {3: ("documents",), 1: ("diffs", "audits", "drifts", "explanations", "outcomes", "tunes")}
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
#: of the index, whose search may run
_INDEX_POLICY = f"{_POLICY}; script-src '{script_hash()}'"
#: of pages whose picture may be moved, by the folder they lie in; no other script runs here
_POLICIES = {"explanations": f"{_POLICY}; script-src {' '.join(script_hashes())}"}
HEADERS = {
    "Content-Security-Policy": _POLICY,
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
            self._send(HTTPStatus.MISDIRECTED_REQUEST, b"", with_body=with_body)
            return
        path, chosen = unquote(urlsplit(self.path).path), self.server.home
        if path in ("/", f"/{INDEX}"):
            index = index_bytes(chosen.home, open_catalogue(chosen.database_url))
            self._send(HTTPStatus.OK, index, ".html", policy=_INDEX_POLICY, with_body=with_body)
            return
        found = _document(chosen, path)
        if found is None:
            self._send(HTTPStatus.NOT_FOUND, b"not found\n", with_body=with_body)
            return
        policy = _POLICIES.get(found.parts[-3], _POLICY)
        self._send(HTTPStatus.OK, found.read_bytes(), found.suffix, policy=policy, with_body=with_body)

    def _send(
        self, status: HTTPStatus, body: bytes, suffix: str = ".md", *, policy: str = _POLICY, with_body: bool
    ) -> None:
        self.send_response(status)
        for name, value in (HEADERS | {"Content-Security-Policy": policy}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", _TYPES[suffix])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)


def _document(chosen: Settings, path: str) -> Path | None:
    """Return the document that a path asks for; None for everything else that is in the home or outside it."""
    relative = PurePosixPath(path.lstrip("/"))
    lake, *parts = relative.parts or ("",)
    place = {5: 3, 4: 1}.get(len(parts))  # portfolio/quarter/refresh/documents/x, portfolio/diffs/name/x
    if lake != chosen.lake.name or place is None or parts[place] not in _DOCUMENTS[place]:
        return None
    if relative.suffix not in _TYPES or any(part.startswith(".") or "\0" in part for part in parts):
        return None
    found = chosen.home / relative
    inside = found.resolve().is_relative_to(chosen.lake.resolve())
    return found if inside and found.is_file() and not found.is_symlink() else None


def main() -> None:
    """Serve the home of the settings at the port that is given."""
    chosen = settings()
    prepare_environment(chosen)
    ReportsSite(chosen, int(sys.argv[1])).serve_forever()


if __name__ == "__main__":
    main()
