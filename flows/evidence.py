"""From an admitted delivery to fitted candidates: what a refresh is judged on, and what a reproduction makes again."""

from __future__ import annotations

from schemas.references import Evidence, RefreshRun
from tasks.admission import admit
from tasks.combining import combine
from tasks.graphs import build_graph
from tasks.panels import split_firms
from tasks.training import fit


def gather_evidence(run: RefreshRun) -> Evidence:
    """Admit the delivery, build the graphs, deal the samples, fit every candidate under every scheme."""
    spec, schemes = run.portfolio, run.portfolio.split.schemes
    admission = admit(run)
    panel = build_graph(run, admission)
    split = split_firms(run, panel)
    fitted = [fit(run, one, panel, split, scheme) for scheme in schemes for one in spec.single_candidates]
    joint = [combine(run, one, panel, split, scheme, fitted) for scheme in schemes for one in spec.ensembles]
    return Evidence(admission=admission, panel=panel, split=split, models=(*fitted, *joint))
