"""The one door: any fitted candidate and a graph, opened for explanations."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from models.calibrated import FittedCalibrated
from models.corporate_graph import CorporateGraph
from models.explain.attribution import Explained
from models.explain.tables import OpenedTable
from models.explain.whole import OpenedWhole
from models.fitted import Fitted
from models.graded import FittedGraded
from models.ordered import FittedOrdered
from schemas.candidates import AnyTabularSpec, NetworkSpec
from schemas.errors import NotEnoughData


class Opened(Protocol):
    """A candidate and a graph whose firms it scores."""

    @property
    def graph(self) -> CorporateGraph:
        """The graph."""
        ...

    @property
    def adverse(self) -> tuple[int, ...]:
        """Class indices whose probability is explained."""
        ...

    def disturbed(self, scale: float, seed: int) -> Opened:
        """Return the same with slightly disturbed inputs, `scale` of their standard deviations."""
        ...

    def about(self, firm: int) -> Explained:
        """Return the score of the firm in a row of the graph."""
        ...


def opened(fitted: Fitted, graph: CorporateGraph, adverse: Collection[int]) -> Opened:
    """Open a fitted candidate for explanations.

    What a calibration map does afterwards is left out: it changes no order of two classes, and its steps would hide
    what moves a score.

    Parameters
    ----------
    graph
        As the candidate is asked about it: with all computed columns.
    adverse
        Class indices whose probability is explained: those that are not favourable.
    """
    if isinstance(fitted, FittedCalibrated):
        return opened(fitted.base, graph, adverse)
    if isinstance(fitted, FittedGraded) and isinstance(getattr(fitted.model, "spec", None), NetworkSpec):
        grades = [grade for grade, one in enumerate(fitted.class_of) if one in adverse]
        return opened(fitted.model, graph, grades)
    spec = _spec_of(fitted)
    chosen = tuple(sorted(adverse))
    if isinstance(spec, NetworkSpec):
        from models.explain.networks import OpenedNetwork  # imports torch, which the others can do without
        from models.fitting import FittedGnn

        if isinstance(fitted, FittedGnn):
            return OpenedNetwork(fitted, graph, chosen)
    if isinstance(spec, AnyTabularSpec):
        return OpenedTable(fitted, graph, spec.features, chosen)
    return OpenedWhole(fitted, graph, chosen)


def explained(door: Opened, firm: str) -> Explained:
    """Return the score of one firm.

    Raises
    ------
    NotEnoughData
        If the graph does not have the firm.
    """
    rows = (door.graph.firms == firm).nonzero()[0]
    if not len(rows):
        raise NotEnoughData(
            f"Firm {firm} is not in the graph of {door.graph.as_of}.",
            expected=f"one of {door.graph.size} firms, such as {door.graph.firms[0]}",
            found=firm,
            way_out="ask for a firm that was known at the end of the quarter",
        )
    return door.about(int(rows[0]))


def _spec_of(fitted: Fitted) -> object:
    """Return the settings of a candidate, behind whatever is wrapped around it."""
    if isinstance(fitted, FittedGraded):
        return _spec_of(fitted.model)
    if isinstance(fitted, FittedOrdered):
        steps = [step for step in fitted.steps if not isinstance(step, float)]
        return _spec_of(steps[0]) if steps else None
    return getattr(fitted, "spec", None)
