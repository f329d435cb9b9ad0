"""Reading what earlier refreshes scored and what is known of it by now, and writing the comparison."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from prefect.artifacts import create_markdown_artifact

from models.knowledge import closed_outcomes
from models.scoring import favourable, unfavourable_probability
from monitoring.irb import RatedRows
from monitoring.outcomes import UNKNOWN, ScoredQuarter, performance
from monitoring.outcomes_document import outcomes_html, outcomes_markdown
from schemas.errors import IntegrityError
from schemas.performance import OutcomesAnalysis, OutcomesOutcome, Performance
from schemas.portfolio import PortfolioSpec, TargetSpec
from schemas.references import AdmissionRef, JudgementRef, RefreshRun
from schemas.results import Evaluation
from schemas.terms import Quarter, Sample, Table
from tasks.catalogue import PublishedRefresh
from tasks.lake import published_file, published_manifest, read_frame, read_json
from tasks.monitored_quarters import RECALLED, newest_versions
from tasks.pages import written_pages
from tasks.progress import note
from tasks.provenance import PROVENANCE, read_provenance
from tasks.stage import stage

_WRITERS: dict[str, Callable[[OutcomesAnalysis], str]] = {
    "outcome.md": outcomes_markdown,
    "outcome.html": outcomes_html,
}
_SCORES, _OUTCOMES, _SPLIT = "scores.parquet", "outcomes.parquet", "split.parquet"
_ONE_QUARTER = "the portfolio has one quarter, whose outcomes were known when its firms were scored"


@stage("analyse outcomes")
def analyse_outcomes(run: RefreshRun, admission: AdmissionRef) -> OutcomesOutcome:
    """Compare a delivery's outcomes with the scores published for their quarters, and show what was found."""
    outcome = written_outcomes(run, admission)
    found = outcome.analysis.performance
    create_markdown_artifact(
        outcomes_markdown(outcome.analysis),
        key=f"{run.portfolio.name.replace('_', '-')}-outcomes",
        description=f"Outcomes of scores of {run.portfolio.title}, known at the end of {run.quarter}",
    )
    note(f"{len(found.realised)} quarters realised, {len(found.awaited)} awaited, {len(found.alarms)} alarms")
    return outcome


def written_outcomes(run: RefreshRun, admission: AdmissionRef) -> OutcomesOutcome:
    """Compare and write what was found; the same findings again change nothing.

    Raises
    ------
    IntegrityError
        If a published file is not what was recorded.
    """
    home, portfolio = Path(run.home), run.portfolio
    analysis = OutcomesAnalysis(
        title=portfolio.title,
        portfolio=portfolio.name,
        delivery=run.delivery.fingerprint,
        performance=published_performance(home, run, admission),
    )
    files = written_pages(
        home,
        "outcome",
        analysis,
        _WRITERS,
        portfolio=portfolio.name,
        quarter=run.quarter,
        fingerprint=run.delivery.fingerprint,
    )
    return OutcomesOutcome(analysis=analysis, files=files)


def published_performance(
    home: Path, run: RefreshRun, admission: AdmissionRef, judgement: JudgementRef | None = None
) -> Performance:
    """Judge the scores of the published quarters by what is known at the end of the run's quarter.

    An outcome is taken from this delivery or, where its vintage is not in it, from the newest refresh that was
    published with it; in both it was published by the quarter's end.

    Parameters
    ----------
    judgement
        Of the refresh that is about to be published: its own scores are awaited too.

    Raises
    ------
    IntegrityError
        If a published file is not what was recorded.
    """
    portfolio, horizon = run.portfolio, run.portfolio.target.horizon_quarters
    if not horizon:
        return performance((), portfolio, run.quarter, {}).model_copy(update={"reason": _ONE_QUARTER})
    # A refresh of this very quarter is looked at where it is published, or about to be.
    before = run.quarter if judgement else run.quarter.shifted(1)
    versions = newest_versions(portfolio.name, before=before)[-RECALLED:]
    delivered = read_frame(home, admission.tables[Table.OUTCOMES])
    recalled = _Recalled(home, portfolio, versions)
    closed = [one for one in versions if one.refresh.quarter.shifted(horizon) <= run.quarter]
    for one in closed:
        rows = closed_outcomes(delivered, one.refresh.quarter, run.quarter.end).select("firm_id", "outcome")
        recalled.outcomes_of(one.refresh.quarter, rows)
    scored = [quarter for one in versions if (quarter := recalled.scored(one)) is not None]
    if judgement is not None:
        scored.append(_about_to_be_published(home, run, judgement))
    return performance(scored, portfolio, run.quarter, recalled.left_out)


class _Recalled:
    """Published quarters as they were scored, with the outcomes known by now."""

    def __init__(self, home: Path, portfolio: PortfolioSpec, versions: list[PublishedRefresh]) -> None:
        self._home = home
        self._target = portfolio.target
        self._versions = versions
        self._manifests = {one.key: published_manifest(home, one.folder, one.manifest_sha256) for one in versions}
        self._outcomes: dict[Quarter, dict[str, int]] = {}
        self.left_out: dict[str, str] = {}
        self._there = [one for one in versions if self._comparable(one)]
        #: by firm, the newest naming; older quarters only name firms that have left since
        self._communities: dict[str, str] = {}
        for one in self._there:
            frame = self._frame(one, _SPLIT)
            self._communities.update(zip(frame["firm_id"].to_list(), frame["community"].to_list(), strict=True))

    def outcomes_of(self, quarter: Quarter, delivered: pl.DataFrame) -> None:
        """Learn the outcomes of a closed quarter from the delivery or, if it has none, from a published refresh."""
        bad = _unfavourable(self._target)
        if delivered.height:
            pairs = zip(delivered["firm_id"].to_list(), delivered["outcome"].to_list(), strict=True)
            self._outcomes[quarter] = {firm: int(name in bad) for firm, name in pairs}
            return
        self._outcomes[quarter] = {}
        for one in reversed(self._there):
            if one.refresh.quarter < quarter.shifted(1):
                return
            kept = self._frame(one, _OUTCOMES).filter(pl.col("vintage") == str(quarter))
            if kept.height:
                names = [self._target.classes[index] for index in kept["outcome"].to_list()]
                pairs = zip(kept["firm_id"].to_list(), names, strict=True)
                self._outcomes[quarter] = {firm: int(name in bad) for firm, name in pairs}
                return

    def scored(self, one: PublishedRefresh) -> ScoredQuarter | None:
        """Return a quarter as it was scored, or None if it was left out."""
        if one not in self._there:
            return None
        frame, quarter = self._frame(one, _SCORES), one.refresh.quarter
        known = self._outcomes.get(quarter)
        firms = frame["firm_id"].to_list()
        outcome = None if known is None else np.array([known.get(firm, UNKNOWN) for firm in firms], dtype=np.int64)
        return ScoredQuarter(
            quarter=quarter,
            refresh=one.key,
            version=one.model_version,
            candidate=one.refresh.verdict.chosen,
            probability=frame["unfavourable_probability"].to_numpy(),
            called=~frame["favourable"].to_numpy(),
            communities=self._named(firms),
            outcome=outcome,
            validation=None if outcome is None else self._validation(one),
        )

    def _comparable(self, one: PublishedRefresh) -> bool:
        """Tell whether a version's scores mean what the portfolio's target means now; note it if they do not."""
        manifest, quarter = self._manifests[one.key], str(one.refresh.quarter)
        listed = {file.path for file in manifest.files}
        missing = [name for name in (_SCORES, _OUTCOMES, _SPLIT, PROVENANCE) if name not in listed]
        if missing:
            self.left_out[quarter] = f"it was published without {missing[0]}"
        elif read_provenance(self._home, one, manifest).portfolio.target.asked != self._target.asked:
            self.left_out[quarter] = "it was scored for another target than the portfolio has now"
        return quarter not in self.left_out

    def _validation(self, one: PublishedRefresh) -> RatedRows | None:
        """Return the rows that the chosen candidate was accepted on, with what it said of them then."""
        manifest = self._manifests[one.key]
        scheme = str(read_provenance(self._home, one, manifest).portfolio.primary_scheme)
        name = f"models/{scheme}/{one.refresh.verdict.chosen}/panel.parquet"
        probabilities = read_frame(self._home, published_file(one.folder, manifest, name)).to_numpy()
        split = self._frame(one, _SPLIT).filter(pl.col("scheme") == scheme)
        if split.height != len(probabilities):
            raise IntegrityError(
                f"{one.folder} has probabilities of other firm-quarters than its split.",
                expected=f"{split.height:,} rows in {name}",
                found=f"{len(probabilities):,}",
                way_out="refresh the quarter again",
            )
        rows = split.with_columns(probability=unfavourable_probability(probabilities, self._target))
        known = rows.filter(pl.col("sample") == str(Sample.VALIDATION)).join(
            self._frame(one, _OUTCOMES).select(pl.col("vintage").alias("quarter"), "firm_id", "outcome"),
            on=["quarter", "firm_id"],
            how="inner",
        )
        if not known.height:
            return None
        return RatedRows(
            outcome=~favourable(known["outcome"].to_numpy(), self._target),
            probability=known["probability"].to_numpy(),
            communities=self._named(known["firm_id"].to_list()),
        )

    def _named(self, firms: list[str]) -> NDArray[np.str_]:
        # A firm that no panel holds has no community among the pooled ones: it stands for itself.
        return np.array([self._communities.get(firm, f"firm {firm}") for firm in firms], dtype=np.str_)

    def _frame(self, one: PublishedRefresh, name: str) -> pl.DataFrame:
        return read_frame(self._home, published_file(one.folder, self._manifests[one.key], name))


def _about_to_be_published(home: Path, run: RefreshRun, judgement: JudgementRef) -> ScoredQuarter:
    frame = read_frame(home, judgement.scores)
    return ScoredQuarter(
        quarter=run.quarter,
        refresh=run.key.key,
        version=None,
        candidate=read_json(home, judgement.evaluation, Evaluation).chosen,
        probability=frame["unfavourable_probability"].to_numpy(),
        called=~frame["favourable"].to_numpy(),
        communities=frame["firm_id"].to_numpy().astype(np.str_),  # an estimate does not look at them
    )


def _unfavourable(target: TargetSpec) -> set[str]:
    return {name for name in target.classes if name not in target.favourable}
