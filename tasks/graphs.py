"""Building the corporate graphs of a refresh: the quarter's own and those of its closed vintages."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from models.admission import relation_table
from models.categories import categories, known_outcome
from models.communities import detected_communities
from models.corporate_graph import CorporateGraph, constructed_graph
from models.fingerprint import exact_root, part_digests
from models.graph_codec import graph_bytes, graph_from_bytes
from models.graph_statistics import graph_statistics
from models.homophily import homophily
from models.inputs import with_inputs
from models.knowledge import closed_outcomes, known_by, newest_firms
from models.text_similarity import cut_off_sensitivity
from models.vintages import VintagePlan, vintage_plan
from schemas.errors import NotEnoughData
from schemas.portfolio import PortfolioSpec, SimilarTextSpec
from schemas.references import AdmissionRef, FileRef, GraphRef, PanelRef, RefreshRun
from schemas.results import CutOffRow, Homophily
from schemas.terms import Quarter, Table
from tasks.lake import read_file, read_frame, write_file, write_frame, write_json
from tasks.progress import note
from tasks.stage import stage


@stage("build graph", cached=True)
def build_graph(run: RefreshRun, admission: AdmissionRef) -> PanelRef:
    """Build the graph as known at the quarter's end, and one for each closed vintage as known then.

    Raises
    ------
    NotEnoughData
        If the graph is empty, no outcome is known yet, or all known outcomes are of one class.
    """
    home = Path(run.home)
    tables = {name: read_frame(home, ref) for name, ref in admission.tables.items()}
    plan = _plan(run, tables[Table.OUTCOMES])
    outcomes = _outcomes(tables[Table.OUTCOMES], plan, run)
    _refuse_one_class(outcomes, run.portfolio)
    quarters = sorted({*plan.every, run.quarter})
    built = {quarter: constructed_graph(tables, run.portfolio, quarter.end) for quarter in quarters}
    graphs = {quarter: with_inputs(one.graph, tables, run.portfolio) for quarter, one in built.items()}
    current = graphs[run.quarter]
    attributes = _attributes(tables, quarters, run.portfolio)
    communities = detected_communities(current.firms, current.union(), run.portfolio.graph)
    homophily = _homophily(graphs, outcomes, attributes, run)
    statistics = graph_statistics(current, communities, homophily, built[run.quarter].notes)
    statistics = statistics.model_copy(update={"sensitivity": _sensitivity(tables, current, run)})
    note(f"{statistics.firms:,} firms, {statistics.edges:,} edges, {statistics.communities} communities")
    refs = {quarter: _written(home, run, quarter, graph) for quarter, graph in graphs.items()}
    return PanelRef(
        current=refs[run.quarter],
        vintages=tuple(refs[vintage] for vintage in plan.every),
        outcomes=write_frame(home, f"{run.work}/outcomes.parquet", outcomes),
        attributes=write_frame(home, f"{run.work}/attributes.parquet", attributes),
        statistics=write_json(home, f"{run.work}/graph_statistics.json", statistics),
        out_of_time=plan.out_of_time,
        out_of_time_missing=plan.reason,
        partition=admission.tables.get(Table.PARTITION),
    )


def read_graph(home: Path, ref: GraphRef) -> CorporateGraph:
    """Load a graph whose bytes are what was recorded."""
    return graph_from_bytes(read_file(home, ref.file))


def _homophily(
    graphs: dict[Quarter, CorporateGraph], outcomes: pl.DataFrame, attributes: pl.DataFrame, run: RefreshRun
) -> tuple[Homophily, ...]:
    """Return the homophily of the quarter's attributes, then of the closed vintages' outcomes, each in its graph."""
    of_quarter = attributes.filter(pl.col("quarter") == str(run.quarter))
    current = graphs[run.quarter]
    vintages = outcomes.partition_by("vintage", as_dict=True)
    closed = [
        (graphs[Quarter.parse(str(vintage))], rows) for (vintage,), rows in sorted(vintages.items(), key=lambda v: v[0])
    ]
    return (
        *homophily([(current, categories(current, of_quarter, run.portfolio))]),
        *homophily((graph, [known_outcome(graph, rows, run.portfolio.target)]) for graph, rows in closed),
    )


def _sensitivity(tables: dict[str, pl.DataFrame], graph: CorporateGraph, run: RefreshRun) -> tuple[CutOffRow, ...]:
    texts = [relation for relation in run.portfolio.relations if isinstance(relation, SimilarTextSpec)]
    firms = pl.Series(graph.firms)
    return tuple(
        row
        for spec in texts
        for row in cut_off_sensitivity(known_by(tables[relation_table(spec.name)], run.quarter.end), firms, spec)
    )


def _plan(run: RefreshRun, outcomes: pl.DataFrame) -> VintagePlan:
    horizon = run.portfolio.target.horizon_quarters
    delivered = [Quarter.parse(vintage) for vintage in outcomes["vintage"].unique().to_list()]
    return vintage_plan(run.quarter, horizon, run.portfolio.split, delivered)


def _outcomes(outcomes: pl.DataFrame, plan: VintagePlan, run: RefreshRun) -> pl.DataFrame:
    """Return (vintage, firm_id, row of the delivery, outcome as class index), as known at the quarter's end.

    With the index of its grade among `TargetSpec.every_grade`, where there are grades.
    """
    target = run.portfolio.target
    classes = {name: index for index, name in enumerate(target.classes)}
    grades = {name: index for index, name in enumerate(target.every_grade)}
    graded = [pl.col("grade").replace_strict(grades, return_dtype=pl.Int64)] if grades else []
    return pl.concat(
        closed_outcomes(outcomes, vintage, run.quarter.end).select(
            pl.lit(str(vintage)).alias("vintage"),
            "firm_id",
            "row",
            pl.col("outcome").replace_strict(classes, return_dtype=pl.Int64),
            *graded,
        )
        for vintage in plan.every
    )


def _refuse_one_class(outcomes: pl.DataFrame, portfolio: PortfolioSpec) -> None:
    found = sorted(outcomes["outcome"].unique().to_list())
    if len(found) > 1:
        return
    classes = portfolio.target.classes
    raise NotEnoughData(
        f"All known outcomes are of one class: there is nothing to learn for {portfolio.target.label!r}.",
        expected=f"outcomes of at least two of the classes {', '.join(classes)}",
        found=f"{outcomes.height:,} outcomes, all {classes[found[0]]!r}" if found else "no outcome at all",
        way_out="check the outcome column and `target.classes`, or refresh a quarter with more known outcomes",
    )


def _attributes(tables: dict[str, pl.DataFrame], quarters: list[Quarter], portfolio: PortfolioSpec) -> pl.DataFrame:
    """Return each quarter's firms in graph order with protected and watched attributes and the published split."""
    groups = (*portfolio.protected_columns, *portfolio.watched_columns)
    wanted = [*groups, *([portfolio.split_column] if portfolio.split_column else [])]
    return pl.concat(
        newest_firms(tables[Table.FIRMS], quarter.end).select(
            pl.lit(str(quarter)).alias("quarter"), "firm_id", *(column.name for column in wanted)
        )
        for quarter in quarters
    )


def _written(home: Path, run: RefreshRun, quarter: Quarter, graph: CorporateGraph) -> GraphRef:
    file: FileRef = write_file(home, f"{run.work}/graphs/{quarter}.safetensors", graph_bytes(graph))
    return GraphRef(quarter=quarter, file=file, fingerprint=exact_root(part_digests(graph)))
