"""The reports site serves documents of the lake and nothing else, to this machine only."""

import http.client
import threading

import pytest

from deployments.reports_site import HEADERS, ReportsSite
from tasks.settings import settings
from tests.tasks.published_versions import publish_version


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    home = tmp_path_factory.mktemp("site") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDITNET_HOME", str(home))
        for name in ("CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI"):
            patch.delenv(name, raising=False)
        publish_version(settings(), 1)
        documents = next(home.glob("lake/simulated/*/*/documents"))
        (documents / "model_card.html").write_text("<h1>Card</h1>")
        (documents / "secret.parquet").write_bytes(b"PAR1")
        (documents / ".hidden.html").write_text("no")
        (documents / "way_out.html").symlink_to(home / "catalogue.db")
        (documents.parent / "scores.html").write_text("not a document")
        page = home / "lake/simulated/drifts/2023Q2-x/drift.html"
        page.parent.mkdir(parents=True)
        page.write_text("<h1>Drift</h1>")
        server = ReportsSite(settings(), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.documents = f"/{documents.relative_to(home / 'lake').as_posix()}"
    yield server
    server.shutdown()
    server.server_close()


def asked(site, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", site.server_port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def test_the_index_leads_to_every_document(site):
    status, _, page = asked(site, "/")
    assert status == 200
    for path, heading in (
        (f"{site.documents}/model_card.html", "Card"),
        ("/simulated/drifts/2023Q2-x/drift.html", "Drift"),
    ):
        assert f'href="{path}"' in page
        found, _, document = asked(site, path)
        assert (found, document) == (200, f"<h1>{heading}</h1>")


def test_every_answer_carries_the_strict_headers(site):
    for path in ("/", f"{site.documents}/model_card.html", "/nothing"):
        _, headers, _ = asked(site, path)
        assert headers.items() >= HEADERS.items()
    assert "script" not in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    [
        "{documents}/secret.parquet",
        "{documents}/.hidden.html",
        "{documents}/way_out.html",
        "{documents}/../scores.html",
        "{documents}/../../../../../catalogue.db",
        "{documents}/%2e%2e/%2e%2e/x.html",
        "{documents}/a%00.html",
        "{documents}",
        "//etc/passwd",
        "/simulated/drifts/2023Q2-x/%2e%2e%2fdrift.html",
    ],
)
def test_nothing_else_is_served(site, path):
    status, _, body = asked(site, path.format(documents=site.documents))
    assert (status, body) == (404, "not found\n")


def test_another_host_name_is_refused(site):
    status, _, body = asked(site, "/", Host="evil.example")
    assert (status, body) == (421, "")
    assert asked(site, "/", Host=f"localhost:{site.server_port}")[0] == 200


def test_nothing_can_be_written(site):
    assert asked(site, f"{site.documents}/model_card.html", "PUT")[0] == 501
    status, headers, body = asked(site, f"{site.documents}/model_card.html", "HEAD")
    assert (status, headers["Content-Length"], body) == (200, "13", "")
