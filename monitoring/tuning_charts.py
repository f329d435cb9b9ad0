"""Charts of a search: trial by trial, by importance, and one setting at a time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from monitoring.canvas import MARKERS, PALETTE, Chart, canvas, drawable
from monitoring.charts import GRID
from monitoring.filters import words
from schemas.base import Frozen
from schemas.tuning import SettingImportance, TrialRecord, TrialState

#: settings that are drawn; the others are in the table of trials
_BARS = 20


class Slice(Frozen):
    """One setting of one kind: the values that were tried and the AUC of each."""

    kind: str
    setting: str
    values: tuple[str | bool | int | float, ...]
    auc: tuple[float, ...]

    @property
    def continuous(self) -> bool:
        """Tell whether the values are numbers."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)


def slices(trials: Sequence[TrialRecord], importances: Sequence[SettingImportance], most: int = 9) -> list[Slice]:
    """Return the settings that were tried with several values: the most important first, else the most tried."""
    found: dict[tuple[str, str], list[TrialRecord]] = {}
    for trial in trials:
        if trial.state is TrialState.COMPLETE and trial.auc is not None:
            for setting in trial.settings:
                found.setdefault((trial.kind, setting), []).append(trial)
    shares = {one.setting: one.share for one in importances}
    drawn = [
        Slice(
            kind=kind,
            setting=setting,
            values=tuple(one.settings[setting] for one in members),
            auc=tuple(one.auc for one in members if one.auc is not None),
        )
        for (kind, setting), members in found.items()
        if len({one.settings[setting] for one in members}) > 1
    ]
    return sorted(drawn, key=lambda one: (-shares.get(f"{one.kind}.{one.setting}", 0.0), -len(one.auc), one.setting))[
        :most
    ]


def history_chart(trials: Sequence[TrialRecord]) -> Chart:
    """Draw the AUC of each trial and the best so far; trials without an AUC are left out."""
    shown = [trial for trial in trials if trial.auc is not None]
    complete = [trial for trial in shown if trial.state is TrialState.COMPLETE]
    groups = (
        ("own candidate", [trial for trial in complete if trial.own]),
        ("search", [trial for trial in complete if not trial.own]),
        ("given up early", [trial for trial in shown if trial.state is TrialState.PRUNED]),
    )
    with canvas(7.2, 3.4) as (figure, axes):
        for turn, (name, members) in enumerate(groups):
            look = {"color": PALETTE[turn], "marker": MARKERS[turn], "linestyle": "none", "markersize": 5}
            filled = {} if turn < 2 else {"markerfacecolor": "none"}
            axes.plot([one.number for one in members], [one.auc for one in members], label=name, **look, **filled)
        best = list(accumulate((one.auc or 0.0 for one in complete), max))
        axes.step([one.number for one in complete], best, where="post", color="black", linewidth=1, label="best so far")
        axes.set(xlabel="trial", ylabel="AUC on validation")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(axis="y", color=GRID)
        figure.legend(loc="outside upper center", ncols=4)
    highest = max((one.auc or 0.0 for one in complete), default=None)
    told = "none was measured to its end" if highest is None else f"the best has {highest:.3f}"
    return Chart(f"AUC on validation of {len(shown)} trials in the order of their numbers; {told}.", figure)


def importance_chart(importances: Sequence[SettingImportance]) -> Chart:
    """Draw the share of each setting, the largest first."""
    shown = sorted(importances, key=lambda one: (-one.share, one.setting))[:_BARS]
    with canvas(7.2, 0.8 + 0.25 * len(shown)) as (_, axes):
        axes.barh(range(len(shown)), [100 * one.share for one in shown], color=PALETTE[0], height=0.65)
        axes.set_yticks(range(len(shown)), [drawable(one.setting) for one in shown])
        axes.invert_yaxis()
        axes.set_xlabel("importance, % of all settings")
        figure = axes.figure
    first = ", ".join(f"{one.setting} {100 * one.share:.0f} %" for one in shown[:3])
    return Chart(f"Importance of {len(shown)} of {len(importances)} settings; the largest: {first}.", figure)


def slice_chart(one: Slice) -> Chart:
    """Draw the AUC at each value of one setting; values of wide range on a log scale."""
    with canvas(3.5, 2.5) as (_, axes):
        if one.continuous:
            places = [float(value) for value in one.values]
            if min(places) > 0 and max(places) >= 10 * min(places):
                axes.set_xscale("log")
                # The usual labels of a log axis are formulas, which the documents' style does not set.
                axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
                axes.xaxis.set_minor_formatter(lambda _value, _: "")
        else:
            names = sorted({str(value) for value in one.values})
            places = [float(names.index(str(value))) for value in one.values]
            axes.set_xticks(range(len(names)), [drawable(name, 22) for name in names], fontsize=7, rotation=20)
        axes.plot(places, one.auc, marker="o", linestyle="none", markersize=4, color=PALETTE[0])
        axes.set(xlabel=drawable(words(one.setting)), ylabel="AUC")
        axes.grid(axis="y", color=GRID)
        figure = axes.figure
    best = one.values[int(np.argmax(one.auc))]
    alt = f"AUC on validation against {words(one.setting)} of {one.kind}, {len(one.auc)} trials; the best at {best}."
    return Chart(alt, figure)
