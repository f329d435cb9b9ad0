"""The validation workbook: the tables that a validator computes everything on the card from again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from models.evaluation import Contest
from models.rating_scale import grades_of
from models.scoring import favourable, unfavourable_probability
from monitoring.documents import Dossier
from schemas.fair_lending import FairLending
from schemas.irb import IrbValidation
from schemas.references import Evidence, RefreshRun
from schemas.terms import Sample, Scheme
from tasks.evaluation import read_contest
from tasks.xlsx import Cell, Sheet, workbook_bytes

WORKBOOK = "validation_workbook.xlsx"
#: beyond this many firm-quarters those of development, which nothing is judged on, are left out
MOST_ROWS = 250_000


def validation_workbook(run: RefreshRun, evidence: Evidence, dossier: Dossier) -> bytes:
    """Write the workbook of a refresh: firm-quarters with every candidate's estimate, and what was computed of them."""
    contest = read_contest(Path(run.home), run, evidence)
    firm_quarters, left_out = _firm_quarters(contest, dossier)
    return workbook_bytes(
        [
            _about(dossier, left_out),
            firm_quarters,
            _metrics(dossier),
            _gates(dossier),
            *(_irb_sheets(dossier.irb) if dossier.irb else ()),
            _fairness(dossier),
            _edge_stability(dossier),
            *(_fair_lending(dossier.fair_lending) if dossier.fair_lending else ()),
            _drift(dossier),
        ]
    )


def _about(dossier: Dossier, left_out: int) -> Sheet:
    key, portfolio = dossier.key, dossier.portfolio
    rows: list[tuple[str, Cell]] = [
        ("portfolio", portfolio.name),
        ("title", portfolio.title),
        ("quarter", str(key.quarter)),
        ("refresh", key.key),
        ("input fingerprint", key.input_fingerprint),
        ("code digest", key.code_digest),
        ("settings", key.spec_hash),
        ("graph fingerprint", dossier.graph.fingerprint),
        ("chosen candidate", dossier.evaluation.chosen),
        ("outcome", portfolio.target.label),
        ("classes", ", ".join(portfolio.target.classes)),
        ("favourable classes", ", ".join(portfolio.target.favourable)),
        ("development rows left out", left_out),
        ("intervals", "95 %, whole communities drawn with replacement"),
        ("bootstrap draws", portfolio.evaluation.bootstrap_draws),
        ("bootstrap seed", portfolio.evaluation.seed),
        (
            "firm-quarters",
            "a row a firm-quarter of each sample, under the scheme that the sample is judged under; `unfavourable` is "
            "1 for an outcome that is not favourable, the last columns are each candidate's probability of that",
        ),
    ]
    return Sheet("About", ("what", "value"), rows)


def _firm_quarters(contest: Contest, dossier: Dossier) -> tuple[Sheet, int]:
    """Return the sheet, and how many development rows it leaves out."""
    samples = list(contest.judged_under())
    sizes = {sample: int(contest.dealt[scheme].rows(sample).sum()) for sample, scheme in samples}
    too_many = sum(sizes.values()) > MOST_ROWS
    kept = [(sample, scheme) for sample, scheme in samples if not too_many or sample is not Sample.DEVELOPMENT]
    names = tuple(candidate.name for candidate in contest.portfolio.candidates)
    rows = [row for sample, scheme in kept for row in _sample_rows(contest, sample, scheme, dossier)]
    columns = ("sample", "scheme", "quarter", "firm_id", "community", "outcome", "unfavourable", "grade", *names)
    return Sheet("Firm-quarters", columns, rows), sizes[Sample.DEVELOPMENT] if too_many else 0


def _sample_rows(contest: Contest, sample: Sample, scheme: Scheme, dossier: Dossier) -> Iterator[Sequence[Cell]]:
    there, target = contest.dealt[scheme].rows(sample), contest.portfolio.target
    rows, scale = contest.sample_rows(sample, scheme), contest.portfolio.master_scale
    estimates = {name: unfavourable_probability(p, target) for name, p in rows.probabilities.items()}
    grades = grades_of(estimates[dossier.evaluation.chosen], scale).tolist()
    columns = [
        contest.rows.quarters[there].tolist(),
        contest.rows.firms[there].tolist(),
        rows.communities.tolist(),
        [target.classes[index] for index in rows.truth.tolist()],
        (~favourable(rows.truth, target)).astype(np.int64).tolist(),
        [scale.grades[grade].name for grade in grades],
        *(estimates[candidate.name].tolist() for candidate in contest.portfolio.candidates),
    ]
    for row in zip(*columns, strict=True):
        yield (str(sample), str(scheme), *row)


def _metrics(dossier: Dossier) -> Sheet:
    rows = [
        (candidate.name, str(sample), metric, found.value, found.low, found.high)
        for candidate in dossier.evaluation.candidates
        for sample, result in candidate.samples.items()
        for metric, found in result.metrics.items()
    ]
    return Sheet("Metrics", ("candidate", "sample", "metric", "value", "low", "high"), rows)


def _gates(dossier: Dossier) -> Sheet:
    rows = [
        (one.gate, one.value, one.comparison, one.limit, str(one.verdict), one.reason) for one in dossier.judged.gates
    ]
    return Sheet("Gates", ("gate", "value", "comparison", "limit", "verdict", "reason"), rows)


def _irb_sheets(irb: IrbValidation) -> Iterator[Sheet]:
    names = ("grade", "firm_quarters", "defaults", "mean_pd", "observed_rate", "jeffreys", "binomial", "by_community")
    columns = ("sample", *names, "light", "light_by_community")
    yield Sheet(
        "IRB by grade",
        columns,
        [
            (str(one.sample), *(getattr(test, name) for name in columns[1:]))
            for one in irb.samples
            for test in (*one.grades, one.portfolio)
        ],
    )
    joint = ("test", "statistic", "degrees", "p_value", "by_community")
    yield Sheet(
        "IRB jointly",
        ("sample", *joint),
        [(str(one.sample), *(getattr(test, name) for name in joint)) for one in irb.samples for test in one.joint],
    )
    yield Sheet("Master scale", ("grade", "upper"), [(grade.name, grade.upper) for grade in irb.scale.grades])
    if irb.migration is not None:
        grades = [grade.name for grade in irb.scale.grades]
        counts = zip(grades, irb.migration.counts, strict=True)
        heading = f"{irb.migration.before} to {irb.migration.after}"
        yield Sheet("Migrations", (heading, *grades), [(grade, *row) for grade, row in counts])


def _fairness(dossier: Dossier) -> Sheet:
    columns = ("attribute", "group", "reference", "firms", "favourable_rate", "impact_ratio", "reason")
    rows = [tuple(getattr(group, name) for name in columns) for group in dossier.judged.fairness]
    return Sheet("Fairness", columns, rows)


def _edge_stability(dossier: Dossier) -> Sheet:
    measured = [(found, one) for found in dossier.judged.edge_stability for one in found.flips]
    rows = [
        (
            *(found.candidate, str(one.change), one.edges, one.segment, one.firms),
            *(one.flipped.value, one.flipped.low, one.flipped.high),
            *(one.score_change.value, one.score_change.low, one.score_change.high),
        )
        for found, one in measured
    ]
    names = ("candidate", "change", "edges", "segment", "firms", "flipped", "flipped_low", "flipped_high")
    return Sheet("Changed edges", (*names, "score_change", "score_change_low", "score_change_high"), rows)


def _fair_lending(fair: FairLending) -> Iterator[Sheet]:
    measures = ("impact_ratio", "unfavourable_ratio", "opportunity_difference", "calibration_gap")
    reasons = ("impact_reason", "opportunity_reason", "calibration_reason")
    counted = ("firms", "favourable_rate", "outcomes", "favourable_outcomes", "mean_estimate", "mean_observed")
    network = fair.network
    scores = [
        (fair.candidate, fair.combined),
        *([(network.candidate, one) for one in network.scores] if network else []),
    ]
    yield Sheet(
        "Fair lending",
        (
            *("candidate", "score", "attribute", "group", "reference"),
            *counted,
            *(f"{name}{end}" for name in measures for end in ("", "_low", "_high")),
            *reasons,
        ),
        [
            (
                *(candidate, one.score, group.attribute, group.name, ", ".join(group.reference)),
                *(getattr(group, name) for name in counted),
                *(getattr(getattr(group, name), end) for name in measures for end in ("value", "low", "high")),
                *(getattr(group, name) for name in reasons),
            )
            for candidate, one in scores
            for group in one.groups
        ],
    )
    compared = ("auc", "auc_difference", "worst_ratio", "ratio_difference")
    yield Sheet(
        "Alternatives",
        (
            *("candidate", "chosen", "favourable_rate"),
            *(f"{name}{end}" for name in compared for end in ("", "_low", "_high")),
            "worst_group",
        ),
        [
            (
                *(one.candidate, one.chosen, one.favourable_rate),
                *(getattr(getattr(one, name), end) for name in compared for end in ("value", "low", "high")),
                one.worst_group,
            )
            for one in fair.alternatives
        ],
    )


def _drift(dossier: Dossier) -> Sheet:
    columns = ("column", "method", "value", "limit", "drifted")
    rows = [
        (kind, *(getattr(column, name) for name in columns))
        for kind, drift in (("features", dossier.judged.feature_drift), ("graph", dossier.judged.graph_drift))
        for column in drift.columns
    ]
    return Sheet("Drift", ("of", *columns), rows)
