"""The fair-lending report says who fares how, names who is not judged, and claims nothing of law."""

import re
from functools import cache
from types import SimpleNamespace

import pytest

from monitoring.documents import model_card_html, monitoring_report_html, monitoring_report_markdown, open_findings
from monitoring.fair_lending import difference_reading, fair_lending_html, fair_lending_markdown, ratio_reading
from monitoring.rules import FAIR_LENDING_RULES
from schemas.results import Interval
from tests.monitoring.test_documents import Page, poor, rich

RICH = rich()
each_form = pytest.mark.parametrize("write", [fair_lending_html, fair_lending_markdown])


def words(write, dossier):
    text = write(dossier)
    text = Page(text).text if write is fair_lending_html else text.replace("\\", "")
    return " ".join(text.split())


@cache
def told(write):
    return words(write, RICH)


def with_fair(**changes):
    full = RICH
    return full.model_copy(update={"fair_lending": full.fair_lending.model_copy(update=changes)})


@each_form
def test_it_says_how_groups_fare_and_what_of_it_partners_add(write):
    text = told(write)
    rural = next(one for one in RICH.fair_lending.combined.single if one.name == "rural")
    assert f"{rural.impact_ratio.value:.3f} [{rural.impact_ratio.low:.3f}, {rural.impact_ratio.high:.3f}]" in text
    below = text[text.index("Below the limit, watched attributes and intersections included:") :].partition(").")[0]
    assert "region: rural (0.778" in below
    assert "region × industry: rural" in below
    assert "The score without partners is that of lightgbm_own, the candidate of the same kind" in text
    assert "11 (11.0 %)" in text, "decisions made unfavourable"
    assert "Proxy risk: partners tell most of region over the relation supply (assortativity 0.412)" in text
    assert "0.412 ▲" in text
    assert "watched: an input of the candidates" in text


@each_form
def test_it_is_no_finding_of_law_and_every_rule_has_its_source_and_day(write):
    text = told(write)
    assert "A ratio under its limit is no finding of law, and one above it is no clearance." in text
    for rule in FAIR_LENDING_RULES:
        assert rule.source in text
        assert str(rule.as_of) in text
    assert "rule of thumb, not a rule of credit law" in text


@each_form
def test_groups_too_small_to_judge_are_counted_and_named(write):
    text = told(write)
    section = text[text.rindex("Not judged") :]
    assert "10 firms, fewer than 30" in section
    assert "9 favourable outcomes, fewer than 10" in section
    assert "Too small to judge on something: 5 of 11 groups" in text


@each_form
def test_a_less_discriminatory_candidate_is_a_finding_with_an_owner(write):
    text = told(write)
    assert "Less discriminatory alternative: logistic_own is not significantly worse than lightgbm_neighbour" in text
    assert "Owner: fair-lending officer" in text
    assert "1 found among 3 candidates" in text
    alone = with_fair(alternatives=RICH.fair_lending.alternatives[1:])
    assert "No finding: no candidate that is not significantly worse" in words(write, alone)


def test_the_finding_is_open_on_the_card_too():
    (found,) = [one for one in open_findings(RICH) if one.finding.startswith("Less discriminatory alternative")]
    assert (found.owner, found.retest) == ("fair-lending officer", "at the next refresh")
    assert "Less discriminatory alternative: logistic_own" in Page(model_card_html(RICH)).text


@each_form
def test_of_many_intersections_those_that_fare_worst_are_shown(write):
    fair = RICH.fair_lending
    (rural,) = [one for one in fair.combined.intersections if one.group == ("rural", "retail")]
    many = tuple(
        rural.model_copy(update={"group": ("rural", f"kind{place}"), "impact_ratio": Interval(value=0.5 + place / 100)})
        for place in range(20)
    )
    text = words(write, with_fair(combined=fair.combined.model_copy(update={"groups": (*fair.combined.single, *many)})))
    assert "20 of 20 are judged on decisions and 20 on outcomes; shown are the 12 that fare worst on each" in text
    table = text[text.index("Favourable predictions by the combined score") : text.index("Outcomes of intersections")]
    assert table.index("kind0") < table.index("kind11")
    assert "kind12" not in table


@each_form
def test_without_protected_attributes_it_says_that_nothing_was_assessed_and_what_to_do(write):
    text = words(write, poor())
    assert "No group was measured: the portfolio declares no protected attribute." in text
    assert "neither clears the model nor faults it" in text
    assert "the role “protected”" in text
    assert "Groups by the combined score" not in text


@each_form
def test_a_network_part_of_a_candidate_that_nobody_is_scored_by_is_marked_as_such(write):
    network = RICH.fair_lending.network.model_copy(
        update={"candidate": "graphsage", "chosen": False, "method": "edges removed", "partner": None}
    )
    text = words(write, with_fair(network=network))
    assert "does not use the graph and has none. What follows is of graphsage" in text
    assert "same fitted model on the same firms with every edge removed" in text
    assert "no score has a network-derived part" in words(write, with_fair(network=None))


def test_its_charts_say_their_values_in_words():
    images = Page(fair_lending_html(RICH)).every("img")
    told = " ".join(image["alt"] for image in images)
    assert len(images) >= 5
    assert "rural 0.778" in told
    assert "lightgbm_neighbour (chosen) 0.700 and 0.778" in told
    assert "impact ratio from 2023Q2 to 2024Q1" in told


@pytest.mark.parametrize("write", [monitoring_report_html, monitoring_report_markdown])
def test_the_monitoring_report_has_fairness_over_the_quarters(write):
    assert "4 published quarters, 2023Q2 to 2024Q1" in " ".join(write(RICH).split())
    young = RICH.model_copy(update={"fairness_trends": ()})
    assert "no earlier quarter with these measures has been published" in write(young)


def group(value, low=None, high=None, reason="", reference=False):
    return SimpleNamespace(
        impact_ratio=Interval(value=value, low=low, high=high), impact_reason=reason, is_reference=reference
    )


@pytest.mark.parametrize(
    ("found", "reading"),
    [
        (group(None, reference=True), "reference group"),
        (group(None, reason="3 firms, fewer than 30"), "not judged: 3 firms, fewer than 30"),
        (group(0.7, 0.6, 0.79), "below 0.8 beyond chance"),
        (group(0.7, 0.6, 0.81), "below 0.8, within chance; below parity beyond chance"),
        (group(0.7, 0.6, 1.01), "below 0.8, within chance"),
        (group(0.7), "below 0.8, within chance"),
        (group(0.9, 0.85, 0.97), "at 0.8 or above; below parity beyond chance"),
        (group(0.9, 0.7, 1.1), "at 0.8 or above"),
    ],
)
def test_a_ratio_is_read_with_its_interval(found, reading):
    assert ratio_reading(found, 0.8) == reading


def test_an_alternative_is_read_with_both_intervals():
    fairer, other, chosen = RICH.fair_lending.alternatives
    assert difference_reading(chosen) == "chosen"
    assert difference_reading(fairer) == "not significantly worse; less discriminatory beyond chance"
    worse = other.model_copy(
        update={
            "auc_difference": Interval(value=-0.1, low=-0.2, high=-0.01),
            "ratio_difference": Interval(value=0.1, low=-0.1, high=0.3),
        }
    )
    assert difference_reading(worse) == "ranks significantly worse; higher ratio within chance"
    unjudged = worse.model_copy(update={"ratio_difference": Interval(value=None)})
    assert difference_reading(unjudged).endswith("ratios not judged")


def test_what_is_delivered_is_shown_and_not_obeyed():
    evil = "<script>alert(1)</script> \u202e|[x](http://evil)"
    html, text = fair_lending_html(rich(evil)), fair_lending_markdown(rich(evil))
    assert "<script" not in html.lower()
    assert "⟨U+202E⟩" in html
    assert not re.search(r"(?<!\\)\]\(http", text)
