"""The documents say what the dossier holds, the same way every time, and obey nothing it holds."""

import datetime as dt
import re
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from markupsafe import Markup

from models.discrimination import METRICS
from monitoring.annex_iv import ANNEX_IV
from monitoring.charts import CalibrationBin, RocCurve, SampleCurves
from monitoring.documents import (
    Dossier,
    artifact_markdown,
    drift_verdict,
    model_card_html,
    model_card_markdown,
    monitoring_report_html,
    monitoring_report_markdown,
    open_findings,
)
from monitoring.embeddings_page import embeddings_page_html, embeddings_page_markdown
from monitoring.fair_lending import fair_lending_html, fair_lending_markdown
from monitoring.filters import amount, breakable, inert, interval, markdown, shortened
from monitoring.graph_page import graph_page_html, graph_page_markdown
from monitoring.irb import RatedFirms, RatedRows, auc_comparison, concentration, migration, sample_tests
from monitoring.logic import LOGIC
from monitoring.rules import RULES
from monitoring.score_movers_page import score_movers_html, score_movers_markdown
from schemas.candidates import CandidateSpec
from schemas.diffs import (
    CommunitiesDiff,
    Community,
    CommunityFlow,
    CommunityKept,
    CommunityPart,
    DiffSide,
    FirmsDiff,
    GraphDiff,
    NeighbourhoodChange,
    NeighbourhoodsDiff,
    PartComparison,
    QuarterDiff,
    RelationDiff,
    WeightMove,
)
from schemas.hidden_layers import ClusterAgreement, HiddenLayer, HiddenLayers
from schemas.irb import IrbValidation
from schemas.monitoring import Alarm, QuarterMonitoring, Reading, Trend
from schemas.portfolio import PortfolioSpec
from schemas.portrait import (
    CommunitiesPortrait,
    CommunityLink,
    CommunityPortrait,
    GraphPortrait,
    RelationAge,
    Tail,
)
from schemas.questions import ASKED, Topic
from schemas.rating import MasterScaleSpec
from schemas.references import RefreshKey
from schemas.results import (
    AdmissionResult,
    CandidateResult,
    ColumnDrift,
    CutOffRow,
    Drift,
    Evaluation,
    ExpectationResult,
    GateResult,
    GraphGain,
    GraphHelp,
    GraphStatistics,
    GroupFairness,
    Histogram,
    Homophily,
    Interval,
    Judged,
    PartnerStatistics,
    QuarantinedRow,
    RankAgreement,
    RecoveredShare,
    RelationChurn,
    RelationStatistics,
    SampleResult,
    SampleSummary,
    SplitResult,
    StructuralFingerprint,
    TableAdmission,
    TextDrift,
    Verdict,
    WordDrift,
)
from schemas.score_drift import FirmShift, ScoreDrift, ScoreMigration, ShiftPart
from schemas.setting_curves import CurvePoint, SettingCurve
from schemas.stability import ALL_FIRMS, Change, EdgeFlips, EdgeStability
from schemas.terms import Family, Judgement, Quarter, Sample, Scheme
from tests.monitoring.fair_lending_facts import measured_groups

EVIL = "<script>alert(1)</script> \"'`|*[x](http://evil)\u202eevil\u2066\nnext & $x^{$"
HTML = (
    model_card_html,
    monitoring_report_html,
    graph_page_html,
    embeddings_page_html,
    score_movers_html,
    fair_lending_html,
)
#: documents of the same refresh that a document may link to
BESIDE = tuple(
    f"{name}.{form}" for name in ("graph", "embeddings", "score_movers", "fair_lending") for form in ("html", "md")
)
MARKDOWN = (
    model_card_markdown,
    monitoring_report_markdown,
    graph_page_markdown,
    embeddings_page_markdown,
    score_movers_markdown,
    artifact_markdown,
    fair_lending_markdown,
)
#: pages that have one table and nothing where there is nothing to say
ONE_SUBJECT = (embeddings_page_markdown, score_movers_markdown)
SAMPLES = {Sample.DEVELOPMENT: 0.05, Sample.VALIDATION: 0.01, Sample.OUT_OF_COMMUNITY: 0.0, Sample.OUT_OF_TIME: -0.02}
CANDIDATES = (
    ("logistic_own", "logistic", "own", Family.TABULAR, 0.681),
    ("lightgbm_own", "lightgbm", "own", Family.TABULAR, 0.702),
    ("lightgbm_neighbour", "lightgbm", "neighbour", Family.NEIGHBOUR, 0.741),
    ("autogluon_neighbour", "autogluon", "neighbour", Family.NEIGHBOUR, 0.746),
    ("graphsage", "graphsage", None, Family.GNN, 0.752),
)
NOTHING_TO_COMPARE = "There is no earlier quarter: this is the first refresh of the portfolio."


def _portfolio(text: str, **changes: object) -> PortfolioSpec:
    fields: dict[str, object] = {
        "name": "simulated",
        "title": "Simulated corporate loans",
        "purpose": f"Rank firms of the corporate book by their risk of default within a year. {text}".strip(),
        "source": {"kind": "simulated"},
        "firms": {
            "file": "firms.parquet",
            "firm_id": "firm_id",
            "published_on": "known_on",
            "columns": [
                {"name": "size_eur_m", "unit": "EUR million", "minimum": 0},
                {
                    "name": "industry",
                    "kind": "category",
                    "values": ["mining", "retail", text or "energy"],
                    "reference": "retail",
                },
                {
                    "name": "region",
                    "kind": "category",
                    "role": "protected",
                    "values": ["urban", text or "rural", f"islands {text}".strip()],
                    "reference": "urban",
                },
            ],
        },
        "relations": [
            {"name": "supply", "file": "supply.parquet", "source": "a", "target": "b", "published_on": "known_on"}
        ],
        "outcomes": {"file": "outcomes.parquet", "firm_id": "firm_id", "value": "defaulted", "vintage": "quarter"},
        "target": {
            "kind": "binary",
            "classes": ["performing", "defaulted"],
            "favourable": ["performing"],
            "horizon_quarters": 4,
            "label": "default within 12 months",
        },
        "candidates": [
            {"name": name, "kind": kind} | ({"features": features} if features else {})
            for name, kind, features, _, _ in CANDIDATES
        ],
        "limitations": ["Trained on quarters without a recession.", *([text] if text else [])],
        "questions": [
            {"question": "Are sole traders or guarantors scored?", "owner": "Compliance"},
            {"about": "oversight", "owner": "Head of credit", "answer": f"Two credit officers. {text}".strip()},
            {"about": "materiality", "question": f"What is the materiality? {text}".strip(), "owner": "Board"},
            {"about": "escalation", "answer": "The model owner, within five days."},
        ],
    }
    return PortfolioSpec.model_validate(fields | changes)


def _gain(sample: Sample, difference: Interval, simple: str = "lightgbm_own") -> GraphGain:
    return GraphGain(sample=sample, graph_candidate="graphsage", simple_candidate=simple, difference=difference)


def _hidden_layers(classes: tuple[str, ...], evil: str) -> HiddenLayers:
    firms = 30
    circle = tuple((float(row % 6), float(row // 6)) for row in range(firms))
    return HiddenLayers(
        samples=(Sample.OUT_OF_COMMUNITY, Sample.OUT_OF_TIME),
        available=4711,
        firms=tuple(f"f{row}{evil}" for row in range(firms)),
        quarters=("2023Q4",) * firms,
        classes=tuple(classes[row % 3 == 0] for row in range(firms)),
        communities=tuple(f"c{min(row // 4, 7)}{evil}" for row in range(firms)),
        seeds=10,
        networks=tuple(
            HiddenLayer(
                candidate=name,
                kind="gat",
                width=32,
                ari=ClusterAgreement(mean=0.0957, sd=0.0012),
                nmi=ClusterAgreement(mean=0.1624, sd=0.0034),
                places=circle,
            )
            for name in ("gat", "graphsage")
        ),
    )


def _setting_curve(setting: str, own: float, values: tuple[float, ...]) -> SettingCurve:
    points = tuple(
        CurvePoint(value=value, auc={Sample.VALIDATION: (0.7103 + place / 100, 0.7303 + place / 100)})
        for place, value in enumerate(values)
    )
    return SettingCurve(candidate="gdan", kind="gdan", setting=setting, own=own, points=points)


def _recovered(sample: Sample, share: Interval) -> RecoveredShare:
    return RecoveredShare(
        sample=sample, aggregates="lightgbm_neighbour", network="graphsage", own="lightgbm_own", share=share
    )


def _candidate(row: int, samples: dict[Sample, float]) -> CandidateResult:
    name, kind, _, family, auc = CANDIDATES[row]
    results = {}
    for sample, shift in samples.items():
        values = {metric: auc + shift - 0.013 * place for place, metric in enumerate(METRICS)}
        metrics = {metric: Interval(value=v, low=v - 0.021, high=v + 0.024) for metric, v in values.items()}
        results[sample] = SampleResult(sample=sample, firm_quarters=8123, communities=61, metrics=metrics)
    return CandidateResult(
        name=name,
        kind=kind,
        family=family,
        content_hash=f"{row}f3a" * 16,
        fit_seconds=1.5 + 20 * row,
        inputs=24 + 30 * row,
        threshold=0.5,
        notes={"epochs": 140, "stopped_early": "yes"} if family is Family.GNN else {},
        samples=results,
    )


def _monitoring(text: str) -> QuarterMonitoring:
    quarters = tuple(Quarter(2022, 1).shifted(number) for number in range(9))
    subject, statistic = text or "supply", text or "edges kept"
    graph = Reading(
        kind="graph",
        subject=subject,
        statistic=statistic,
        value=0.61,
        limit=0.66,
        expected=0.71,
        score=-6.2,
        alarmed=True,
    )
    few = Reading(kind="graph", subject="all relations", statistic="modularity", value=0.4, reason=text or "too few")
    sentence = f"{subject}: {statistic} is 0.61, below the limit of 0.66; the quarters before made 0.71 expected."
    return QuarterMonitoring(
        portfolio="simulated",
        quarter=quarters[-1],
        expected_quarter=quarters[-2],
        baseline=quarters[:-1],
        readings=(graph, few),
        alarms=(Alarm(kind="graph", subject=subject, statistic=statistic, value=0.61, limit=0.66, sentence=sentence),),
        trends=(
            Trend(
                kind="graph",
                subject=subject,
                statistic=statistic,
                quarters=quarters,
                values=(None, 0.72, 0.7, 0.71, 0.73, 0.7, 0.71, 0.7, 0.61),
                limit=0.66,
                alarmed=True,
            ),
        ),
    )


def _edge_stability(text: str) -> tuple[EdgeStability, ...]:
    """Return that of a candidate whose own edges count, and of a network beside it."""
    flips = tuple(
        EdgeFlips(
            change=change,
            edges=edges,
            segment=segment,
            firms=40,
            flipped=Interval(value=0.03 * edges, low=0.01, high=0.2),
            score_change=Interval(value=0.0123, low=0.01, high=0.02),
        )
        for segment in (ALL_FIRMS, text or "mining")
        for change in Change
        for edges in ((1,) if change is Change.ANY_REMOVAL else (1, 2, 5))
    )
    fields = {"reads_graph": True, "firms": 40, "of": 2400, "segmented_by": "industry"}
    shown = tuple(one for one in flips if one.change is not Change.ANY_REMOVAL)
    return (
        EdgeStability(candidate="lightgbm_neighbour", chosen=True, flips=flips, **fields),
        EdgeStability(candidate="graphsage", chosen=False, flips=shown, together=40, bystanders=0.00017, **fields),
    )


def _judged(text: str) -> Judged:
    shares = Histogram(
        edges=tuple(f"{low / 10:.1f}" for low in range(11)), expected=(0.1,) * 10, actual=(0.02,) * 5 + (0.18,) * 5
    )
    columns = tuple(
        ColumnDrift(
            column=name,
            method="Wasserstein",
            value=v,
            limit=0.1,
            drifted=v > 0.1,
            histogram=shares if v > 0.03 else None,
        )
        for name, v in ((text or "leverage", 0.184), ("size_eur_m", 0.121), ("industry", 0.04), ("age_years", 0.007))
    )
    graph = (ColumnDrift(column="mean degree", method="relative change", value=0.03, limit=0.1, drifted=False),)
    churn = (RelationChurn(relation="supply", kept=9120, born=612, died=430, jaccard=0.897),)
    earlier = Quarter(2023, 4)
    return Judged(
        monitoring=_monitoring(text),
        edge_stability=_edge_stability(text),
        fairness=(
            GroupFairness(
                attribute="region",
                group="urban",
                reference="urban",
                firms=1810,
                favourable_rate=0.912,
                impact_ratio=1.0,
            ),
            GroupFairness(
                attribute="region",
                group=text or "rural",
                reference="urban",
                firms=590,
                favourable_rate=0.853,
                impact_ratio=0.935,
            ),
            GroupFairness(
                attribute="region",
                group="islands",
                reference="urban",
                firms=12,
                favourable_rate=None,
                impact_ratio=None,
                reason="fewer than 30 firms",
            ),
        ),
        feature_drift=Drift(
            expected_quarter=earlier, columns=columns, texts=(_text_drift(text),), firms_in=41, firms_out=28
        ),
        graph_drift=Drift(expected_quarter=earlier, columns=graph, churn=churn, firms_in=41, firms_out=28),
        gates=(
            GateResult(gate="minimum_auc", value=0.741, limit=0.6, comparison="at least", verdict=Judgement.PASS),
            GateResult(
                gate="maximum_leakage_gap", value=0.061, limit=0.2, comparison="at most", verdict=Judgement.PASS
            ),
            GateResult(gate="impact_ratio", value=0.935, limit=0.8, comparison="at least", verdict=Judgement.PASS),
            GateResult(
                gate="feature drift: share of drifted columns",
                value=0.5,
                limit=0.1,
                comparison="at most",
                verdict=Judgement.FAIL,
                reason="2 of 4 features drifted.",
            ),
            GateResult(
                gate="graph drift: largest shift", value=0.0, limit=0.1, comparison="at most", verdict=Judgement.PASS
            ),
        ),
        verdict=Verdict(
            outcome="failed",
            chosen="lightgbm_neighbour",
            summary="4 of 5 gates passed; features drifted.",
            graph_helped="yes",
        ),
        score_drift=_score_drift(earlier),
    )


def _text_drift(text: str) -> TextDrift:
    words = (WordDrift(word=text or "lockdown", before=0.0, after=0.212),)
    return TextDrift(name="reports", before=2300, after=2313, distance=0.121, chance=0.002, rising=words)


def _score_drift(earlier: Quarter) -> ScoreDrift:
    shifts = ((0.021, 0.484, "5", "10", 0.38, 0.06, 0.023), (0.311, 0.064, "9", "7", -0.27, 0.01, 0.013))
    parts = (("own features", 0.004, 0.011, 0.55), ("neighbourhood", -0.001, 0.004, 0.2), ("model", 0.002, 0.005, 0.25))
    return ScoreDrift(
        expected_quarter=earlier,
        candidate_before="logistic_own",
        candidate="lightgbm_neighbour",
        firms=2269,
        new=41,
        gone=28,
        mean_before=0.052,
        mean_after=0.057,
        stability_index=0.013,
        migrations=(
            ScoreMigration(
                by="class", names=("0", "1"), counts=((2101, 33), (12, 123)), new=(40, 1), gone=(20, 8),
                stayed=0.98, worse=0.015, better=0.005,
            ),
        ),
        parts=tuple(ShiftPart(part=p, mean=m, mean_absolute=a, share=s) for p, m, a, s in parts),
        largest=tuple(
            FirmShift(before=b, after=a, grade_before=g, grade_after=h, own=o, neighbourhood=n, inputs=o + n, model=m)
            for b, a, g, h, o, n, m in shifts
        ),
    )  # fmt: skip


def _structure() -> StructuralFingerprint:
    quantiles = {"minimum": 0, "lower quartile": 1, "median": 2, "upper quartile": 4, "p99": 17, "maximum": 212}
    return StructuralFingerprint(
        quantiles={"supply: partners out": quantiles, "clustering": quantiles},
        community_sizes=quantiles,
        homophily=(
            Homophily(relation="supply", attribute="region", edges=9732, value=0.412),
            Homophily(relation="supply", attribute="known outcome", edges=120, value=None),
        ),
        spectral_head=(1.0, 0.973, 0.951),
    )


def _communities(text: str) -> CommunitiesPortrait:
    samples = ("development", "validation", "out_of_community", "several", "", "published_test")
    return CommunitiesPortrait(
        vintages=(Quarter(2023, 3), Quarter(2023, 4)),
        communities=61,
        alone=7,
        firms=2400,
        edges=10_162,
        outcomes=4700,
        unfavourable=190,
        largest=tuple(
            CommunityPortrait(
                name=f"{text}{number}",
                firms=300 - 30 * number,
                inner_edges=900,
                outer_edges=120,
                outcomes=580 if number else 0,
                unfavourable=3 * number,
                sample=sample,
                composition={text or "mining": 12 * number, "retail": 40},
                place=(40.0 * number, 10.0 * number),
            )
            for number, sample in enumerate(samples)
        ),
        links=(CommunityLink(first=f"{text}0", second=f"{text}1", edges=44),),
        linked_pairs=15,
        category="industry",
        values=(text or "mining", "retail"),
        sizes=Tail(name="firms a community", values=(1, 150, 300), shares=(1.0, 0.5, 0.02)),
    )


def _quarter_diff(text: str) -> QuarterDiff:
    firm = text or "F00017"
    community = Community(name=firm, firms=41)
    flow = CommunityFlow(name=firm, firms=80, persisting=70, parts=(CommunityPart(name=firm, firms=41, shared=33),) * 2)
    return QuarterDiff(
        portfolio="simulated",
        title=f"Simulated {text}",
        before=DiffSide(quarter=Quarter(2024, 3), refresh="aa" * 32, fingerprint="bb" * 32),
        after=DiffSide(quarter=Quarter(2024, 4), refresh="4d" * 32, fingerprint="5e" * 32),
        diff=GraphDiff(
            equal=False,
            parts=(
                PartComparison(part="firms", equal=True, before="6f" * 32, after="6f" * 32),
                PartComparison(part="features", equal=False, before="0a" * 32, after="7a" * 32),
                PartComparison(part="relation supply", equal=False, before=None, after="8b" * 32),
            ),
            firms=FirmsDiff(before=2390, after=2400, kept=2359, came=(firm,) * 41, left=(firm,) * 31),
            relations=(
                RelationDiff(
                    relation="supply",
                    directed=True,
                    edges_before=9550,
                    edges_after=9732,
                    kept=9120,
                    born=612,
                    died=430,
                    jaccard=0.897,
                    reweighted=77,
                    kept_weight_before=400.0,
                    kept_weight_after=410.5,
                    moves=(WeightMove(source=firm, target="F2", before=0.25, after=0.75),),
                ),
            ),
            communities=CommunitiesDiff(
                before=60,
                after=61,
                kept=(CommunityKept(before=community, after=community, shared=39),),
                split=(flow,),
                merged=(flow,),
                born=(community,),
                died=(community,),
            ),
            neighbourhoods=NeighbourhoodsDiff(
                firms=2359,
                changed=700,
                mean_change=0.12,
                most_changed=(
                    NeighbourhoodChange(
                        firm=firm,
                        change=1.0,
                        partners_before=4,
                        partners_after=3,
                        came=3,
                        left=4,
                        weight_change=2.5,
                    ),
                ),
            ),
        ),
    )


def _portrait(text: str, graph: GraphStatistics) -> GraphPortrait:
    return GraphPortrait(
        degrees=(
            Tail(name="all relations: partners", values=(1, 10, 212), shares=(0.96, 0.2, 0.0005)),
            Tail(name="supply: partners out", values=(1, 7), shares=(0.9, 0.1)),
            Tail(name="supply: partners in", values=(1, 200), shares=(0.8, 0.01)),
        ),
        ages=(
            RelationAge(
                relation="supply",
                dated=True,
                rows=9732,
                published_now=0,
                oldest=dt.date(2014, 3, 31),
                newest=dt.date(2024, 9, 30),
                median_days=812,
                p90_days=2930,
            ),
        ),
        communities=_communities(text),
        diff=_quarter_diff(text),
        before=graph.model_copy(update={"quarter": Quarter(2024, 3), "components": 29}),
    )


def _irb() -> IrbValidation:
    """Forty communities of ten firms; half of the firms move one grade up, ten jump over one."""
    scale = MasterScaleSpec()
    estimate = np.tile([0.0005, 0.002, 0.004, 0.015, 0.03, 0.03, 0.06, 0.1, 0.2, 0.5], 40)
    communities = np.repeat([f"F{number:05d}" for number in range(40)], 10)
    outcome = np.arange(400) % 10 * 7 % 40 < 4 + np.arange(400) // 40
    rows = RatedRows(outcome, estimate, communities)
    firms = np.array([f"firm {number}" for number in range(400)])
    before = RatedFirms(Quarter(2023, 4), firms, estimate, communities)
    after = RatedFirms(Quarter(2024, 4), firms, np.clip(estimate * 2.1, 0, 1), communities)
    tests = (Sample.OUT_OF_COMMUNITY, Sample.OUT_OF_TIME)
    return IrbValidation(
        candidate="graphsage",
        scale=scale,
        samples=tuple(sample_tests(sample, rows, scale, seed=0) for sample in tests),
        auc=auc_comparison((Sample.VALIDATION, rows), (Sample.OUT_OF_TIME, rows), draws=50, seed=0),
        concentration=concentration(estimate, after, scale, seed=0),
        migration=migration(before, after, scale, seed=0),
        reasons={},
    )


def rich(text: str = "") -> Dossier:
    """A binary portfolio with everything; `text` goes wherever a delivery or a portfolio file may put text."""
    quarter = Quarter(2024, 4)
    steps = tuple(step / 50 for step in range(51))
    curves = {
        sample: SampleCurves(
            roc=tuple(
                RocCurve(
                    candidate=name,
                    false_positive_rate=steps,
                    true_positive_rate=tuple(x ** (1 / auc - 1) for x in steps),
                )
                for name, _, _, _, auc in CANDIDATES
            ),
            calibration=tuple(
                CalibrationBin(firm_quarters=812, predicted=0.004 * b * b, observed=0.0038 * b * b + 0.004)
                for b in range(1, 11)
            ),
        )
        for sample in (Sample.OUT_OF_TIME, Sample.OUT_OF_COMMUNITY)
    }
    graph = GraphStatistics(
        quarter=quarter,
        firms=2400,
        edges=10_162,
        features=24,
        fingerprint="5e" * 32,
        digests={"firms": "6f" * 32, "features": "7a" * 32, "relation supply": "8b" * 32},
        relations=(
            RelationStatistics(
                relation="supply",
                edges=9732,
                mean_degree=8.11,
                largest_degree=212,
                isolated_firms=87,
                weight_total=48_213.7,
            ),
        ),
        components=31,
        largest_component=2301,
        clustering=0.134,
        largest_core=9,
        degree_quantiles={
            "minimum": 0,
            "lower quartile": 3,
            "median": 6,
            "upper quartile": 11,
            "p99": 27,
            "maximum": 212,
        },
        communities=61,
        modularity=0.62,
        sensitivity=tuple(
            CutOffRow(relation="similar_filings", cut_off=cut, edges=900, components=3, mean_degree=4.5)
            for cut in (0.5, 0.7)
        ),
        structure=_structure(),
    )
    fair, fairness_trends = measured_groups(text)
    return Dossier(
        portfolio=_portfolio(text),
        key=RefreshKey(
            portfolio="simulated",
            quarter=quarter,
            input_fingerprint="1a" * 32,
            code_digest="2b" * 32,
            spec_hash="3c" * 32,
            key="4d" * 32,
        ),
        admission=AdmissionResult(
            tables=(
                TableAdmission(
                    table="firms",
                    received=2412,
                    admitted=2400,
                    broken={"firm_id is unique": 9, text or "size is not negative": 4},
                    tolerance=0.01,
                ),
                TableAdmission(table="supply", received=1_009_870, admitted=1_009_870, broken={}, tolerance=0.0),
            ),
            expectations=(
                ExpectationResult(
                    table="firms", column="size_eur_m", expectation="at least 95 % filled", met=True, observed="0.998"
                ),
                ExpectationResult(
                    table="firms",
                    column="age_years",
                    expectation="mean between 5 and 40",
                    met=False,
                    observed=text or "41.2",
                ),
            ),
        ),
        quarantine_examples=(
            QuarantinedRow(table="firms", row=17, column="size_eur_m", rule="size is not negative", value=text or "-4"),
            QuarantinedRow(table="firms", row=1801, column="firm_id", rule="firm_id is unique", value="x" * 5000),
        ),
        graph=graph,
        portrait=_portrait(text, graph),
        split=SplitResult(
            samples=tuple(
                SampleSummary(
                    scheme=Scheme.COMMUNITY,
                    sample=sample,
                    firm_quarters=8123,
                    firms=2100,
                    communities=61,
                    vintages=(Quarter(2023, 3), Quarter(2023, 4)),
                    outcomes={"performing": 7800, text or "defaulted": 323},
                )
                for sample in SAMPLES
            ),
            missing={"published_test": "The portfolio has no published split."},
        ),
        evaluation=Evaluation(
            candidates=tuple(_candidate(row, SAMPLES) for row in (4, 2, 3, 0, 1)),
            chosen="lightgbm_neighbour",
            best_on_validation="graphsage",
            choice_reason="It is the simplest candidate not significantly worse than graphsage on validation.",
            graph=GraphHelp(
                helped="yes",
                reason="graphsage is better than lightgbm_own.",
                gains=(
                    _gain(Sample.OUT_OF_COMMUNITY, Interval(value=0.05, low=0.021, high=0.083)),
                    _gain(Sample.OUT_OF_TIME, Interval(value=0.012, low=-0.01, high=0.034)),
                ),
                control=(
                    _gain(Sample.OUT_OF_TIME, Interval(value=0.2, low=0.1, high=0.3), "graphsage without the graph"),
                ),
                recovered=(
                    _recovered(Sample.OUT_OF_COMMUNITY, Interval(value=0.8, low=0.5, high=1.1)),
                    _recovered(Sample.OUT_OF_TIME, Interval(value=None)),
                ),
                agreement=tuple(
                    RankAgreement(
                        sample=Sample.OUT_OF_TIME, first="gat", second=other, correlation=Interval(value=value)
                    )
                    for other, value in (("gcn", 0.91), ("graphsage", 0.62))
                ),
                agree="no",
            ),
            leakage_gap=Interval(value=0.061, low=0.02, high=0.1),
            leakage_reason="Logistic regression on own features.",
        ),
        judged=_judged(text),
        curves=curves,
        environment={"python": "3.11.9", "threads": "2", "torch": "2.13.0", "lightgbm": "4.7.0"},
        audit_head="9c" * 32,
        registration="Registered as @challenger and @champion by bootstrap; nobody has approved it yet.",
        trigger="manual",
        written_at=dt.datetime(2025, 1, 4, 6, 30, tzinfo=dt.UTC),
        irb=_irb(),
        movers=(text or "f0412", "f1077"),
        publication_dates_known=True,
        hidden_layers=_hidden_layers(_portfolio(text).target.classes, text),
        fair_lending=fair,
        fairness_trends=fairness_trends,
        setting_curves=(_setting_curve("beta", 0.1, (0, 0.1, 1)), _setting_curve("layers", 2, (1, 2))),
    )


def poor() -> Dossier:
    """An ordinal portfolio's first quarter: one vintage, no protected attribute, hardly anything assessable."""
    full = rich()
    target = {
        "kind": "ordinal",
        "classes": ["A", "B", "C"],
        "favourable": ["A"],
        "horizon_quarters": 1,
        "label": "rating next quarter",
    }
    firms = {"file": "firms.csv", "firm_id": "id", "published_on": "known_on", "columns": [{"name": "size_eur_m"}]}
    portfolio = _portfolio("", target=target, firms=firms, relations=[], questions=[], limitations=[])
    undefined = dict.fromkeys(METRICS, Interval(value=None))
    only = SampleResult(sample=Sample.VALIDATION, firm_quarters=31, communities=1, metrics=undefined)
    candidate = _candidate(0, {}).model_copy(update={"samples": {Sample.VALIDATION: only}})
    gates = tuple(
        GateResult(
            gate=name,
            value=None,
            limit=0.1,
            comparison="at most",
            verdict=Judgement.NOT_ASSESSABLE,
            reason=NOTHING_TO_COMPARE,
        )
        for name in ("maximum_auc_drop", "feature drift: share of drifted columns", "graph drift: largest shift")
    )
    nothing = Drift(expected_quarter=None, reason=NOTHING_TO_COMPARE)
    changes: dict[str, object] = {
        "portfolio": portfolio,
        "admission": AdmissionResult(tables=full.admission.tables[1:], expectations=()),
        "quarantine_examples": (),
        "graph": full.graph.model_copy(
            update={"relations": (), "degree_quantiles": {}, "edges": 0, "sensitivity": (), "structure": None}
        ),
        "portrait": GraphPortrait(
            degrees=(Tail(name="all relations: partners", values=(), shares=()),), ages=(), communities=None
        ),
        "split": SplitResult(samples=(), missing={"out_of_time": "There is one closed vintage."}),
        "evaluation": Evaluation(
            candidates=(candidate,),
            chosen="logistic_own",
            best_on_validation="logistic_own",
            choice_reason="It is the only candidate.",
            graph=GraphHelp(helped="not assessable", reason="No candidate but ensembles has the graph."),
            leakage_gap=Interval(value=None),
            leakage_reason="There is one community.",
        ),
        "judged": Judged(
            fairness=(),
            feature_drift=nothing,
            graph_drift=nothing,
            gates=gates,
            verdict=Verdict(
                outcome="passed",
                chosen="logistic_own",
                summary="No gate failed; 3 could not be assessed.",
                graph_helped="not assessable",
            ),
        ),
        "curves": {
            Sample.VALIDATION: SampleCurves(
                roc=(RocCurve(candidate="logistic_own", false_positive_rate=(), true_positive_rate=()),)
            )
        },
        "environment": {},
        "hidden_layers": None,
        "setting_curves": (),
        "irb": None,
        "movers": (),
        "fair_lending": None,
        "fairness_trends": (),
        "publication_dates_known": False,
    }
    return full.model_copy(update=changes)


DOSSIERS = {"rich": rich(), "poor": poor(), "hostile": rich(EVIL)}
VOID = {"meta", "img", "wbr"}
STRUCTURE = "html head title style body header main footer nav section h1 h2 h3 p ul ol li dl dt dd div span a code"
TABLES = "table caption thead tbody tr th td figure figcaption"
ALLOWED = {*VOID, *STRUCTURE.split(), *TABLES.split()}


@cache
def written(write: Callable[[Dossier], str], name: str) -> str:
    return write(DOSSIERS[name])


class Page(HTMLParser):
    """What a browser would see: tags with attributes, headings, text; refuses what must not be there."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text, self.open = "", list[str]()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, f"<{tag}> is not a tag of the templates"
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def every(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


each_dossier = pytest.mark.parametrize("name", DOSSIERS)
each_page = pytest.mark.parametrize("write", HTML)
each_markdown = pytest.mark.parametrize("write", MARKDOWN)


@each_dossier
@each_page
def test_a_page_loads_nothing_and_runs_nothing(write, name):
    html = written(write, name)
    page = Page(html)
    assert "<script" not in html.lower()
    assert not page.open
    policy = next(meta for meta in page.every("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcset", "action")], tag
        assert attributes.get("src", "data:image/").startswith("data:image/")
        assert attributes.get("href", "#").startswith("#") or attributes["href"] in BESIDE
    assert "url(" not in html
    assert "@import" not in html


@each_dossier
@each_page
def test_a_page_can_be_read_by_a_screen_reader(write, name):
    page = Page(written(write, name))
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert page.every("html") == [{"lang": "en"}]
    assert all(len(image["alt"]) > 20 for image in page.every("img"))
    assert all("scope" in head for head in page.every("th"))
    assert len(page.every("caption")) == len(page.every("table"))
    anchors = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(anchors)) == len(anchors)
    assert {link["href"].removeprefix("#") for link in page.every("a")} <= {*anchors, *BESIDE}


@each_dossier
@pytest.mark.parametrize("write", HTML + MARKDOWN)
def test_the_same_dossier_gives_the_same_bytes(write, name):
    assert write(DOSSIERS[name]) == written(write, name)


@each_dossier
@each_markdown
def test_markdown_tables_have_the_same_number_of_cells_in_every_row(write, name):
    rows_of_table: list[int] = []
    tables = 0
    for line in written(write, name).splitlines():
        if line.startswith("|"):
            rows_of_table.append(len(re.findall(r"(?<!\\)\|", line)))
            tables += len(rows_of_table) == 1
            assert line.endswith("|")
            assert len(set(rows_of_table)) == 1, line
        else:
            assert len(rows_of_table) != 1, "a table's head and its rule were torn apart"
            rows_of_table = []
    least = 1 if name == "poor" else 2
    assert tables >= (least - 1 if write in ONE_SUBJECT else least)


@each_markdown
def test_markdown_obeys_no_delivered_text(write):
    text = written(write, "hostile")
    assert "<" not in text
    assert "\u202e" not in text
    assert "\u2066" not in text
    links = re.findall(r"(?<!\\)\]\(([^)]{0,20})", text)
    assert all(link.startswith(("#", "data:image/png")) or link in BESIDE for link in links)


@pytest.mark.parametrize("write", HTML[:3] + MARKDOWN[:3])
def test_hostile_text_is_shown_for_what_it_is(write):
    text = written(write, "hostile")
    assert "⟨U+202E⟩" in text
    assert "&lt;script&gt;" in text
    assert "\u202e" not in text
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", text)


@pytest.mark.parametrize("write", [model_card_html, model_card_markdown])
def test_the_card_says_what_was_decided_and_on_what_grounds(write):
    dossier = DOSSIERS["rich"]
    text = written(write, "rich")
    text = Page(text).text if write is model_card_html else text
    for candidate in dossier.evaluation.candidates:
        assert candidate.name in text
        assert candidate.content_hash in text
    for gate in ("minimum AUC", "maximum leakage gap", "feature drift", "graph drift"):
        assert gate in text
    assert dossier.judged.verdict.summary in text
    assert "4 passed, 1 failed, 0 not assessable" in text
    assert "0.741 [0.720, 0.765]" in text
    assert "+0.050 [+0.021, +0.083]" in text
    assert "+0.012 [−0.010, +0.034]" in text
    assert "1,009,870" in text
    assert "nobody has approved it yet" in text
    for digest in (dossier.audit_head, dossier.graph.fingerprint, dossier.key.code_digest, dossier.key.spec_hash):
        assert digest in text
    assert all(rule.source in text and str(rule.as_of) in text for rule in RULES)


@pytest.mark.parametrize("write", [model_card_html, model_card_markdown])
def test_the_card_shows_what_calibration_did_on_validation(write):
    dossier = DOSSIERS["rich"]
    assert "Calibrated on validation" not in write(dossier)
    first, *others = dossier.evaluation.candidates
    notes = {
        "calibration": "beta",
        "log loss before calibration": 0.512,
        "log loss calibrated": 0.487,
        "calibration error before": 0.081,
        "calibration error calibrated": 0.023,
    }
    candidates = (first.model_copy(update={"notes": notes}), *others)
    evaluation = dossier.evaluation.model_copy(update={"candidates": candidates})
    text = " ".join(write(dossier.model_copy(update={"evaluation": evaluation})).split())
    part = text[text.index("Calibrated on validation") :]
    for shown in (first.name, "beta", "0.512", "0.487", "0.081", "0.023", "fitted on other communities"):
        assert shown in part


@pytest.mark.parametrize("write", [model_card_html, model_card_markdown])
def test_the_card_says_whether_the_graph_helped_and_how_that_was_found(write):
    text = written(write, "rich")
    text = Page(text).text if write is model_card_html else text.replace("\\", "")
    assert "graphsage is better than lightgbm_own." in text
    assert (
        "Recommended: lightgbm_neighbour, with the graph, the simplest candidate that is not worse on validation."
    ) in text
    assert "graphsage without the graph" in text
    assert "+0.200 [+0.100, +0.300]" in text
    assert "0.800 [0.500, 1.100]" in text
    assert "the network gains nothing beyond chance" in text
    assert "they agree: no" in text
    assert "gat and graphsage" in text
    assert "gat and gcn" not in text, "the least alike are enough"


@pytest.mark.parametrize("write", [embeddings_page_html, embeddings_page_markdown])
def test_the_embeddings_page_has_each_networks_clusters_and_two_pictures(write):
    text = written(write, "rich")
    if write is embeddings_page_html:
        assert len(Page(text).every("img")) == 6
        assert len(text) < 500_000
        text = Page(text).text
    else:
        assert text.count("30 firm-quarters in the plane by") == 4
        text = text.replace("\\", "")
    assert "30 of 4,711 firm-quarters of out of community, out of time" in " ".join(text.split())
    assert text.count("0.0957 ± 0.0012") == text.count("0.1624 ± 0.0034") == 2


@pytest.mark.parametrize("write", [embeddings_page_html, embeddings_page_markdown])
def test_the_embeddings_page_has_the_curves_of_varied_settings_with_their_numbers(write):
    text = written(write, "rich")
    text = " ".join((Page(text).text if write is embeddings_page_html else text.replace("\\", "")).split())
    assert "The curves choose nothing" in text
    assert "gdan (gdan): beta, which is 0.1 in the portfolio file" in text
    assert "layers of gdan" in text
    assert text.count("0.7203") == 2, "the mean at the first value of either curve"
    assert text.count("0.0141") == 5, "by hand: .01 times the root of 2, at every value"
    assert "the portfolio file asks for no" in written(write, "poor")


@pytest.mark.parametrize("write", [embeddings_page_html, embeddings_page_markdown])
def test_without_a_network_the_embeddings_page_says_so_and_the_card_has_no_link(write):
    assert "no graph neural network is among the candidates" in written(write, "poor")
    assert "embeddings.html" not in written(model_card_html, "poor")
    assert "embeddings.html" in written(model_card_html, "rich")


@pytest.mark.parametrize("write", [graph_page_html, graph_page_markdown])
def test_the_graph_page_says_which_graph_it_is_and_what_changed(write):
    dossier = DOSSIERS["rich"]
    text = written(write, "rich")
    text = Page(text).text if write is graph_page_html else text
    assert all(digest in text for digest in (dossier.graph.fingerprint, *dossier.graph.digests.values()))
    assert "Since 2024Q3, 41 firms came and 31 left; 612 edges were born and 430 died." in text
    assert "Shown are the 6 largest of 61 communities, with 1,350 of 2,400 firms (56.2 %)." in text
    assert "55 smaller ones, 7 of them a single firm" in text
    assert "Nothing new was published for supply in 2024Q4" in text
    assert "0.412" in text
    assert "1.0000, 0.9730, 0.9510" in text
    assert "similar_filings" in text
    assert "graph.json has all 41" in text


def test_the_card_shows_the_map_and_links_the_graph_page():
    card = Page(written(model_card_html, "rich"))
    assert {"href": "graph.html"} in card.every("a")
    assert any(image["alt"].startswith("Map of the 6 largest of 61 communities") for image in card.every("img"))
    assert "[graph page](graph.md)" in written(model_card_markdown, "rich")


def test_the_card_tests_the_candidate_as_a_rating_system_beside_the_bootstrap_by_community():
    card, irb = written(model_card_markdown, "rich"), DOSSIERS["rich"].irb
    section = card.partition("## IRB validation tests")[2].partition("\n## ")[0]
    assert "graphsage as a rating system." in section
    for one in irb.samples:
        for test in (*one.grades, one.portfolio):
            light = f"| {test.light} | {test.light_by_community} |"
            assert f"| {test.grade} | {test.firm_quarters} | {test.defaults} |" in section
            assert light in section
    assert "Migrations from 2023Q4 (rows) to 2024Q4" in section
    assert f"{irb.migration.upward.value:.3f} [" in section
    assert f"Herfindahl index, 0 evenly spread, 1 all in one grade): {irb.concentration.initial:.3f}" in section
    assert "Not assessable: no tests were recorded." in written(model_card_markdown, "poor")


def test_every_unanswered_question_and_failed_gate_is_an_open_finding():
    findings = open_findings(DOSSIERS["rich"])
    card = Page(written(model_card_html, "rich")).text
    assert [(found.finding, found.owner) for found in findings] == [
        ("Gate failed: feature drift: share of drifted columns. 2 of 4 features drifted.", "model owner"),
        (
            "Less discriminatory alternative: logistic_own is not significantly worse than lightgbm_neighbour on "
            "validation, and its lowest impact ratio is 0.889 (region: rural) instead of 0.778 (region: rural) when "
            "both favour as many firms, beyond chance.",
            "fair-lending officer",
        ),
        *(
            ("What is the materiality?", "Board") if asked.topic is Topic.MATERIALITY else (asked.question, asked.owner)
            for asked in ASKED
            if asked.topic not in (Topic.OVERSIGHT, Topic.ESCALATION)
        ),
        ("Are sole traders or guarantors scored?", "Compliance"),
    ]
    assert all(found.finding in card and found.retest in card for found in findings)
    counted = f"1 failed gate, 1 less discriminatory alternative, {len(ASKED) - 1} unanswered questions."
    assert f"{len(findings)} open findings: {counted}" in card


@pytest.mark.parametrize("write", [model_card_html, model_card_markdown])
def test_the_card_says_how_few_edges_turn_a_firm_and_what_of_that_is_exact(write):
    text = written(write, "rich")
    text = Page(text).text if write is model_card_html else text
    whole = " ".join(text.split())
    assert "lightgbm_neighbour: chosen" in whole
    assert "every removal of one edge was tried: that row is exact for the firms drawn." in whole
    assert "graphsage: not chosen, shown for comparison, without a gate" in whole
    assert "They were changed together; the scores of the other firms moved by 0.0002 on average." in whole
    assert "worst of all removals" in whole
    assert "0.150 [0.010, 0.200]" in whole
    assert "that turn in the worst case found, by industry" in whole
    assert "Not assessable: it was not measured for this refresh." in written(write, "poor")


def test_a_candidate_that_reads_no_edge_is_certified():
    dossier = DOSSIERS["rich"]
    plain = EdgeStability(candidate="logistic_own", chosen=True, reads_graph=False, of=2400)
    judged = dossier.judged.model_copy(update={"edge_stability": (plain,)})
    text = " ".join(model_card_markdown(dossier.model_copy(update={"judged": judged})).split())
    assert "**certified** It reads no edge: no change of edges can move its scores. Of 2,400 firms none" in text


@pytest.mark.parametrize("write", [model_card_html, model_card_markdown])
def test_every_topic_is_on_the_card_with_its_answer_or_as_an_open_finding(write):
    text = written(write, "rich")
    text = Page(text).text if write is model_card_html else text.replace("\\", "")
    assert all(asked.title in text and asked.source in text for asked in ASKED)
    assert "Two credit officers." in text
    for part in ANNEX_IV:
        assert part.asks in text
    assert "to be completed" not in text.lower()
    assert "Scope decision, by compliance:" in " ".join(text.split())


def test_the_first_page_is_the_decision_and_no_more():
    text = written(model_card_markdown, "rich")
    first = text.partition("\n## Decision")[2].partition("\n## ")[0]
    assert len(re.findall(r"^\*\*.*\*\*$", first, flags=re.MULTILINE)) == 2, "the gain and the gates"
    for told in ("Gain over the best simple model", "Known limits", "Sign-off", "17 open findings: "):
        assert told in first


@pytest.mark.parametrize(
    "kind", [spec.model_fields["kind"].annotation for spec in get_args(get_args(CandidateSpec)[0])]
)
def test_the_logic_of_every_kind_of_candidate_can_be_told(kind):
    assert LOGIC[get_args(kind)[0]]


@pytest.mark.parametrize(
    "write", [*HTML[:3], *(one for one in MARKDOWN if one not in (*ONE_SUBJECT, fair_lending_markdown))]
)
def test_what_cannot_be_assessed_is_named_with_its_reason(write):
    text = written(write, "poor")
    assert "not assessable" in text
    assert NOTHING_TO_COMPARE in text
    assert "None" not in text.replace("None.", "")
    assert "nan" not in re.sub(r"base64,\S+", "", text).split()


def test_nothing_is_drawn_or_called_unmoved_where_nothing_was_assessed():
    assert "<img" not in written(model_card_html, "poor") + written(monitoring_report_html, "poor")
    assert "data:image" not in written(artifact_markdown, "poor")
    assert "Beyond their limits: none" not in written(model_card_markdown, "poor")


def test_missing_publication_dates_are_a_known_limit():
    assert "no publication dates" in written(model_card_html, "poor")
    assert "no publication dates" not in written(model_card_html, "rich")


def test_the_worst_drift_gate_decides_and_none_assessed_is_no_pass():
    assert drift_verdict(DOSSIERS["rich"].judged) is Judgement.FAIL
    assert drift_verdict(DOSSIERS["poor"].judged) is Judgement.NOT_ASSESSABLE


def test_a_protected_column_named_after_drift_does_not_decide_on_drift():
    fairness = GateResult(
        gate="fairness (adverse impact ratio): drift_zone",
        value=0.5,
        limit=0.8,
        comparison="at least",
        verdict=Judgement.FAIL,
    )
    judged = DOSSIERS["poor"].judged.model_copy(update={"gates": (fairness,)})
    assert drift_verdict(judged) is Judgement.NOT_ASSESSABLE


def test_the_note_for_prefect_has_two_pictures_and_no_html():
    text = written(artifact_markdown, "rich")
    assert text.count("](data:image/png;base64,") == 2
    assert "<" not in text
    assert "svg" not in re.sub(r"base64,\S+", "", text)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a|b`c", r"a\|b\`c"),
        ("<b>", "&lt;b&gt;"),
        ("two\nlines", "two lines"),
        ("# heading", r"\# heading"),
        ("- item", r"\- item"),
        ("---", r"\---"),
        ("-4.2", "-4.2"),
        ("1. item", r"1\. item"),
        ("out_of_time", "out_of_time"),
        ("_loud_", r"\_loud\_"),
        ("&lt;", "&amp;lt;"),
        ("back\\|slash", r"back\\\|slash"),
    ],
)
def test_markdown_signs_are_shown_and_not_obeyed(value, shown):
    assert markdown(value) == shown


def test_invisible_characters_are_shown_by_their_code_points():
    assert inert("a\u202eb\u200bc\x00\nd\ud800") == "a⟨U+202E⟩b⟨U+200B⟩c⟨U+0000⟩⟨U+000A⟩d⟨U+D800⟩"
    assert inert("Công ty Ångström 株式会社") == "Công ty Ångström 株式会社"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(3_903_116.094, "3,903,116"), (-1234.5, "−1,234"), (0.25, "0.25"), (-0.12345, "−0.1235"), (None, "—"), (0, "0")],
)
def test_weights_are_shown_with_the_figures_that_matter(value, shown):
    assert amount(value) == shown


def test_a_long_value_is_cut_and_says_how_long_it_was():
    assert shortened("x" * 5000, 3) == "xxx… (5,000 characters)"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "not assessable"),
        (Interval(value=None), "not assessable"),
        (Interval(value=float("nan")), "not assessable"),
        (Interval(value=0.5), "0.500 [no interval]"),
        (Interval(value=0.5, low=-0.1, high=0.6), "0.500 [−0.100, 0.600]"),
        (Interval(value=-0.0001, low=-0.0004, high=0.1), "0.000 [0.000, 0.100]"),
    ],
)
def test_an_interval_shows_what_is_known(value, shown):
    assert interval(value) == shown


class TestWhatConstructionLeftOut:
    """The card shows counts, rings, reconstruction errors, recall and other nodes, where there are any."""

    @staticmethod
    def cards(**changes):
        known = rich()
        relation = known.graph.relations[0].model_copy(update=changes.pop("relation", {}))
        graph = known.graph.model_copy(update={"relations": (relation,), **changes})
        changed = known.model_copy(update={"graph": graph})
        return model_card_html(changed), model_card_markdown(changed)

    def test_counts_of_rows(self):
        for card in self.cards(relation={"rows": 12_345, "unknown_firms": 17, "self_loops": 3, "cut_by_cap": 41}):
            assert "What making each relation left out or merged" in card
            assert "12,345" in card
        for card in self.cards():
            assert "What making each relation left out or merged" not in card

    def test_rings_of_owners(self):
        for card in self.cards(relation={"cyclic_groups": 2, "largest_cyclic_group": 9}):
            assert "such as rings of owners" in card

    def test_the_error_of_reconstructed_exposures(self):
        for card in self.cards(relation={"margin_error": 0.00123, "margin_mismatch": 0.004}):
            assert "0.12 %" in card
            assert "0.4 %" in card
            assert "is scaled to the total of what was lent" in card
        for card in self.cards(relation={"margin_error": 1e-10, "margin_mismatch": 0.0}):
            assert "1e-08 %" in card
            assert "is scaled" not in card

    def test_the_recall_of_an_index(self):
        for card in self.cards(relation={"recall": 0.987}):
            assert "98.7" in card

    def test_nodes_of_other_types(self):
        board = PartnerStatistics(
            relation="board",
            node_type="person",
            links=4_321,
            linked_nodes=1_234,
            mean_links=1.8,
            largest_node=7,
            isolated_firms=60,
        )
        for card in self.cards(partners=(board,), nodes={"person": 1_234}):
            assert "Links of firms to nodes of other types" in card
            assert "4,321" in card


def with_monitoring(changes) -> Dossier:
    """Return the rich dossier with another monitoring, or with changes to what it has."""
    full = rich()
    monitoring = changes if changes is None else full.judged.monitoring.model_copy(update=changes)
    return full.model_copy(update={"judged": full.judged.model_copy(update={"monitoring": monitoring})})


def test_the_monitoring_report_names_the_alarms_and_draws_how_their_statistics_went():
    page = monitoring_report_html(rich())
    assert "supply: edges kept is 0.61, below the limit of 0.66" in page
    assert "supply, edges kept, 2022Q1 to 2024Q1: now 0.61, beyond its limit of 0.66." in page
    assert "No alarm: nothing left what it ordinarily does." in monitoring_report_html(with_monitoring({"alarms": ()}))


def test_without_earlier_quarters_the_monitoring_report_says_so():
    assert "no earlier quarter has been published" in monitoring_report_html(with_monitoring(None))
    young = {"baseline": (), "readings": rich().judged.monitoring.readings[1:], "trends": ()}
    page = monitoring_report_markdown(with_monitoring(young | {"alarms": ()}))
    assert "not assessable yet: 0 of the 6" in page
    assert "No alarm: nothing is beyond the fixed limits, the only ones there are yet." in page


def test_statistics_without_a_limit_are_told_apart():
    two = [
        reading.model_copy(
            update={"kind": "graph", "subject": "supply", "statistic": name, "value": 0.5, "limit": None}
        )
        for reading, name in zip(rich().judged.monitoring.readings[:1] * 2, ("edges kept", "clustering"), strict=True)
    ]
    page = monitoring_report_markdown(with_monitoring({"readings": tuple(two)}))
    assert "edges kept 0.500; clustering 0.500" in page


def test_a_long_name_may_break_after_its_underscores_and_stays_dead_text():
    name = "loans_and_advances_to_customers"
    assert breakable(name) == "loans_<wbr>and_<wbr>advances_<wbr>to_<wbr>customers"
    assert breakable(f"<b>{name}\u202e").startswith("&lt;b&gt;loans_<wbr>and_")
    assert breakable(f"<b>{name}\u202e").endswith("customers⟨U+202E⟩")
    for short in ("total_assets", "x" * 60, 3, None, Markup(f"<b>{name}</b>")):
        assert breakable(short) is short


@pytest.mark.parametrize("write", [monitoring_report_html, monitoring_report_markdown])
def test_the_monitoring_report_shows_what_moved_scores_and_names_no_firm(write):
    page = write(rich())
    assert "2,269 firms have a score of 2023Q4, by logistic" in page
    assert "By class: 98.0 % stayed, 1.5 % moved to a worse one" in page
    assert "own features 1.10, neighbourhood 0.40, model 0.50" in page
    assert "went from 2.1% to 48.4%" in page
    assert "f0412" not in page


@pytest.mark.parametrize("write", [score_movers_html, score_movers_markdown])
def test_the_page_of_movers_names_them_with_the_parts_of_their_shifts(write):
    page = write(rich())
    assert page.index("f0412") < page.index("f1077")
    for number in ("46.30", "38.00", "6.00", "2.30"):
        assert number in page


@pytest.mark.parametrize("write", [monitoring_report_html, monitoring_report_markdown])
def test_what_of_the_scores_could_not_be_compared_is_said(write):
    def page(**changes):
        full = rich()
        moved = full.judged.score_drift.model_copy(update=changes)
        return write(full.model_copy(update={"judged": full.judged.model_copy(update={"score_drift": moved})}))

    assert "Not assessable: its scores were not kept." in page(expected_quarter=None, reason="its scores were not kept")
    assert "The causes are not assessable: the model is gone." in page(parts=(), parts_reason="the model is gone")
    joint = page(parts_reason="kriging mixes them")
    assert "Own features and neighbourhood are one part: kriging mixes them." in joint


@pytest.mark.parametrize("write", [monitoring_report_html, monitoring_report_markdown])
def test_the_monitoring_report_names_the_words_that_texts_have_now(write):
    page = write(rich())
    assert "reports: 2,300 texts then, 2,313 now" in page
    assert "lockdown" in page
    assert "21.2 %" in page


@pytest.mark.parametrize("write", [score_movers_html, score_movers_markdown])
def test_where_own_features_and_neighbourhood_are_one_part_movers_have_one_column_for_them(write):
    full = rich()
    moved = full.judged.score_drift
    joint = tuple(one.model_copy(update={"own": None, "neighbourhood": None}) for one in moved.largest)
    judged = full.judged.model_copy(update={"score_drift": moved.model_copy(update={"largest": joint})})
    page = write(full.model_copy(update={"judged": judged}))
    assert "44.00" in page
    assert "Inputs" in page
    assert "Neighbourhood" not in page
