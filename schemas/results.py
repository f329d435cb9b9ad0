"""What computing and judging produce, as data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.base import Frozen
from schemas.interval import Interval as Interval  # noqa: PLC0414 - everybody takes it from here
from schemas.monitoring import QuarterMonitoring
from schemas.references import FileRef
from schemas.score_drift import ScoreDrift
from schemas.stability import EdgeStability
from schemas.terms import Family, Judgement, Quarter, Sample, Scheme


class QuarantinedRow(Frozen):
    """One value that broke one rule. `row` counts the delivery's data rows from 1."""

    table: str
    row: int
    column: str
    rule: str
    value: str


class TableAdmission(Frozen):
    """How one table fared: rows received, rows admitted, rows that broke each rule.

    `handled` counts admitted rows that a declared policy will drop (self-loops) or merge (repeated pairs).
    """

    table: str
    received: int
    admitted: int
    broken: dict[str, int]
    tolerance: float
    handled: dict[str, int] = Field(default_factory=dict)


class ExpectationResult(Frozen):
    """One statement about a whole column or table, and whether it held."""

    table: str
    column: str
    expectation: str
    met: bool
    observed: str


class AdmissionResult(Frozen):
    """The evidence of an admission."""

    tables: tuple[TableAdmission, ...]
    expectations: tuple[ExpectationResult, ...]


class RelationStatistics(Frozen):
    """Counts of one relation of a graph, and what its construction left out or merged.

    `unknown_firms`, `self_loops` and `repeated_rows` count rows, `reciprocal_pairs` pairs of firms related in both
    directions before the declared policy, `cut_by_cap` edges (or shared partners) beyond a cap.
    `rows` is None where nothing is known of the construction.
    """

    relation: str
    edges: int
    mean_degree: float
    largest_degree: int
    isolated_firms: int
    weight_total: float
    rows: int | None = None
    unknown_firms: int = 0
    self_loops: int = 0
    repeated_rows: int = 0
    reciprocal_pairs: int = 0
    cut_by_cap: int = 0
    #: groups of firms that reach each other along a directed relation, as in a ring of owners, and the largest
    cyclic_groups: int = 0
    largest_cyclic_group: int = 0
    #: reconstructed exposures: largest error against a firm's total, and how far the totals were apart, as shares
    margin_error: float | None = None
    margin_mismatch: float | None = None
    #: share of the true pairs that an index found; None where every pair was compared
    recall: float | None = None


class PartnerStatistics(Frozen):
    """Counts of the links of firms to nodes of another type, and what their construction left out or merged."""

    relation: str
    node_type: str
    links: int
    #: nodes of the type that this relation links, of `GraphStatistics.nodes` in all
    linked_nodes: int
    mean_links: float
    largest_node: int
    isolated_firms: int
    rows: int | None = None
    unknown_firms: int = 0
    repeated_rows: int = 0


class CutOffRow(Frozen):
    """What a cut-off on text similarity would make of a relation."""

    relation: str
    cut_off: float
    edges: int
    components: int
    mean_degree: float
    #: share of the true pairs that an index found; None where every pair was compared
    recall: float | None = None


class Homophily(Frozen):
    """Whether related firms are alike in one attribute: Newman's assortativity (2003) over one relation.

    1: only firms of the same value are related; 0: as by chance; below 0: rather firms of different values.
    `value` is None where no edge joins two firms whose values are known, or where all have the same one.
    """

    relation: str
    attribute: str
    #: edges between firms whose values are known
    edges: int
    value: float | None


class StructuralFingerprint(Frozen):
    """The shape of a graph in a few numbers that quarters can be compared by, whoever its firms are.

    Attributes
    ----------
    quantiles
        By statistic over the firms (degrees of each relation, clustering, core number), the value at each quantile.
    community_sizes
        Firms a community, at each quantile of the communities.
    homophily
        Of each category over each relation, the known outcome last.
    spectral_head
        Largest eigenvalues of the renormalised adjacency of the largest component, falling; the first is 1, and
        each that comes near it stands for a part of the graph that is nearly cut off from the rest.
    """

    quantiles: dict[str, dict[str, float]]
    community_sizes: dict[str, float]
    homophily: tuple[Homophily, ...]
    spectral_head: tuple[float, ...]


class GraphStatistics(Frozen):
    """What a corporate graph looks like. Degrees and clustering treat all relations as one undirected graph."""

    quarter: Quarter
    firms: int
    edges: int
    features: int
    fingerprint: str
    #: one digest a part (firms, features, each relation), so that a difference says what changed
    digests: dict[str, str]
    relations: tuple[RelationStatistics, ...]
    #: number of nodes that are no firms, by type, and the relations that link firms to them
    nodes: dict[str, int] = Field(default_factory=dict)
    partners: tuple[PartnerStatistics, ...] = ()
    components: int
    largest_component: int
    clustering: float
    largest_core: int
    degree_quantiles: dict[str, float]
    communities: int
    modularity: float
    #: how relations from texts depend on their cut-off
    sensitivity: tuple[CutOffRow, ...] = ()
    #: None in what was published before there was one
    structure: StructuralFingerprint | None = None


class SampleSummary(Frozen):
    """One sample of one scheme. `outcomes` counts firm-quarters by class."""

    scheme: Scheme
    sample: Sample
    firm_quarters: int
    firms: int
    communities: int
    vintages: tuple[Quarter, ...]
    outcomes: dict[str, int]


class AuditFinding(Frozen):
    """One thing that could make a candidate look better than it is; beyond the limit, a person should look."""

    check: str
    subject: str
    value: float
    limit: float
    beyond: bool
    explanation: str


class OriginResult(Frozen):
    """A fixed cheap model tested on the vintage `origin`; the outcomes it learnt from were known then."""

    origin: Quarter
    learnt_from: tuple[Quarter, ...]
    fitted: int
    tested: int
    auc: Interval


class SplitResult(Frozen):
    """The samples, why some could not be formed, what an audit of the split found, and rolling origins if wanted."""

    samples: tuple[SampleSummary, ...]
    missing: dict[str, str]
    audit: tuple[AuditFinding, ...] = ()
    origins: tuple[OriginResult, ...] = ()


class SampleResult(Frozen):
    """A candidate's metrics on one sample; intervals are cluster bootstraps by community."""

    sample: Sample
    firm_quarters: int
    communities: int
    metrics: dict[str, Interval]


class CandidateResult(Frozen):
    """One candidate: what it is, what fitting it took, how it did."""

    name: str
    kind: str
    family: Family
    content_hash: str
    fit_seconds: float
    inputs: int
    threshold: float
    notes: dict[str, float | int | str]
    samples: dict[Sample, SampleResult]


Answer = Literal["yes", "no", "not assessable"]


class GraphGain(Frozen):
    """AUC of a candidate with the graph minus that of a simpler one, on one sample.

    Who is compared was picked on validation; the interval is a paired cluster bootstrap by community.
    """

    sample: Sample
    graph_candidate: str
    simple_candidate: str
    difference: Interval


class RecoveredShare(Frozen):
    """Which share of a network's gain over own features neighbours' aggregates have too, on one sample.

    (AUC of `aggregates` - AUC of `own`) / (AUC of `network` - AUC of `own`); above 1 the aggregates are better than the
    network. `share` has no value where the network is not better than own features beyond chance.
    """

    sample: Sample
    aggregates: str
    network: str
    own: str
    share: Interval


class RankAgreement(Frozen):
    """Spearman's correlation of two networks' scores of the same firms, on one sample."""

    sample: Sample
    first: str
    second: str
    correlation: Interval


class GraphHelp(Frozen):
    """Whether the graph helped, and the comparisons that say so.

    Attributes
    ----------
    gains
        Best candidate with the graph over the best one on own features alone; ensembles are left out.
    control
        The same candidate over itself fitted without the graph; empty if the gains said no already.
    aggregates
        Best candidate on neighbours' aggregates over the one of its kind on own features alone.
    agree
        Whether the networks put firms in the same order.
    """

    helped: Answer
    reason: str
    gains: tuple[GraphGain, ...] = ()
    control: tuple[GraphGain, ...] = ()
    aggregates: tuple[GraphGain, ...] = ()
    recovered: tuple[RecoveredShare, ...] = ()
    agreement: tuple[RankAgreement, ...] = ()
    agree: Answer = "not assessable"


class Evaluation(Frozen):
    """All candidates, the one that selection on validation chose, and whether the graph helped."""

    candidates: tuple[CandidateResult, ...]
    chosen: str
    best_on_validation: str
    choice_reason: str
    graph: GraphHelp
    #: AUC of a fixed cheap model on random firms minus on whole held-out communities
    leakage_gap: Interval
    leakage_reason: str = ""


class GroupFairness(Frozen):
    """How one group of one protected attribute fares against the reference group.

    `impact_ratio` is the group's favourable rate divided by the reference group's.
    """

    attribute: str
    group: str
    reference: str
    firms: int
    favourable_rate: float | None
    impact_ratio: float | None
    reason: str = ""


class Histogram(Frozen):
    """Shares of firms a bin, expected (the earlier quarter) beside actual (this one)."""

    edges: tuple[str, ...]
    expected: tuple[float, ...]
    actual: tuple[float, ...]


class ColumnDrift(Frozen):
    """Drift of one column against the earlier quarter; higher is further away."""

    column: str
    method: str
    value: float | None
    limit: float
    drifted: bool
    histogram: Histogram | None = None


class RelationChurn(Frozen):
    """How many edges of one relation came and went."""

    relation: str
    kept: int
    born: int
    died: int
    jaccard: float | None


class WordDrift(Frozen):
    """A word and the shares of texts that have it, then and now."""

    word: str
    before: float
    after: float


class TextDrift(Frozen):
    """What moved in the texts of a relation or column, beside its entry among the columns.

    `chance` is the share of permutations within firms that lie as far apart; the words are those whose share of texts
    rose or fell most, none where embeddings are delivered.
    """

    name: str
    before: int
    after: int
    distance: float
    chance: float
    rising: tuple[WordDrift, ...] = ()
    falling: tuple[WordDrift, ...] = ()


class Drift(Frozen):
    """Drift of features or of the graph against the quarter published before."""

    expected_quarter: Quarter | None
    columns: tuple[ColumnDrift, ...] = ()
    texts: tuple[TextDrift, ...] = ()
    churn: tuple[RelationChurn, ...] = ()
    firms_in: int = 0
    firms_out: int = 0
    reason: str = ""

    @property
    def assessable(self) -> bool:
        """Tell whether there was an earlier quarter to compare with."""
        return self.expected_quarter is not None

    @property
    def drifted_share(self) -> float | None:
        """Return the share of columns that drifted."""
        return sum(column.drifted for column in self.columns) / len(self.columns) if self.columns else None


class GateResult(Frozen):
    """One gate: the value, the limit it is held against, and the verdict."""

    gate: str
    value: float | None
    limit: float | None
    comparison: Literal["at least", "at most"]
    verdict: Judgement
    reason: str = ""


class Verdict(Frozen):
    """What the refresh concluded. Failed gates are a verdict, not an error."""

    outcome: Literal["passed", "failed"]
    chosen: str
    summary: str
    graph_helped: Answer
    #: why, in a sentence; empty in what was published before there was one
    graph_reason: str = ""


class Judged(Frozen):
    """Everything that judging produced."""

    fairness: tuple[GroupFairness, ...]
    feature_drift: Drift
    graph_drift: Drift
    gates: tuple[GateResult, ...]
    verdict: Verdict
    #: None for the first published quarter, and in what was published before quarters were monitored
    monitoring: QuarterMonitoring | None = None
    #: the chosen candidate's first, then that of another one for comparison; none in what was published before
    edge_stability: tuple[EdgeStability, ...] = ()
    #: None in what was published before scores were compared
    score_drift: ScoreDrift | None = None


class Refresh(Frozen):
    """A published refresh: what `creditnet refresh --json` prints.

    `candidates` maps candidate, sample and metric to a value.
    """

    portfolio: str
    quarter: Quarter
    fingerprint: str
    refresh: str
    candidates: dict[str, dict[str, dict[str, float | None]]]
    verdict: Verdict
    gates: tuple[GateResult, ...]
    documents: tuple[str, ...]
    stages: dict[str, float]
    model_version: str
    content_hashes: dict[str, str]
    files: tuple[str, ...]


class Manifest(Frozen):
    """Every file of a published refresh with its SHA-256; the manifest itself is hashed in the catalogue."""

    refresh: str
    portfolio: str
    quarter: Quarter
    fingerprint: str
    files: tuple[FileRef, ...]
    #: head of the audit log when the refresh was published: a later log without it was cut short
    audit_head: str | None = None


class RefreshOutcome(Frozen):
    """What a run of the flow came to: a new refresh, or the one that had been published before."""

    refresh: Refresh
    already_published: bool = False
