"""What cannot be measured on a machine is null in the result, never 0."""

from __future__ import annotations

from benchmarks import documents_proof


def test_without_a_browser_or_the_data_nothing_is_counted(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("CREDITNET_CHROMIUM", "CREDITNET_DATA"):
        monkeypatch.delenv(name, raising=False)
    assert documents_proof.live_elements() is None
    assert documents_proof.outside_requests() is None
    assert documents_proof.not_reproduced() is None


def test_a_proof_has_a_home_and_a_server_of_its_own(monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    monkeypatch.setenv("CREDITNET_DATA", "/data")
    with documents_proof._own_home() as environment:
        assert "PREFECT_API_URL" not in environment
        assert environment["CREDITNET_DATA"] == "/data"
        assert environment["CREDITNET_HOME"].endswith("/home")
