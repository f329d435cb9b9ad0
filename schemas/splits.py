"""How firm-quarters are dealt into samples, as it stands in a portfolio file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.base import Frozen
from schemas.specs import Share
from schemas.tables import TableSpec
from schemas.terms import Sample, Scheme


class PublishedSplit(Frozen):
    """Which values of the split column mean which sample; other values leave the firm out."""

    development: tuple[str, ...]
    validation: tuple[str, ...]
    published_test: tuple[str, ...]


class PartitionSpec(TableSpec):
    """A partition of the firms that is delivered with the other tables, a row a firm.

    The scheme `community` then deals its groups instead of communities that it detects. A firm may
    stand in several rows if they name the same group, so that a stored `split.parquet` can be given
    again: ``{file: split.parquet, firm_id: firm_id, group: group, community: community, ignore: ["*"]}``.

    `community` names a column of smaller communities, for groups that are folds of several: intervals
    resample them; without it they resample the groups. `out_of_community` and `validation` name the
    groups that are those samples; what is not named is dealt, balanced for size and label rate.
    """

    firm_id: str
    group: str
    community: str | None = None
    out_of_community: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()

    def _own_columns(self) -> Iterator[str]:
        yield from (self.firm_id, self.group)
        if self.community:
            yield self.community

    def named_groups(self) -> dict[str, Sample]:
        """Return the sample of each group that has been named for one."""
        return {
            **dict.fromkeys(self.out_of_community, Sample.OUT_OF_COMMUNITY),
            **dict.fromkeys(self.validation, Sample.VALIDATION),
        }

    @model_validator(mode="after")
    def _possible(self) -> PartitionSpec:
        if self.quarterly or self.published_on or self.valid_until:
            raise ValueError(
                "a partition is one for all vintages, so that no firm changes its sample: "
                "it has no {quarter}, no `published_on` and no `valid_until`"
            )
        twice = sorted(set(self.out_of_community) & set(self.validation))
        if twice:
            raise ValueError(f"a group is either out_of_community or validation; both name {', '.join(twice)}")
        return self


class UseSpec(Frozen):
    """Whom the scores will be about.

    `firms_from` says whether tomorrow's firms are in communities that development knows, or in others. It decides which
    of `split.schemes` is primary, the one whose validation chooses a candidate and whose models are scored: the first
    that holds whole communities out (`unseen_communities`), or the first that does not.
    """

    firms_from: Literal["known_communities", "unseen_communities"]

    def primary(self, schemes: tuple[Scheme, ...]) -> Scheme | None:
        """Return the first scheme whose validation is of such firms; None if there is none."""
        unseen = self.firms_from == "unseen_communities"
        fitting = (one for one in schemes if one is not Scheme.RANDOM and (one is Scheme.COMMUNITY) == unseen)
        return next(fitting, None)


class SplitSpec(Frozen):
    """How firm-quarters are dealt into samples.

    Candidates are fitted once for each of `schemes`; the first one is primary unless `use` says otherwise: its
    models are scored, registered and judged, the others only add the samples they define.

    `development_vintages`, `vintage_step` and `validation_vintages` (of the scheme `temporal`) say which
    quarters are learnt from. `out_of_community_share` is what `community`, `entity` and `random` hold out.
    `origins` is the number of vintages, one label horizon apart and back from the newest closed one, that a
    fixed cheap model is tested on after learning from what was known then (rolling origin, Tashman 2000).
    """

    schemes: tuple[Scheme, ...] = (Scheme.COMMUNITY,)
    development_vintages: Annotated[int, Field(ge=1)] = 4
    vintage_step: Annotated[int, Field(ge=1)] = 1
    validation_vintages: Annotated[int, Field(ge=1)] = 1
    validation_share: Share = 0.2
    out_of_community_share: Share = 0.2
    seed: int = 0
    origins: Annotated[int, Field(ge=0)] = 0
    published: PublishedSplit | None = None
    partition: PartitionSpec | None = None

    @model_validator(mode="after")
    def _complete(self) -> SplitSpec:
        if not self.schemes or len(set(self.schemes)) != len(self.schemes):
            raise ValueError(f"schemes must name one or more different schemes; found {list(self.schemes)}")
        if self.schemes[0] is Scheme.RANDOM:
            raise ValueError(
                "the scheme `random` flatters every candidate: it may only follow another one, to show by how much"
            )
        if (Scheme.PUBLISHED in self.schemes) != (self.published is not None):
            raise ValueError(
                "`published` (which values of the split column mean which sample) and the scheme "
                "`published` go together: give both or neither"
            )
        if self.partition is not None and Scheme.COMMUNITY not in self.schemes:
            raise ValueError("`partition` says what the scheme `community` deals: name that scheme too")
        return self

    @model_validator(mode="after")
    def _sized(self) -> SplitSpec:
        if self.validation_share == 0:
            raise ValueError("validation_share must be more than 0: selection and early stopping need a sample")
        if self.validation_share + self.out_of_community_share >= 1:
            raise ValueError(
                "validation_share + out_of_community_share must lie between 0 and 1, so that some "
                f"communities are left for development; found {self.validation_share + self.out_of_community_share:g}"
            )
        if self.validation_vintages > self.development_vintages:
            raise ValueError(
                "validation_vintages are the newest of development_vintages, so not more than those; found "
                f"{self.validation_vintages} of {self.development_vintages}"
            )
        return self
