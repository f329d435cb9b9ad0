"""The audit of a published refresh, and the same audit of a delivery that nothing was fitted on."""

from __future__ import annotations

import pytest

from schemas.terms import Quarter
from tasks.portfolios import load_portfolio

pytestmark = pytest.mark.flow


@pytest.fixture
def spec(published):
    return load_portfolio(str(published.portfolio))


def in_home(monkeypatch, path):
    monkeypatch.setenv("CREDITNET_HOME", str(path))
    for name in ("CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)


def test_a_published_refresh_is_audited_as_it_stands(published, spec, monkeypatch):
    from tasks.split_auditing import published_audit

    in_home(monkeypatch, published.home.path)
    newest = published_audit(spec, None)
    assert (newest.quarter, newest.refresh) == (Quarter(2024, 3), published.third.refresh.refresh)
    assert newest.fingerprint == published.third.refresh.fingerprint
    assert published_audit(spec, Quarter(2024, 2)).refresh == published.second.refresh.refresh
    assert published_audit(spec, Quarter(2024, 1)) is None
    other = spec.model_copy(update={"split": spec.split.model_copy(update={"seed": 8})})
    assert published_audit(other, None) is None, "its split is not the one that is asked about"


def test_without_a_refresh_the_audit_says_the_same(published, spec, make_home, tmp_path, monkeypatch):
    from flows.split_audit import split_audit
    from tasks.settings import prepare_environment, settings
    from tasks.split_auditing import published_audit

    in_home(monkeypatch, published.home.path)
    stored = published_audit(spec, None)
    in_home(monkeypatch, tmp_path / "home")
    prepare_environment(settings())
    made = split_audit(str(published.portfolio), None, str(published.data_dir))
    assert made == stored.model_copy(update={"refresh": None})
    assert list((tmp_path / "home" / "work").iterdir()) == []
    assert make_home(tmp_path / "home").catalogue.latest_published(spec.name) is None
