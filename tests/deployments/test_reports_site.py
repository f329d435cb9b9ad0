"""The reports site serves documents of the lake and nothing else, to this machine only."""

import http.client
import threading

import pytest

from deployments.reports_site import HEADERS, ReportsSite
from monitoring.explanation_page import script_hashes
from monitoring.index_page import script_hash
from tasks.catalogue import open_catalogue
from tasks.contents import written_index
from tasks.settings import settings
from tests.tasks.published_versions import publish_version


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    home = tmp_path_factory.mktemp("site") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDITNET_HOME", str(home))
        for name in ("CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI"):
            patch.delenv(name, raising=False)
        publish_version(settings(), 1, documents=("model_card.html", "fair_lending.html", "validation_workbook.xlsx"))
        documents = next(home.glob("lake/simulated/*/*/documents"))
        (documents / "fair_lending.html").write_text("<h1>Fair lending</h1>")
        (documents / "validation_workbook.xlsx").write_bytes(b"PK")
        (documents / "model_card.html").write_text("<h1>Card</h1>")
        (documents / "secret.parquet").write_bytes(b"PAR1")
        (documents / ".hidden.html").write_text("no")
        (documents / "way_out.html").symlink_to(home / "catalogue.db")
        (documents.parent / "scores.html").write_text("not a document")
        for kind in ("drift", "tune", "explanation"):
            page = home / f"lake/simulated/{kind}s/2023Q2-x/{kind}.html"
            page.parent.mkdir(parents=True)
            page.write_text(f"<h1>{kind.title()}</h1>")
            open_catalogue(settings().database_url).record_pages(f"lake/simulated/{kind}s/2023Q2-x", "0" * 64)
        server = ReportsSite(settings(), 0)
        server.written = written_index().read_text()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.documents = f"/{documents.relative_to(home).as_posix()}"
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


def test_only_the_index_and_explanations_may_run_scripts_and_only_their_own(site):
    def policy(path):
        return asked(site, path)[1]["Content-Security-Policy"]

    assert "script-src" not in policy(f"{site.documents}/model_card.html")
    assert "script-src" not in policy("/lake/simulated/drifts/2023Q2-x/drift.html")
    assert f"script-src '{script_hash()}'" in policy("/")
    explained = policy("/lake/simulated/explanations/2023Q2-x/explanation.html")
    assert explained.endswith("script-src " + " ".join(script_hashes()))


def test_the_index_is_that_of_the_home_and_leads_to_every_document(site):
    status, _, page = asked(site, "/")
    assert (status, page) == (200, site.written)
    assert asked(site, "/index.html")[2] == page
    for path, body in (
        (f"{site.documents}/model_card.html", "<h1>Card</h1>"),
        (f"{site.documents}/fair_lending.html", "<h1>Fair lending</h1>"),
        (f"{site.documents}/validation_workbook.xlsx", "PK"),
        ("/lake/simulated/drifts/2023Q2-x/drift.html", "<h1>Drift</h1>"),
        ("/lake/simulated/tunes/2023Q2-x/tune.html", "<h1>Tune</h1>"),
    ):
        assert f'href="{path.removeprefix("/")}"' in page
        assert asked(site, path)[::2] == (200, body)


def test_every_answer_carries_the_strict_headers_and_only_the_index_may_search(site):
    for path in (f"{site.documents}/model_card.html", "/nothing"):
        assert asked(site, path)[1].items() >= HEADERS.items()
    policies = {name: value for name, value in HEADERS.items() if name != "Content-Security-Policy"}
    _, headers, _ = asked(site, "/")
    assert headers.items() >= policies.items()
    assert "script" not in HEADERS["Content-Security-Policy"]
    assert headers["Content-Security-Policy"] == f"{HEADERS['Content-Security-Policy']}; script-src '{script_hash()}'"


@pytest.mark.parametrize(
    "path",
    [
        "{documents}/secret.parquet",
        "{documents}/.hidden.html",
        "{documents}/way_out.html",
        "{documents}/../scores.html",
        "{documents}/../../../../../../catalogue.db",
        "{documents}/%2e%2e/%2e%2e/x.html",
        "{documents}/a%00.html",
        "{documents}",
        "//etc/passwd",
        "/lake/simulated/drifts/2023Q2-x/%2e%2e%2fdrift.html",
        "/simulated/drifts/2023Q2-x/drift.html",
        "/work/simulated/drifts/2023Q2-x/drift.html",
        "/lake/simulated/documents/2023Q2-x/drift.html",
        "/catalogue.db",
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
