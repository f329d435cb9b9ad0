"""Fitting one network again and again with one setting varied."""

from __future__ import annotations

from dataclasses import replace

from models.calibrated import panel_probabilities
from models.candidates import fitted_candidate
from models.discrimination import point_scores
from models.fitted import FittingData
from schemas.candidates import AnyNetworkSpec
from schemas.errors import NotEnoughData
from schemas.setting_curves import CurvePoint, SettingCurve, SettingCurveSpec, with_setting
from schemas.terms import Sample


def validation_curve(spec: AnyNetworkSpec, asked: SettingCurveSpec, data: FittingData) -> SettingCurve:
    """Return the AUC on validation at each value, seed by seed.

    Parameters
    ----------
    spec
        The candidate as it stands; what is not varied is taken from it.
    asked
        The setting and its values; the first seed is that of `data`, the others follow it.
    data
        What the candidate may see.

    Raises
    ------
    NotEnoughData
        If validation has one class only, so that nothing can be ranked.
    """
    first = data.training.seed
    points = []
    for value in asked.values:
        varied = with_setting(spec, asked.setting, value)
        seeds = range(first, first + asked.seeds)
        auc = tuple(_auc(varied, _seeded(data, seed), asked) for seed in seeds)
        points.append(CurvePoint(value=value, auc={Sample.VALIDATION: auc}))
    return SettingCurve(
        candidate=spec.name,
        kind=spec.kind,
        setting=asked.setting,
        own=getattr(spec, asked.setting),
        points=tuple(points),
    )


def _seeded(data: FittingData, seed: int) -> FittingData:
    return replace(data, training=data.training.model_copy(update={"seed": seed}))


def _auc(spec: AnyNetworkSpec, data: FittingData, asked: SettingCurveSpec) -> float:
    rows = data.validation
    found = panel_probabilities(fitted_candidate(spec, data), data)
    auc = point_scores(data.truth[rows], found[rows], threshold=0.5)["auc"]
    if auc is None:
        raise NotEnoughData(
            f"The curve of {asked.setting} of {asked.candidate} has nothing to be measured on.",
            expected="both a good and a bad outcome among the validation firms",
            found=f"{int(rows.sum())} validation firms with one class",
            way_out="leave `setting_curves` out of the portfolio file, or make validation larger (`split`)",
        )
    return auc
