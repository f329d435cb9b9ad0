"""What GDAN owes to beta, the weight of its dimension attention, and to its depth: one setting varied at a time.

    make bench-sensitivity

Writes benchmarks/results/sensitivity.json, the table in docs/benchmarks.md and a curve a data set and setting in
docs/images. The network sees what the paper's sees, the published features and relations between firms; everything
else that is not varied stands as `benchmarks.smesd` has it. Nothing is chosen by what is found here. The curves are
those of Wei and others 2024, Graph Dimension Attention Networks for Enterprise Credit Assessment: beta is in its
equation 7 and its section "Parameter analysis", depth among the layer numbers that it tried.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from pydantic import TypeAdapter

from benchmarks import corpnet, smesd
from benchmarks.firms import published_folder
from benchmarks.published import markdown
from benchmarks.recording import ROOT, document, record
from models.candidates import fitted_candidate
from models.corporate_graph import CorporateGraph, FloatMatrix
from models.fitted import FittingData
from monitoring.setting_curve_chart import setting_curve_chart
from schemas.candidates import GdanSpec
from schemas.setting_curves import CurvePoint, SettingCurve
from schemas.terms import Sample
from tasks.portfolios import load_portfolio

IMAGES = ROOT / "docs" / "images"
SEEDS = [0, 1, 2, 3, 4]
SETTINGS = {**smesd.GDAN, "features": smesd.OWN}
#: of beta the five that the paper shows, and one beyond, for it says that a large one over-fits
VALUES: Mapping[str, tuple[float, ...]] = {"beta": (0, 0.01, 0.1, 0.5, 1, 2), "layers": (1, 2, 3, 4)}
JUDGED = (Sample.VALIDATION, Sample.PUBLISHED_TEST)


@dataclass(frozen=True)
class Ground:
    """A data set, and how GDAN is fitted and measured on it."""

    name: str
    graph: CorporateGraph
    fitting: Callable[[int], FittingData]
    measures: Callable[[Sample, FloatMatrix], Mapping[str, float]]

    def curves(self) -> list[SettingCurve]:
        """Vary one setting after the other; a point that both curves have is fitted once."""
        measured = cache(self._auc)
        spec = _spec()
        return [
            SettingCurve(
                candidate=spec.name,
                kind=spec.kind,
                setting=setting,
                own=getattr(spec, setting),
                points=tuple(CurvePoint(value=value, auc=measured(_spec(**{setting: value}))) for value in values),
            )
            for setting, values in VALUES.items()
        ]

    def _auc(self, spec: GdanSpec) -> dict[Sample, tuple[float, ...]]:
        fitted = [fitted_candidate(spec, self.fitting(seed)).probabilities(self.graph) for seed in SEEDS]
        found = {sample: tuple(self.measures(sample, one)["auc"] for one in fitted) for sample in JUDGED}
        print(f"{self.name}, beta {spec.beta:g}, {spec.layers} layers: {time.process_time():.0f} s", file=sys.stderr)
        return found


def main() -> None:
    """Vary, measure, write and draw."""
    curves = {ground.name: ground.curves() for ground in (_smesd(), _corpnet())}
    content = {name: [one.model_dump(mode="json") for one in found] for name, found in curves.items()}
    record("sensitivity", {"curves": content, "processor_s": round(time.process_time())}, seeds=SEEDS)
    document("sensitivity", tables(curves))
    draw(curves)


def draw(curves: Mapping[str, Sequence[SettingCurve]]) -> None:
    """Draw the curves of each data set into docs/images."""
    for name, found in curves.items():
        for one in found:
            (IMAGES / _picture(name, one)).write_text(setting_curve_chart(one, name).svg())


def tables(curves: Mapping[str, Sequence[SettingCurve]]) -> str:
    """Return the pictures side by side, and a table of every point; the best on validation is bold."""
    pictures = [
        [f"![AUC of GDAN by {one.setting} on {name}](images/{_picture(name, one)})" for one in found]
        for name, found in curves.items()
    ]
    lines = [
        [name, one.setting, f"{point.value:g}"]
        + [_shown(point, sample, bold=point is one.best(Sample.VALIDATION)) for sample in JUDGED]
        for name, found in curves.items()
        for one in found
        for point in one.points
    ]
    head = ["data", "setting", "value", "AUC, validation", "AUC, test"]
    return markdown(["by beta", "by depth"], pictures) + "\n\n" + markdown(head, lines)


def _spec(**varied: float) -> GdanSpec:
    spec: GdanSpec = TypeAdapter(GdanSpec).validate_python({"name": "gdan", **SETTINGS, **varied})
    return spec


def _smesd() -> Ground:
    data = smesd.sampled(load_portfolio("smesd"), published_folder("smesd")).without_persons()
    return Ground("smesd", data.graph, data.fitting, data.measures)


def _corpnet() -> Ground:
    firms = corpnet.prepared(load_portfolio("corpnet"), published_folder("corpnet"))
    development, validation = firms.of(Sample.DEVELOPMENT), firms.of(Sample.VALIDATION)
    return Ground(
        "corpnet",
        firms.graph,
        lambda seed: firms.fitting(development, validation, seed),
        lambda sample, found: firms.measures(firms.of(sample), found),
    )


def _picture(name: str, one: SettingCurve) -> str:
    return f"sensitivity-{name}-{one.setting}.svg"


def _shown(point: CurvePoint, sample: Sample, *, bold: bool) -> str:
    text = f"{point.mean(sample):.3f} ± {point.sd(sample):.3f}"
    return f"**{text}**" if bold else text


if __name__ == "__main__":
    main()
