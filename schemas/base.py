"""The frozen pydantic base of every spec, reference and result."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Immutable, strict about unknown fields: a misspelt setting is an error, not a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")
