"""The index follows what is published, decided and pruned."""

from __future__ import annotations

import re

from tasks import promotion, retention
from tasks.contents import written_index
from tasks.settings import settings
from tests.tasks.published_versions import publish_version


def rows(home) -> list[str]:
    html = (home / "index.html").read_text()
    return [re.sub("<[^>]+>", " ", row) for row in re.findall(r"<tr><th scope=\"row\">.*?</tr>", html, re.DOTALL)]


def test_it_is_written_anew_by_a_decision_and_by_pruning(home):
    for version in (1, 2):
        publish_version(settings(), version, by="Ann", documents=("model_card.html",))
    for version in (3, 4, 5):
        publish_version(settings(), version, gates=(), documents=("model_card.html",))
    path = written_index()
    assert path == home / "index.html"
    assert [row.split()[0] for row in rows(home)] == ["2024Q2", "2024Q1", "2023Q4", "2023Q3", "2023Q2"]
    assert "@champion" in rows(home)[-1]
    assert "@challenger" in rows(home)[0]
    promotion.decide("simulated", "2", "approve", "Bob", "card read")
    assert "@champion" in rows(home)[-2]
    assert "@champion" not in rows(home)[-1]
    assert not any("pruned" in row for row in rows(home))
    retention.prune("simulated", 2, really=True)
    assert [row.split()[0] for row in rows(home) if "pruned" in row] == ["2023Q4"]


def test_every_link_leads_to_a_file(home):
    card = {"documents/model_card.html": b"<p>card</p>"}
    publish_version(settings(), 1, more=card, documents=("model_card.html",))
    written_index()
    links = re.findall('href="([^"]+)"', (home / "index.html").read_text())
    assert links == ["lake/simulated/2023Q2/key-simulated-1/documents/model_card.html"]
    assert (home / links[0]).read_bytes() == card["documents/model_card.html"]
