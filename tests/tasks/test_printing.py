"""The documents as PDF: printed of what was published, the same bytes each time, outside of what is hashed."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys

import pytest

from schemas.errors import NotEnoughData, SettingsError
from tasks import printing
from tasks.catalogue import open_catalogue
from tasks.printing import pdf_of, printed
from tasks.settings import settings
from tasks.verifying import verified_home
from tests.tasks.published_versions import publish_version

PAGES = {
    "documents/model_card.html": b"<!DOCTYPE html><html lang=en><title>Card</title><h1>Card</h1><h2>Decision</h2>",
    "documents/graph.html": b"<!DOCTYPE html><html lang=en><title>Graph</title><p>17 firms",
}


@pytest.fixture
def chromium():
    found = shutil.which("chromium")
    if found is None:
        (pytest.fail if os.environ.get("CREDITNET_CI") else pytest.skip)("needs chromium")
    return found


@pytest.fixture(scope="module")
def published_home(tmp_path_factory):
    """One published version; nothing here changes what is published."""
    home = tmp_path_factory.mktemp("printing") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDITNET_HOME", str(home))
        for name in ("CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI"):
            patch.delenv(name, raising=False)
        publish_version(settings(), 1, more=PAGES)
    return home


@pytest.fixture
def version(published_home, monkeypatch):
    monkeypatch.setenv("CREDITNET_HOME", str(published_home))
    for name in ("CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI", "CREDITNET_CHROMIUM"):
        monkeypatch.delenv(name, raising=False)
    return published_home


@pytest.mark.browser
class TestWithChromium:
    def test_every_page_is_printed_beside_what_was_published(self, version, chromium):
        files = printed("simulated", "1").files
        assert files == tuple(
            f"{version}/pdfs/simulated-2023Q2-version-1/{name}.pdf" for name in ("graph", "model_card")
        )
        report = verified_home(registry=False)
        assert report.whole
        assert not report.unrecorded

    def test_it_is_tagged_has_an_outline_and_bears_the_moment_of_publication(self, version, chromium):
        published = open_catalogue(settings().database_url).published_versions("simulated")[0]
        page = PAGES["documents/model_card.html"]
        pdf = pdf_of(page, chromium=chromium, moment=published.published_at)
        assert b"/Lang (en)" in pdf
        assert b"/Marked true" in pdf
        assert b"/Outlines" in pdf
        dates = set(re.findall(rb"\(D:(\d{14})\+00'00'\)", pdf))
        assert dates == {published.published_at.strftime("%Y%m%d%H%M%S").encode()}
        assert pdf_of(page, chromium=chromium, moment=published.published_at) == pdf

    def test_the_command_prints_where_it_is_told(self, version, chromium, tmp_path, monkeypatch, capfd):
        from deployments import cli

        monkeypatch.setattr(sys, "argv", ["creditnet", "pdf", "1", "--to", str(tmp_path / "to"), "--json"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = json.loads(capfd.readouterr().out)
        assert not ended.value.code
        assert told["files"] == [str(tmp_path / "to" / name) for name in ("graph.pdf", "model_card.pdf")]
        assert (tmp_path / "to" / "graph.pdf").read_bytes().startswith(b"%PDF-")


class TestWithout:
    def test_no_browser(self, version, monkeypatch, tmp_path):
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(SettingsError, match="no browser"):
            printed("simulated", "1")

    def test_one_that_is_named_and_not_there(self, version, monkeypatch):
        monkeypatch.setenv("CREDITNET_CHROMIUM", "/nowhere/chromium")
        with pytest.raises(SettingsError, match="/nowhere/chromium"):
            printed("simulated", "1")

    def test_one_that_prints_nothing(self, version, monkeypatch):
        monkeypatch.setenv("CREDITNET_CHROMIUM", shutil.which("false"))
        with pytest.raises(SettingsError, match="did not print"):
            printed("simulated", "1")

    def test_a_version_that_is_not_there(self, version):
        with pytest.raises(NotEnoughData, match="Version 7"):
            printed("simulated", "7")

    def test_a_folder_that_cannot_be_written(self, version, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("")
        monkeypatch.setattr(printing, "pdf_of", lambda *_args, **_kwargs: b"%PDF-")
        monkeypatch.setenv("CREDITNET_CHROMIUM", shutil.which("true"))
        with pytest.raises(SettingsError, match="cannot be written"):
            printed("simulated", "1", tmp_path / "file" / "folder")
