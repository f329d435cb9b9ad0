"""The kinds of relation that a portfolio file can name: each a spec here, a contract and a pure function elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.base import Frozen
from schemas.specs import Name, Share
from schemas.tables import TableSpec


class _FirmRelation(TableSpec):
    """A relation that comes from a table.

    `where` takes only the rows of the file that hold these values, for files with several kinds of
    relation.
    `unknown_firms` says whether a row that names a firm which is not of the portfolio is a mistake
    (`refuse`: it is set aside) or expected (`drop`: it is left out and counted), as in a bank's
    payments, whose other side may bank elsewhere.
    """

    name: Name
    where: dict[str, str] = Field(default_factory=dict)
    unknown_firms: Literal["refuse", "drop"] = "refuse"

    def _named_columns(self) -> Iterator[str]:
        raise NotImplementedError

    def _own_columns(self) -> Iterator[str]:
        yield from self._named_columns()
        yield from self.where


class RelationSpec(_FirmRelation):
    """A relation that is delivered: a row names two firms. Two columns are enough.

    `weight_between` bounds a row's weight. `cap` keeps only that many heaviest partners a
    firm and direction, so that a hub cannot swamp its neighbourhood.

    `repeated` says what several rows of one pair of firms known at the same time mean: a mistake
    (`refuse`: they are set aside), or one edge with their summed, mean or largest weight.
    `self_loops` says whether a firm related to itself is a mistake or is left out.
    `reciprocal` says what A to B beside B to A means in a directed relation: two edges (`keep`); a mistake
    (`refuse`: the row published while its reverse holds is set aside, both if on one day); or one edge in the direction
    of the larger weight (the smaller id first if equal) with the `sum`, the `larger` of the two or
    the difference (`net`; no edge if there is none).

    `role: note` keeps a relation for people and from everything that is computed: the split audit still looks at it,
    but no candidate, community, statistic or fingerprint knows it. It is for a relation that contains the outcome.

    `shares_at_most` bounds the sum of a target's incoming weights known at the same time, as of
    shares in one firm: 1, or 100 for percentages. The rows whose publication takes the target above it are set aside.
    """

    kind: Literal["table"] = "table"
    role: Literal["note"] | None = None
    source: str
    target: str
    weight: str | None = None
    directed: bool = True
    repeated: Literal["refuse", "sum", "mean", "max"] = "refuse"
    self_loops: Literal["refuse", "drop"] = "refuse"
    reciprocal: Literal["keep", "refuse", "sum", "larger", "net"] = "keep"
    weight_between: tuple[float | None, float | None] = (0.0, None)
    shares_at_most: Annotated[float, Field(gt=0)] | None = None
    cap: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _possible(self) -> RelationSpec:
        _ordered(self.name, self.weight_between)
        where = f"relation {self.name!r}"
        if self.reciprocal != "keep" and not self.directed:
            raise ValueError(f"{where}: `reciprocal: {self.reciprocal}` is for directed relations")
        adds_up = self.directed and self.weight and self.repeated in {"refuse", "sum"}
        if self.shares_at_most is not None and not adds_up:
            raise ValueError(
                f"{where}: `shares_at_most` is for a directed relation with a `weight` whose repeated rows are refused "
                "or summed"
            )
        return self

    def _named_columns(self) -> Iterator[str]:
        yield from (self.source, self.target)
        if self.weight:
            yield self.weight


class SharedPartnerSpec(_FirmRelation):
    """A relation between firms that share a partner: a director, a bank, a customer.

    The table has a row a firm and partner. `window_days` counts only rows that became known within so
    many days before the quarter's end. A partner with more than `partner_cap` firms is left out, since
    its pairs grow with the square of its firms and say little about any of them. `weighting` is how
    much one shared partner with d firms adds to the weight of a pair: 1 (`count`), or 1/(d-1)
    (`newman`: a partner with few firms ties them more closely; Newman 2001).

    Where both columns hold firms, as customers and merchants, there are two projections: name the
    relation twice, once with `firm_id: merchant, partner: customer` (merchants with a customer in
    common) and once with the two swapped.
    """

    kind: Literal["shared_partner"]
    firm_id: str
    partner: str
    window_days: Annotated[int, Field(ge=1)] | None = None
    partner_cap: Annotated[int, Field(ge=2)] = 50
    weighting: Literal["count", "newman"] = "count"

    def _named_columns(self) -> Iterator[str]:
        yield from (self.firm_id, self.partner)


class PartnerNodesSpec(_FirmRelation):
    """A relation of firms to nodes of another type that stay in the graph: persons, banks, households.

    The table has a row a firm and partner. Relations of one `node_type` share its nodes, so that a
    director who is also an owner is one person. `weight` is a column with the link's weight (1 without
    one; bounded by `weight_between`), and `repeated` how several rows of one firm and partner make
    one: summed, mean or largest. `window_days` counts only rows that became known within so many days
    before the quarter's end.

    These nodes are for models that know several types of node; the firms' own relations, communities
    and neighbour features are the same without them.
    """

    kind: Literal["partner_nodes"]
    node_type: Name
    firm_id: str
    partner: str
    weight: str | None = None
    weight_between: tuple[float | None, float | None] = (0.0, None)
    repeated: Literal["sum", "mean", "max"] = "sum"
    window_days: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _possible(self) -> PartnerNodesSpec:
        _ordered(self.name, self.weight_between)
        if self.node_type == "firm":
            raise ValueError(
                f"relation {self.name!r}: `node_type: firm` is the firms themselves; a relation between two firms is "
                "`kind: table`"
            )
        return self

    def _named_columns(self) -> Iterator[str]:
        yield from (self.firm_id, self.partner)
        if self.weight:
            yield self.weight


class SimilarTextSpec(_FirmRelation):
    """A relation between firms whose newest known texts are alike.

    `method` is how a text becomes `components` numbers: `tfidf` (TF-IDF and truncated singular value
    decomposition), `doc2vec` (Le and Mikolov 2014, with `epochs` passes; needs the package gensim) or `given`
    (the column holds an embedding, a JSON array of as many numbers as `components` declares).

    Two firms are related when the cosine of theirs is at least `cut_off`, or each firm is to its
    `neighbours` most similar ones; `choice` says whether such a pair counts if `either` firm chose
    the other, only if the choice is `mutual`, or as a `directed` edge from the one that chose.

    Up to `exact_up_to` firms every pair is compared. Above it an index proposes pairs, which are then scored
    exactly; its reach grows until at least `least_recall` of the true pairs of a fixed sample of firms are found,
    and the share found is reported. `sensitivity` lists cut-offs for the table that shows what the choice does.
    """

    kind: Literal["similar_text"]
    firm_id: str
    text: str
    method: Literal["tfidf", "doc2vec", "given"] = "tfidf"
    components: Annotated[int, Field(ge=2, le=8192)] = 100
    least_documents: Annotated[int, Field(ge=1)] = 2
    epochs: Annotated[int, Field(ge=1, le=1000)] = 20
    cut_off: Annotated[float, Field(gt=0, lt=1)] | None = None
    neighbours: Annotated[int, Field(ge=1)] | None = None
    choice: Literal["either", "mutual", "directed"] = "either"
    exact_up_to: Annotated[int, Field(ge=0)] = 50_000
    least_recall: Annotated[float, Field(gt=0, le=1)] = 0.98
    sensitivity: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    seed: int = 0

    def _named_columns(self) -> Iterator[str]:
        yield from (self.firm_id, self.text)

    @model_validator(mode="after")
    def _one_rule(self) -> SimilarTextSpec:
        where = f"relation {self.name!r}"
        if (self.cut_off is None) == (self.neighbours is None):
            raise ValueError(f"{where}: give either `cut_off` or `neighbours`")
        if self.choice != "either" and self.neighbours is None:
            raise ValueError(f"{where}: `choice: {self.choice}` goes with `neighbours`; a cut-off has no direction")
        if self.method == "given" and "components" not in self.model_fields_set:
            raise ValueError(f"{where}: `method: given` needs `components`, how many numbers an embedding has")
        return self


class ReconstructedSpec(_FirmRelation):
    """Bilateral exposures that nobody delivers, reconstructed from what each firm lent and borrowed in total.

    The table has a row a firm; the newest known row counts. `method` is `maximum_entropy` (everybody
    lends to everybody in proportion, nobody to itself; Upper 2011) or `minimum_density` (as few
    links as the totals need; Anand, Craig and von Peter 2015). An edge goes from lender to borrower.

    The totals of `lent` and `borrowed` must agree up to `margin_tolerance` (a share of the larger), else the
    delivery is refused; within it `borrowed` is scaled to the total of `lent`. Maximum entropy stops
    after `rounds`, or once no firm's margin is off by more than `accuracy` (a share of the margin).
    """

    kind: Literal["reconstructed"]
    firm_id: str
    lent: str
    borrowed: str
    method: Literal["maximum_entropy", "minimum_density"]
    margin_tolerance: Share = 0.01
    rounds: Annotated[int, Field(ge=1)] = 1000
    accuracy: Annotated[float, Field(gt=0, lt=1)] = 1e-9

    def _named_columns(self) -> Iterator[str]:
        yield from (self.firm_id, self.lent, self.borrowed)


class NearestSpec(Frozen):
    """A relation of each firm to the `neighbours` firms with the most similar features.

    For portfolios without relations. Features are standardised over the firms of the quarter and
    missing ones count as average; `features` narrows them down, all by default.
    """

    kind: Literal["nearest"]
    name: Name
    neighbours: Annotated[int, Field(ge=1, le=1000)] = 10
    features: tuple[str, ...] = ()


#: relations between two firms that come from a table
DeliveredEdges = RelationSpec | SharedPartnerSpec | SimilarTextSpec | ReconstructedSpec
DeliveredRelation = DeliveredEdges | PartnerNodesSpec
AnyRelation = Annotated[DeliveredRelation | NearestSpec, Field(discriminator="kind")]


def _ordered(name: str, between: tuple[float | None, float | None]) -> None:
    least, most = between
    if least is not None and most is not None and least > most:
        raise ValueError(f"relation {name!r}: weight_between ends ({most:g}) before it begins ({least:g})")
