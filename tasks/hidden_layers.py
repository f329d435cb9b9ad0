"""Gathering what the embeddings page of a refresh shows: the last hidden layer of every network, on held-out firms."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.calibrated import FittedCalibrated
from models.evaluation import Contest
from models.fitting import FittedGnn
from models.hidden_layers import SEEDS, cluster_agreement, plane, shown_rows
from schemas.candidates import NetworkSpec
from schemas.hidden_layers import HiddenLayer, HiddenLayers
from schemas.references import Evidence
from schemas.terms import TEST_SAMPLES, Sample
from tasks.kept_models import restore

#: Fewer held-out firm-quarters than these make no picture; validation is shown then.
_LEAST_ROWS = 50


def hidden_layers(home: Path, contest: Contest, evidence: Evidence) -> HiddenLayers | None:
    """Return the last hidden layers under the primary scheme, None if there is no network or nothing to show.

    Firm-quarters are of the test samples, or of validation where these are too few; of very many a sample is shown.
    """
    specs = [spec for spec in contest.portfolio.single_candidates if isinstance(spec, NetworkSpec)]
    dealt, panel = contest.dealt[contest.primary], contest.rows
    known = panel.truth >= 0
    samples = [sample for sample in TEST_SAMPLES if (dealt.rows(sample) & known).any()]
    if sum((dealt.rows(sample) & known).sum() for sample in samples) < _LEAST_ROWS:
        samples = [Sample.VALIDATION]
    rows = np.logical_or.reduce([dealt.rows(sample) for sample in samples]) & known
    if not specs or not rows.any():
        return None
    shown = shown_rows(rows, len(specs), seed=contest.portfolio.evaluation.seed)
    truth, classes = panel.truth[shown], contest.portfolio.target.classes
    networks = []
    for spec in specs:
        fitted = restore(home, evidence.model(spec.name, contest.primary), spec)
        if isinstance(fitted, FittedCalibrated):
            fitted = fitted.base
        assert isinstance(fitted, FittedGnn)
        layer = fitted.last_hidden(panel.graph)[shown]
        ari, nmi = cluster_agreement(layer, truth, clusters=len(classes))
        places = tuple((float(x), float(y)) for x, y in plane(layer).round(3))
        networks.append(
            HiddenLayer(candidate=spec.name, kind=spec.kind, width=layer.shape[1], ari=ari, nmi=nmi, places=places)
        )
    return HiddenLayers(
        samples=tuple(samples),
        available=int(rows.sum()),
        firms=tuple(panel.firms[shown].tolist()),
        quarters=tuple(panel.quarters[shown].tolist()),
        classes=tuple(classes[index] for index in truth.tolist()),
        communities=tuple(dealt.communities[shown].tolist()),
        seeds=SEEDS,
        networks=tuple(networks),
    )
