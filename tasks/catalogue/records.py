"""What goes into the catalogue and comes out of it, beside the nouns of `schemas`."""

from __future__ import annotations

import datetime as dt
from typing import Literal, NamedTuple

from pydantic import ValidationError

from schemas.base import Frozen
from schemas.errors import IntegrityError, examples
from schemas.references import FileRef
from schemas.results import Refresh
from schemas.terms import Quarter
from tasks.catalogue.tables import DeliveryRow, RefreshRow


class Score(NamedTuple):
    """A firm's probability of the unfavourable outcome, and the class it was put into."""

    firm_id: str
    probability: float
    predicted_class: str


class Decision(Frozen):
    """Who gives a model version which alias, and why. The catalogue adds when."""

    model_version: str
    alias: Literal["challenger", "champion"]
    made_by: str
    reason: str


class NewProposal(Frozen):
    """The wish that a refresh's version become champion: whose it is, why, and what no gate could assess."""

    requested_by: str
    reason: str
    open_points: tuple[str, ...] = ()


class RecordedDecision(Decision):
    """A decision as it stands in the catalogue."""

    refresh_key: str
    made_at: dt.datetime


class RecordedDelivery(Frozen):
    """A delivery as it stands in the catalogue: the files of its raw tables and what they must hash to."""

    portfolio: str
    quarter: Quarter
    fingerprint: str
    received_at: dt.datetime
    tables: dict[str, FileRef]

    @classmethod
    def of(cls, row: DeliveryRow) -> RecordedDelivery:
        """Read a row; `IntegrityError` if what it holds is not a delivery."""
        try:
            return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})
        except ValidationError as error:
            raise _unreadable(f"delivery {row.portfolio} {row.quarter}", error) from error


class PublishedRefresh(Frozen):
    """A published refresh, where its files are and what they must hash to."""

    key: str
    refresh: Refresh
    folder: str
    manifest_sha256: str
    graph_fingerprint: str
    input_fingerprint: str
    code_digest: str
    spec_hash: str
    published_at: dt.datetime
    sequence: int
    model_name: str | None
    model_version: str | None
    registry_synced: bool
    pruned_at: dt.datetime | None

    @classmethod
    def of(cls, row: RefreshRow) -> PublishedRefresh:
        """Read the row of a published refresh.

        Raises
        ------
        IntegrityError
            If what it holds is not a refresh as this version knows it.
        """
        fields = {name: getattr(row, name) for name in cls.model_fields if name != "refresh"}
        try:
            return cls.model_validate(fields | {"refresh": row.result})
        except ValidationError as error:
            raise _unreadable(f"refresh {row.key}", error) from error


def _unreadable(what: str, error: ValidationError) -> IntegrityError:
    return IntegrityError(
        f"The catalogue's entry for the {what} cannot be read.",
        found=examples(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()),
        way_out="it was written by another version: read it with that one, or restore the catalogue",
    )
