"""What a portfolio is: one YAML file says it all, so that another bank is another file, not code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import polars as pl
from pydantic import Field, field_validator, model_validator

from schemas.base import Frozen
from schemas.candidates import CandidateSpec, EnsembleSpec, Group, SingleSpec
from schemas.questions import Question
from schemas.rating import MasterScaleSpec
from schemas.reasons import ReasonSpec
from schemas.relation_kinds import (
    AnyRelation,
    ComputedRelation,
    DeliveredEdges,
    DeliveredRelation,
    NearestSpec,
    PartnerNodesSpec,
    ReconstructedSpec,
    RelationSpec,
    SharedPartnerSpec,
    SimilarPartnersSpec,
    SimilarTextSpec,
)
from schemas.setting_curves import SettingCurveSpec
from schemas.specs import EvaluationSpec, GatesSpec, GraphSpec, Name, RetrainingSpec, Share, StabilitySpec, TrainingSpec
from schemas.splits import SplitSpec, UseSpec
from schemas.tables import TableSpec
from schemas.terms import Family, Kind, Quarter, Role, Scheme, TargetKind

__all__ = [
    "RESERVED_NAMES",
    "AnyRelation",
    "ColumnSpec",
    "DeliveredEdges",
    "DeliveredRelation",
    "DerivedFeature",
    "FilingsSpec",
    "FirmsSpec",
    "FolderSource",
    "NearestSpec",
    "OutcomesSpec",
    "PartnerNodesSpec",
    "PortfolioSpec",
    "Question",
    "ReconstructedSpec",
    "RelationSpec",
    "RowRule",
    "SharedPartnerSpec",
    "SimilarPartnersSpec",
    "SimilarTextSpec",
    "SimulatedSource",
    "Source",
    "SqlSource",
    "TargetSpec",
]

#: names that tables use for their keys, dates and provenance
RESERVED_NAMES = (
    "firm_id",
    "name",
    "period",
    "vintage",
    "outcome",
    "quarter",
    "published_on",
    "valid_until",
    "row",
    "delivered",
    "index",
)


class FolderSource(Frozen):
    """A folder of Parquet or CSV files, looked for below the data folder."""

    kind: Literal["folder"]
    path: str = "."


class SqlSource(Frozen):
    """A database. `url` is a SQLAlchemy URL; `env:NAME` takes it from the environment variable NAME."""

    kind: Literal["sql"]
    url: str

    @field_validator("url")
    @classmethod
    def _no_password(cls, url: str) -> str:
        if re.search(r"://[^/@]*:[^@]+@", url):
            raise ValueError(
                "the URL holds a password: put the URL into an environment variable and write env:NAME here"
            )
        return url


class SimulatedSource(Frozen):
    """The simulated economy, generated on the spot.

    `contagion` multiplies how strongly distress travels along relations: at 0 no outcome depends on the graph.
    `own_strength` multiplies what a firm's own condition counts for its outcome: at 0 only the graph tells it.
    """

    kind: Literal["simulated"]
    seed: int = 7
    firms: Annotated[int, Field(ge=50)] = 2400
    contagion: Annotated[float, Field(ge=0)] = 1.0
    own_strength: Annotated[float, Field(ge=0)] = 1.0


Source = Annotated[FolderSource | SqlSource | SimulatedSource, Field(discriminator="kind")]


class ColumnSpec(Frozen):
    """One column: what it is called here and there, how it is read, what it may hold.

    `completeness` (least share of filled rows) and `mean_between` are statements about the whole
    column, checked by Great Expectations; the others are rules for each row.

    `reference` is the value that the other groups of a protected attribute are compared with. On a category of firms
    that is a feature it has the category watched too: its groups are in the fair-lending report, without a gate.
    """

    name: Name
    column: str = ""
    kind: Kind = Kind.NUMBER
    role: Role = Role.FEATURE
    values: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    nullable: bool = False
    reference: str | None = None
    unit: str = ""
    completeness: Share | None = None
    mean_between: tuple[float, float] | None = None

    @property
    def source_name(self) -> str:
        """Return the column's name in the delivery."""
        return self.column or self.name

    @model_validator(mode="after")
    def _possible(self) -> ColumnSpec:
        where = f"column {self.name!r}"
        if self.name in RESERVED_NAMES:
            raise ValueError(f"{where}: the name is used for something else; reserved are {', '.join(RESERVED_NAMES)}")
        if len(set(self.values)) < len(self.values):
            raise ValueError(f"{where}: `values` repeat")
        if self.values and self.kind is not Kind.CATEGORY:
            raise ValueError(f"{where}: `values` are for a category, not for {self.kind}")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"{where}: minimum {self.minimum:g} is above maximum {self.maximum:g}")
        if self.kind is Kind.CATEGORY and not self.values:
            raise ValueError(f"{where}: a category needs `values`, the closed list of what it may be")
        if self.role is Role.FEATURE and self.kind not in (Kind.NUMBER, Kind.INTEGER, Kind.CATEGORY):
            raise ValueError(f"{where}: a feature is a number, an integer or a category, not {self.kind}")
        if self.role in (Role.PROTECTED, Role.SPLIT) and self.kind is not Kind.CATEGORY:
            raise ValueError(f"{where}: a {self.role} column is a category with its `values`")
        if self.role is Role.PROTECTED and self.reference not in self.values:
            raise ValueError(
                f"{where}: a protected attribute needs `reference`, one of its values "
                f"({', '.join(self.values)}); found {self.reference!r}"
            )
        if self.reference is not None and self.reference not in self.values:
            raise ValueError(
                f"{where}: `reference` is one of the values ({', '.join(self.values) or 'a category has them'}); "
                f"found {self.reference!r}"
            )
        if (self.minimum is not None or self.maximum is not None or self.mean_between) and self.kind not in (
            Kind.NUMBER,
            Kind.INTEGER,
        ):
            raise ValueError(f"{where}: minimum, maximum and mean_between are for numbers")
        return self


class RowRule(Frozen):
    """A rule across the columns of one row: a boolean SQL expression over the names used here."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    expression: str


class DerivedFeature(Frozen):
    """A feature computed from the columns of one firm: a numeric SQL expression, such as a ratio.

    A division by zero or anything else without a finite value makes the feature missing.
    """

    name: Name
    expression: str


class FirmsSpec(TableSpec):
    """Who the firms are. A row counts from `published_on` until `valid_until` (the day it leaves)."""

    firm_id: str
    name: str | None = None
    columns: tuple[ColumnSpec, ...] = ()
    rules: tuple[RowRule, ...] = ()

    def _own_columns(self) -> Iterator[str]:
        yield self.firm_id
        if self.name:
            yield self.name
        yield from (column.source_name for column in self.columns)


class FilingsSpec(TableSpec):
    """What the firms report, a row a firm and period; the newest known filing counts."""

    firm_id: str
    period: str | None = None
    columns: tuple[ColumnSpec, ...] = ()
    rules: tuple[RowRule, ...] = ()

    def _own_columns(self) -> Iterator[str]:
        yield self.firm_id
        if self.period:
            yield self.period
        yield from (column.source_name for column in self.columns)


class OutcomesSpec(TableSpec):
    """What became of the firms, a row a firm and vintage (the quarter it was observed from).

    `grade` is the column with the finer grade that `value` is cut from (`target.grades`).
    """

    firm_id: str
    value: str
    vintage: str | None = None
    grade: str | None = None

    def _own_columns(self) -> Iterator[str]:
        yield from (self.firm_id, self.value)
        if self.vintage:
            yield self.vintage
        if self.grade:
            yield self.grade


class TargetSpec(Frozen):
    """What is predicted.

    `classes` are the texts an outcome may be, in order; a binary target's second class is the
    positive one. `favourable` lists the classes that are good for the firm. An outcome of vintage
    v is closed `horizon_quarters` after v; 0 means that the data set counts as closed.

    `grades` splits every class into finer grades, in the same order as the classes, as a rating scale splits
    investment grade from the rest. Candidates with `grades: true` learn from them; what is judged stays the class.
    """

    kind: TargetKind
    classes: tuple[str, ...]
    favourable: tuple[str, ...]
    horizon_quarters: Annotated[int, Field(ge=0)]
    label: str
    grades: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default_factory=dict)

    @property
    def asked(self) -> dict[str, object]:
        """Return what is predicted, without what it is called and how finely it is rated."""
        return self.model_dump(exclude={"label", "grades"})

    @property
    def every_grade(self) -> tuple[str, ...]:
        """Return all grades in the order of the classes; none if none are declared."""
        return tuple(grade for name in self.classes for grade in self.grades.get(name, ()))

    @property
    def class_of_grade(self) -> tuple[int, ...]:
        """Return the class index of each of `every_grade`."""
        return tuple(index for index, name in enumerate(self.classes) for _ in self.grades.get(name, ()))

    @model_validator(mode="after")
    def _possible(self) -> TargetSpec:
        if self.grades and set(self.grades) != set(self.classes):
            raise ValueError(
                f"`grades` splits every class: expected {', '.join(self.classes)}; found {', '.join(self.grades)}"
            )
        twice = sorted({grade for grade in self.every_grade if self.every_grade.count(grade) > 1})
        if twice:
            raise ValueError(f"a grade belongs to one class, these repeat: {', '.join(twice)}")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"classes repeat: {', '.join(self.classes)}")
        if self.kind is TargetKind.BINARY and len(self.classes) != 2:
            raise ValueError(f"a binary target has two classes; found {len(self.classes)}")
        if self.kind is TargetKind.ORDINAL and len(self.classes) < 3:
            raise ValueError(f"an ordinal target has three classes or more; found {len(self.classes)}")
        if not self.favourable or not set(self.favourable) < set(self.classes):
            raise ValueError(
                "`favourable` names some of the classes, not all and not none: "
                f"classes {', '.join(self.classes)}; found {', '.join(self.favourable) or 'nothing'}"
            )
        return self


class PortfolioSpec(Frozen):
    """A portfolio: its source, tables, target, split, candidates and gates."""

    name: Name
    title: str
    purpose: str
    source: Source
    quarter: Quarter | None = None
    firms: FirmsSpec
    relations: tuple[AnyRelation, ...] = ()
    filings: FilingsSpec | None = None
    outcomes: OutcomesSpec
    target: TargetSpec
    derived: tuple[DerivedFeature, ...] = ()
    graph: GraphSpec = GraphSpec()
    split: SplitSpec = SplitSpec()
    use: UseSpec | None = None
    training: TrainingSpec = TrainingSpec()
    candidates: Annotated[tuple[CandidateSpec, ...], Field(min_length=1)]
    evaluation: EvaluationSpec = EvaluationSpec()
    gates: GatesSpec = GatesSpec()
    stability: StabilitySpec = StabilitySpec()
    retraining: RetrainingSpec = RetrainingSpec()
    #: settings of networks that a refresh varies, for the embeddings page
    setting_curves: tuple[SettingCurveSpec, ...] = ()
    #: the grades that probabilities are cut to in the tests of IRB validation
    master_scale: MasterScaleSpec = MasterScaleSpec()
    #: the words of reason codes; what has none is named after its columns and relations
    reasons: tuple[ReasonSpec, ...] = ()
    limitations: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()

    @property
    def feature_columns(self) -> tuple[ColumnSpec, ...]:
        """Return the columns that become features, filings after firms."""
        every = self.firms.columns + (self.filings.columns if self.filings else ())
        return tuple(column for column in every if column.role is Role.FEATURE)

    @property
    def protected_columns(self) -> tuple[ColumnSpec, ...]:
        """Return the protected attributes."""
        return tuple(column for column in self.firms.columns if column.role is Role.PROTECTED)

    @property
    def segment_columns(self) -> tuple[ColumnSpec, ...]:
        """Return the categories that firms can be told apart by: protected attributes, and features."""
        features = (column for column in self.feature_columns if column.kind is Kind.CATEGORY)
        return (*self.protected_columns, *features)

    @property
    def watched_columns(self) -> tuple[ColumnSpec, ...]:
        """Return the features of firms whose groups are watched for fairness: categories with a `reference`."""
        return tuple(column for column in self.firms.columns if column.role is Role.FEATURE and column.reference)

    @property
    def split_column(self) -> ColumnSpec | None:
        """Return the column with the published split, if there is one."""
        return next((column for column in self.firms.columns if column.role is Role.SPLIT), None)

    @property
    def delivered_relations(self) -> tuple[DeliveredRelation, ...]:
        """Return the relations that come from a table; the others are computed."""
        return tuple(relation for relation in self.relations if not isinstance(relation, ComputedRelation))

    @property
    def delivered_edges(self) -> tuple[DeliveredEdges, ...]:
        """Return the relations between firms that come from a table and that models know."""
        known = (relation for relation in self.delivered_relations if relation in self.linking_relations)
        return tuple(relation for relation in known if not isinstance(relation, PartnerNodesSpec))

    @property
    def linking_relations(self) -> tuple[AnyRelation, ...]:
        """Return the relations that models know; those with `role: note` are for people."""
        return tuple(
            relation
            for relation in self.relations
            if not (isinstance(relation, RelationSpec) and relation.role == "note")
        )

    @property
    def single_candidates(self) -> tuple[SingleSpec, ...]:
        """Return the candidates that are fitted by themselves."""
        return tuple(candidate for candidate in self.candidates if not isinstance(candidate, EnsembleSpec))

    @property
    def ensembles(self) -> tuple[EnsembleSpec, ...]:
        """Return the candidates that combine others."""
        return tuple(candidate for candidate in self.candidates if isinstance(candidate, EnsembleSpec))

    @property
    def primary_scheme(self) -> Scheme:
        """Return the scheme whose validation chooses and whose models are scored and registered."""
        return (self.use.primary(self.split.schemes) if self.use else None) or self.split.schemes[0]

    def family_of(self, candidate: CandidateSpec) -> Family:
        """Return what a candidate knows of a firm; an ensemble knows what the richest of its members knows."""
        if not isinstance(candidate, EnsembleSpec):
            return candidate.family
        members = [member.family for member in self.single_candidates if member.name in candidate.members]
        return max(members, key=list(Family).index)

    @field_validator("relations", mode="before")
    @classmethod
    def _tables_by_default(cls, relations: object) -> object:
        if not isinstance(relations, list | tuple):
            return relations
        return [{"kind": "table", **entry} if isinstance(entry, dict) else entry for entry in relations]

    @model_validator(mode="after")
    def _consistent(self) -> PortfolioSpec:
        mistakes = [
            *self._repeated(),
            *self._grade_mistakes(),
            *self._split_mistakes(),
            *self._segment_mistakes(),
            *self._feature_mistakes(),
            *self._expression_mistakes(),
            *self._time_mistakes(),
            *self._candidate_mistakes(),
            *self._reason_mistakes(),
        ]
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    def _repeated(self) -> Iterator[str]:
        groups = {
            "candidates": [candidate.name for candidate in self.candidates],
            "relations": [relation.name for relation in self.relations],
            "setting_curves": [f"{curve.setting} of {curve.candidate}" for curve in self.setting_curves],
            "columns and derived features": [
                *(column.name for column in self.firms.columns + (self.filings.columns if self.filings else ())),
                *(feature.name for feature in self.derived),
            ],
            "topics of questions": [str(question.about) for question in self.questions if question.about],
        }
        for group, names in groups.items():
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                yield f"{group}: names must differ, these repeat: {', '.join(twice)}"

    def _grade_mistakes(self) -> Iterator[str]:
        if bool(self.outcomes.grade) != bool(self.target.grades):
            yield "`outcomes.grade`, the column with grades, and `target.grades`, what it may hold, go together"

    def _segment_mistakes(self) -> Iterator[str]:
        possible = [column.name for column in self.segment_columns]
        if self.stability.segment and self.stability.segment not in possible:
            yield (
                f"stability.segment: {self.stability.segment} is no category that is a feature or protected; "
                f"there {'is' if len(possible) == 1 else 'are'} {', '.join(possible) or 'none'}"
            )

    def _split_mistakes(self) -> Iterator[str]:
        if self.use and self.use.primary(self.split.schemes) is None:
            fitting = (
                "`community`" if self.use.firms_from == "unseen_communities" else "`published`, `temporal` or `entity`"
            )
            yield f"use.firms_from: {self.use.firms_from} needs a scheme that validates on such firms: {fitting}"
        if self.split.published is None:
            return
        column = self.split_column
        if column is None:
            yield "split.published needs a column of firms with the role `split`"
            return
        named = (
            *self.split.published.development,
            *self.split.published.validation,
            *self.split.published.published_test,
        )
        unknown = sorted(set(named) - set(column.values))
        if unknown:
            yield f"split.published names values that column {column.name!r} cannot hold: {', '.join(unknown)}"

    def _feature_mistakes(self) -> Iterator[str]:
        if not self.feature_columns and not self.derived:
            yield "no column has the role `feature`: there is nothing to predict from"
        known = {*(c.name for c in self.feature_columns), *(feature.name for feature in self.derived)}
        for relation in self.relations:
            strange = sorted(set(relation.features) - known) if isinstance(relation, NearestSpec) else []
            if strange:
                yield f"relation {relation.name}: `features` names what is no feature: {', '.join(strange)}"
        yield from self._similarity_mistakes()
        filed = self.filings.columns if self.filings else ()
        misplaced = [column.name for column in filed if column.role in (Role.PROTECTED, Role.SPLIT) or column.reference]
        if misplaced:
            yield f"protected, watched and split columns belong to firms, not to filings: {', '.join(misplaced)}"

    def _similarity_mistakes(self) -> Iterator[str]:
        edges = {relation.name for relation in self.delivered_edges}
        for relation in self.relations:
            if not isinstance(relation, SimilarPartnersSpec):
                continue
            strange = sorted(set(relation.relations) - edges)
            if strange or not edges:
                yield (
                    f"relation {relation.name}: partners come from relations between firms that have a table "
                    f"({', '.join(sorted(edges)) or 'there are none'}); found {', '.join(strange) or 'none'}"
                )

    def _candidate_mistakes(self) -> Iterator[str]:
        given = {Group.OWN, Group.NEIGHBOUR}
        given |= {Group.STRUCTURE} if self.graph.structure else set()
        given |= {Group.EMBEDDING} if self.graph.embedding else set()
        linking = {relation.name for relation in self.linking_relations}
        given |= {Group.HISTORY} if self.graph.history else set()
        for candidate in self.single_candidates:
            asked = {*getattr(candidate, "features", ()), *getattr(getattr(candidate, "base", None), "features", ())}
            missing = sorted(asked - given)
            if missing:
                yield (
                    f"candidate {candidate.name}: `features` asks for {', '.join(missing)}, which "
                    f"{' and '.join(f'`graph.{group}`' for group in missing)} would have to describe"
                )
            if getattr(candidate, "tells_relations_apart", False) and not linking:
                yield f"candidate {candidate.name}: {candidate.kind} tells relations apart, and none is declared"
            yield from self._target_mistakes(candidate)
            strange = sorted(set(getattr(candidate, "relations", ())) - linking)
            if strange:
                yield f"candidate {candidate.name}: `relations` names what is no relation: {', '.join(strange)}"
        yield from self._ensemble_mistakes()
        for curve in self.setting_curves:
            yield from curve.mistakes(self.single_candidates)

    def _target_mistakes(self, candidate: SingleSpec) -> Iterator[str]:
        if candidate.grades and not self.target.grades:
            yield f"candidate {candidate.name}: `grades` needs `target.grades`, the finer grades of each class"
        elif candidate.ordered and not (candidate.grades or self.target.kind is TargetKind.ORDINAL):
            yield f"candidate {candidate.name}: `ordered` is for an ordinal target; this one is {self.target.kind}"

    def _ensemble_mistakes(self) -> Iterator[str]:
        before: list[str] = []
        for candidate in self.candidates:
            if not isinstance(candidate, EnsembleSpec):
                before.append(candidate.name)
                continue
            # Simplicity is the order of the candidates, and nothing is simpler than what it is made of.
            strange = [name for name in candidate.members if name not in before]
            if strange:
                yield (
                    f"candidate {candidate.name}: `members` names candidates that stand before it and are no ensembles "
                    f"({', '.join(before) or 'there are none'}); found {', '.join(strange)}"
                )

    def _expression_mistakes(self) -> Iterator[str]:
        filed = self.filings.columns if self.filings else ()
        for table, columns, rules in (
            ("firms", self.firms.columns, self.firms.rules),
            ("filings", filed, self.filings.rules if self.filings else ()),
        ):
            for rule in rules:
                yield from _mistaken(f"{table}: rule {rule.name!r}", rule.expression, columns, pl.Boolean())
        for feature in self.derived:
            where = f"derived feature {feature.name!r}"
            yield from _mistaken(where, feature.expression, (*self.firms.columns, *filed), pl.Float64())

    def _reason_mistakes(self) -> Iterator[str]:
        items = {*(column.name for column in self.feature_columns), *(feature.name for feature in self.derived)}
        linking = {relation.name for relation in self.linking_relations}
        for reason in self.reasons:
            if reason.feature and reason.feature not in items:
                known = f"features are {', '.join(sorted(items))}"
                yield f"reasons: {reason.feature} is no feature that a candidate sees; {known}"
            if reason.relation and reason.relation not in linking:
                known = f"relations are {', '.join(sorted(linking)) or 'not declared'}"
                yield f"reasons: {reason.relation} is no relation that a candidate sees; {known}"
        for what, given in (
            ("entries for one thing", [" ".join(filter(None, reason.key)) for reason in self.reasons]),
            ("codes", [reason.code for reason in self.reasons if reason.code]),
        ):
            twice = sorted({one for one in given if given.count(one) > 1})
            if twice:
                yield f"reasons: {what} must differ, these repeat: {', '.join(twice)}"

    def _time_mistakes(self) -> Iterator[str]:
        closed = self.target.horizon_quarters == 0
        if closed != (self.quarter is not None):
            yield (
                "`quarter` and `target.horizon_quarters: 0` go together: they describe data without quarters, "
                "which is treated as closed"
            )
        if self.quarter is None and self.outcomes.vintage is None and not self.outcomes.quarterly:
            yield "outcomes need `vintage`, a column with the quarter they were observed from"
        dated: list[tuple[str, TableSpec]] = [
            ("firms", self.firms),
            *((f"relations {r.name}", r) for r in self.delivered_relations),
        ]
        if self.filings:
            dated.append(("filings", self.filings))
            if self.filings.period is None and self.quarter is None and not self.filings.quarterly:
                yield "filings need `period`, a column with the quarter they report on"
        for table, spec in dated:
            if self.quarter is None and spec.published_on is None and not spec.quarterly:
                yield f"{table} need `published_on`, a column with the day each row became known"
        if Scheme.PUBLISHED in self.split.schemes and self.quarter is None:
            yield "the scheme `published` is for data with one quarter: declare `quarter`"
        if Scheme.TEMPORAL in self.split.schemes and closed:
            yield "the scheme `temporal` is for data with quarters: this portfolio has one only"
        if self.graph.history and closed:
            yield "graph.history is for data with quarters: this portfolio has one only"
        if self.split.origins and closed:
            yield "split.origins is for data with quarters: this portfolio has one only"


def _mistaken(where: str, expression: str, columns: Sequence[ColumnSpec], wanted: pl.DataType) -> Iterator[str]:
    """Try an SQL expression on an empty table of the declared columns."""
    kinds = {Kind.NUMBER: pl.Float64(), Kind.INTEGER: pl.Int64(), Kind.DATE: pl.Date()}
    empty = pl.DataFrame(schema={column.name: kinds.get(column.kind, pl.String()) for column in columns})
    try:
        parsed = pl.sql_expr(expression)
        unknown = sorted(set(parsed.meta.root_names()) - set(empty.columns))
        if unknown:
            yield f"{where} names columns that are not declared: {', '.join(unknown)}"
            return
        found = empty.select(parsed.alias("value")).schema["value"]
    except pl.exceptions.PolarsError as error:
        yield f"{where} is not an SQL expression over the declared columns: {str(error).splitlines()[0]}"
        return
    if wanted == pl.Boolean() and found != pl.Boolean():
        yield f"{where} must be true or false; {expression!r} is {found}"
    if wanted == pl.Float64() and not found.is_numeric():
        yield f"{where} must be a number; {expression!r} is {found}"
