"""What a search found as a page, Markdown and lines: complete, harmless, the same every time."""

from __future__ import annotations

import pytest

from monitoring.tuning_charts import history_chart, importance_chart, slice_chart, slices
from monitoring.tuning_document import ranked_trials, tuning_html, tuning_markdown, tuning_text
from schemas.results import Interval
from schemas.terms import Quarter, Scheme
from schemas.tuning import OwnResult, SettingImportance, TrialRecord, TrialState, Tuning

NASTY = "<script>alert(1)</script>\x1b[31m|`\u202e"


def trial(number, auc, state=TrialState.COMPLETE, own="", reason="", **settings):
    settings = settings or {"hidden": 16 * (number + 1), "features": "own" if number % 2 else "own+neighbour"}
    return TrialRecord(
        number=number, state=state, kind="gcn", own=own, settings=settings, auc=auc, seconds=1.5, reason=reason
    )


TRIALS = (
    trial(0, 0.7, own="sage"),
    trial(1, 0.75),
    trial(2, 0.8),
    trial(3, 0.55, TrialState.PRUNED),
    trial(4, None, TrialState.FAILED, reason=NASTY),
)


def tuning(**changes):
    content = {
        "portfolio": "rheintal",
        "title": f"Sparkasse {NASTY}",
        "quarter": Quarter(2024, 3),
        "fingerprint": "f" * 64,
        "study": "rheintal/autumn",
        "scheme": Scheme.COMMUNITY,
        "firms_from": "unseen_communities",
        "kinds": ("gcn",),
        "seed": 0,
        "trials": TRIALS,
        "own": (OwnResult(name="sage", auc=0.7), OwnResult(name="auto", auc=None, reason="no memory")),
        "current": "sage",
        "current_auc": 0.7,
        "best": 2,
        "best_auc": 0.8,
        "difference": Interval(value=0.1, low=0.05, high=0.15),
        "improved": True,
        "chosen": "gcn_tuned",
        "chosen_auc": 0.8,
        "reason": "The search's best is significantly better.",
        "candidate": {"name": "gcn_tuned", "kind": "gcn", "hidden": 48},
        "snippet": "- {name: gcn_tuned, kind: gcn, hidden: 48}",
        "importances": (SettingImportance(setting="gcn.hidden", share=1.0),),
    }
    return Tuning.model_validate(content | changes)


@pytest.mark.parametrize("form", [tuning_html, tuning_markdown])
def test_pages_have_every_part_and_escape_what_they_are_given(form):
    page = form(tuning())
    for part in ("Result", "History", "Importance", "Slices", "Trials", "significantly better", "name: gcn_tuned"):
        assert part in page
    for part in ("2 trials of the search were measured", "1 were given up", "1 were not possible", "no memory"):
        assert part in " ".join(page.split())
    assert "firms from unseen communities" in page
    assert "<script" not in page
    assert "\x1b" not in page
    assert form(tuning()) == page


def test_the_lines_say_what_was_chosen_and_a_terminal_obeys_nothing():
    text = tuning_text(tuning())
    assert "chosen    gcn_tuned" in text
    assert "2 complete, 1 pruned, 1 failed; best: trial 2, AUC 0.800" in text
    assert "\x1b" not in text
    assert "best: none" in tuning_text(tuning(best=None, best_auc=None))


def test_without_trials_the_page_says_so():
    page = tuning_html(tuning(trials=(), importances=(), importances_missing="there are 0", improved=False))
    assert "No trial was measured." in page
    assert "Not assessable: there are 0." in page
    assert "The portfolio stays as it is." in page


def test_the_best_come_first_and_failures_last():
    assert [one.number for one in ranked_trials(TRIALS)] == [2, 1, 0, 3, 4]


def test_slices_are_of_settings_with_several_values_the_most_important_first():
    found = slices(TRIALS, (SettingImportance(setting="gcn.hidden", share=0.9),))
    assert [(one.setting, len(one.auc)) for one in found] == [("hidden", 3), ("features", 3)]
    assert slices((trial(0, 0.5, a=1), trial(1, 0.6, a=1)), ()) == []
    assert len(slices(TRIALS, (), most=1)) == 1


def test_charts_say_in_words_what_they_show():
    assert "4 trials" in history_chart(TRIALS).alt
    assert "the best has 0.800" in history_chart(TRIALS).alt
    assert "none was measured to its end" in history_chart(TRIALS[3:4]).alt
    assert "gcn.hidden 100 %" in importance_chart(tuning().importances).alt
    hidden, features = slices(TRIALS, (SettingImportance(setting="gcn.hidden", share=0.9),))
    assert "the best at 48" in slice_chart(hidden).alt
    assert "the best at own+neighbour" in slice_chart(features).alt
