"""Refreshes published with a fitted model and its scores, as a refresh would publish them, without running one."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import polars as pl

from models.candidates import fitted_candidate
from models.fingerprint import exact_root, part_digests
from models.fitted import FittingData
from models.graph_codec import graph_bytes
from models.scoring import favourable, predicted_classes, unfavourable_probability
from schemas.portfolio import PortfolioSpec
from schemas.references import DeliveryRef, FileRef, JudgementRef, RefreshKey
from schemas.reproduction import Provenance
from schemas.results import (
    CandidateResult,
    Evaluation,
    GraphHelp,
    GraphStatistics,
    Interval,
    Manifest,
    Refresh,
    Verdict,
)
from schemas.terms import Family, Quarter, Scheme
from tasks.catalogue import Decision, Score, open_catalogue
from tasks.kept_models import Finding, keep_model
from tasks.lake import publish_folder, rebased, write_file, write_frame, write_json
from tasks.settings import Settings, prepare_environment

FIRST = Quarter(2023, 1)
THRESHOLD = 0.5


@dataclass(frozen=True)
class Bank:
    """A portfolio of one logistic regression, and the firms that it is fitted on and scores every quarter."""

    portfolio: PortfolioSpec
    data: FittingData
    chosen: Settings

    def quarter(self, number: int):
        """Return the graph of a quarter: the same firms, each a little different."""
        noise = np.random.default_rng(number).normal(scale=0.1 * number, size=self.data.graph.features.shape)
        features = self.data.graph.features + noise
        return dataclasses.replace(self.data.graph, as_of=FIRST.shifted(number).end, features=features)

    def truth(self) -> dict[str, str]:
        """Return what becomes of the firms, whenever they are scored; of some nothing is known."""
        known = zip(self.data.graph.firms.tolist(), self.data.truth.tolist(), strict=True)
        return {firm: str(outcome) for firm, outcome in known if outcome >= 0}

    def outcomes(self, *vintages: Quarter, late: int = 0) -> pl.DataFrame:
        """Return the outcomes of some quarters as admission leaves them, published `late` quarters after they close."""
        rows = [
            {"row": number, "firm_id": firm, "vintage": str(vintage), "outcome": outcome,
             "published_on": vintage.shifted(1 + late).end}
            for vintage in vintages
            for number, (firm, outcome) in enumerate(self.truth().items(), start=1)
        ]  # fmt: skip
        dated = {"row": pl.Int64, "firm_id": pl.String, "vintage": pl.String, "outcome": pl.String}
        return pl.DataFrame(rows, schema=dated | {"published_on": pl.Date})

    def publish(
        self, number: int, *, champion: bool = False, kept: tuple[Quarter, ...] = (), without: str = "", **changes
    ) -> str:
        """Publish the number-th quarter as version number + 1 and return its key.

        `kept` are vintages whose outcomes are among its files, beside the one it was fitted on; `without` names a file
        that it lacks; `changes` are made to the portfolio that it says it was made from.
        """
        key, home, graph = f"key-{number}", self.chosen.home, self.quarter(number)
        prepare_environment(self.chosen)
        [spec] = self.portfolio.candidates
        model = fitted_candidate(spec, self.data)
        of_quarter = model.probabilities(graph)
        finding = Finding(
            model.content(), model.inputs, model.notes, 1.0, model.probabilities(self.data.graph), of_quarter
        )
        kept_model = keep_model(home, f"work/{key}/models/community/{spec.name}", spec, Scheme.COMMUNITY, finding)
        made = self.portfolio.model_copy(update=changes)
        evaluation = self._evaluation(kept_model.content_hash)
        parts = {"input_fingerprint": f"i{number}", "code_digest": "c", "spec_hash": key}
        identity = RefreshKey(portfolio=made.name, quarter=FIRST.shifted(number), key=key, **parts)
        files = [
            *kept_model.files,
            kept_model.panel_probabilities,
            kept_model.quarter_probabilities,
            write_file(home, f"work/{key}/graphs/{FIRST.shifted(number)}.safetensors", graph_bytes(graph)),
            write_frame(home, f"work/{key}/scores.parquet", self._scores(of_quarter)),
            write_frame(home, f"work/{key}/split.parquet", self._split()),
            write_frame(home, f"work/{key}/outcomes.parquet", self._panel_outcomes(kept)),
            write_json(home, f"work/{key}/evaluation.json", evaluation),
            write_json(home, f"work/{key}/provenance.json", self._provenance(identity, made)),
        ]
        listed = [
            file for file in {file.path: file for file in files}.values() if not file.path.endswith(f"/{without}")
        ]
        for file in files:
            if file not in listed:
                (home / file.path).unlink()
        self._record(identity, listed, number, kept_model.content_hash, champion=champion)
        return key

    def _record(
        self, identity: RefreshKey, files: list[FileRef], number: int, content_hash: str, *, champion: bool
    ) -> None:
        key, quarter, graph = identity.key, identity.quarter, self.quarter(number)
        root = exact_root(part_digests(graph))
        manifest = Manifest(
            refresh=key, portfolio=identity.portfolio, quarter=quarter, fingerprint=root,
            files=tuple(sorted((rebased(one, f"work/{key}") for one in files), key=lambda one: one.path)),
        )  # fmt: skip
        folder = f"lake/{identity.portfolio}/{quarter}/{key}"
        digest = publish_folder(self.chosen.home, f"work/{key}", folder, manifest)
        catalogue, version = open_catalogue(self.chosen.database_url), str(number + 1)
        catalogue.record_delivery(_delivery(identity))
        catalogue.claim(identity, "test")
        catalogue.publish(
            key,
            refresh=self._refresh(identity, root, version, content_hash),
            folder=folder,
            manifest_sha256=digest,
            graph_statistics=_statistics(quarter, graph, root),
            scores=self._recorded(number),
            decisions=[Decision(model_version=version, alias="champion", made_by="Ann", reason="read")]
            if champion
            else [],
            model_name="creditnet-small_world",
            model_version=version,
        )

    def _recorded(self, number: int) -> list[Score]:
        [spec] = self.portfolio.candidates
        scores = self._scores(fitted_candidate(spec, self.data).probabilities(self.quarter(number)))
        return [Score(*row) for row in scores.drop("favourable").iter_rows()]

    def judgement(self, number: int, work: str) -> JudgementRef:
        """Return the judgement of a refresh of the number-th quarter that is about to be published."""
        [spec] = self.portfolio.candidates
        probabilities = fitted_candidate(spec, self.data).probabilities(self.quarter(number))
        home = self.chosen.home
        evaluation = write_json(home, f"{work}/evaluation.json", self._evaluation("h"))
        scores = write_frame(home, f"{work}/scores.parquet", self._scores(probabilities))
        return JudgementRef(
            evaluation=evaluation, judged=evaluation, scores=scores, reasons=scores, reason_summary=evaluation
        )

    def _scores(self, probabilities: np.ndarray) -> pl.DataFrame:
        target = self.portfolio.target
        classes = predicted_classes(probabilities, target, THRESHOLD)
        return pl.DataFrame(
            {
                "firm_id": self.data.graph.firms,
                "unfavourable_probability": unfavourable_probability(probabilities, target),
                "predicted_class": [target.classes[index] for index in classes.tolist()],
                "favourable": favourable(classes, target),
            }
        )

    def _split(self) -> pl.DataFrame:
        data = self.data
        samples = np.where(data.validation, "validation", np.where(data.development, "development", "excluded"))
        return pl.DataFrame(
            {"firm_id": data.graph.firms, "sample": samples, "community": data.communities}
        ).with_columns(scheme=pl.lit("community"), quarter=pl.lit("2022Q4"), group=pl.col("community"))

    def _panel_outcomes(self, more: tuple[Quarter, ...]) -> pl.DataFrame:
        rows = [
            {"vintage": vintage, "firm_id": firm, "row": 1, "outcome": int(outcome)}
            for vintage in ("2022Q4", *map(str, more))
            for firm, outcome in self.truth().items()
        ]
        return pl.DataFrame(rows)

    def _evaluation(self, content_hash: str) -> Evaluation:
        [spec] = self.portfolio.candidates
        return Evaluation(
            candidates=(
                CandidateResult(
                    name=spec.name, kind=spec.kind, family=Family.TABULAR, content_hash=content_hash, fit_seconds=1.0,
                    inputs=3, threshold=THRESHOLD, notes={}, samples={},
                ),
            ),
            chosen=spec.name, best_on_validation=spec.name, choice_reason="alone",
            graph=GraphHelp(helped="no", reason="none"), leakage_gap=Interval(value=None),
        )  # fmt: skip

    def _provenance(self, key: RefreshKey, portfolio: PortfolioSpec) -> Provenance:
        return Provenance(key=key, portfolio=portfolio, delivery=_delivery(key), code={}, packages={}, environment={})

    def _refresh(self, key: RefreshKey, root: str, version: str, content_hash: str) -> Refresh:
        [spec] = self.portfolio.candidates
        return Refresh(
            portfolio=key.portfolio, quarter=key.quarter, fingerprint=root, refresh=key.key, candidates={},
            verdict=Verdict(outcome="passed", chosen=spec.name, summary="good", graph_helped="no"),
            gates=(), documents=(), stages={}, model_version=f"creditnet-small_world {version}",
            content_hashes={spec.name: content_hash}, files=(),
        )  # fmt: skip


def _delivery(key: RefreshKey) -> DeliveryRef:
    return DeliveryRef(portfolio=key.portfolio, quarter=key.quarter, fingerprint=key.input_fingerprint, tables={})


def _statistics(quarter, graph, root) -> GraphStatistics:
    return GraphStatistics(
        quarter=quarter, firms=graph.size, edges=1, features=3, fingerprint=root, digests=part_digests(graph),
        relations=(), components=1, largest_component=1, clustering=0.0, largest_core=1, degree_quantiles={},
        communities=1, modularity=0.0,
    )  # fmt: skip
