"""What may be computed of a firm's place in the graph: statistics and embeddings, as a portfolio asks for them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Frozen


class Statistic(StrEnum):
    """A group of columns that describe a firm's place."""

    DEGREE = "degree"
    STRENGTH = "strength"
    HERFINDAHL = "herfindahl"
    EXTREMES = "extremes"
    PAGERANK = "pagerank"
    KATZ = "katz"
    UPSTREAM = "upstream"
    EIGENVECTOR = "eigenvector"
    BETWEENNESS = "betweenness"
    CLUSTERING = "clustering"
    CORE = "core"


class _Embedding(Frozen):
    dimensions: Annotated[int, Field(ge=1, le=1024)]
    seed: int = 0


class SpectralSpec(_Embedding):
    """Leading eigenvectors of the renormalised adjacency; `seed` only moves where the solver starts.

    `unit_rows` brings each firm's coordinates to length 1 (Ng, Jordan and Weiss 2002), which takes the number of its
    partners out of them: firms of one group lie near each other, however well related they are. `regularisation` adds
    so many times the mean degree to each degree (Qin and Rohe 2013), which sparse graphs need. `without_first` leaves
    out the first coordinate, which says how well related a firm is, and begins with the second.
    """

    kind: Literal["spectral"] = "spectral"
    dimensions: Annotated[int, Field(ge=1, le=1024)] = 16
    unit_rows: bool = False
    regularisation: Annotated[float, Field(ge=0)] = 0.0
    without_first: bool = False


class Node2VecSpec(_Embedding):
    """Biased random walks, then a factorisation of who meets whom.

    Large `p` keeps a walk from turning back, large `q` keeps it near where it started; 1 and 1 is DeepWalk.
    """

    kind: Literal["node2vec"] = "node2vec"
    dimensions: Annotated[int, Field(ge=1, le=1024)] = 32
    walks: Annotated[int, Field(ge=1)] = 10
    length: Annotated[int, Field(ge=2)] = 20
    window: Annotated[int, Field(ge=1)] = 4
    p: Annotated[float, Field(ge=0.25, le=4)] = 1.0
    q: Annotated[float, Field(ge=0.25, le=4)] = 1.0


class FastRPSpec(_Embedding):
    """Random projections of the powers of the transition matrix, each power with its weight.

    `degree_exponent` is beta: below 0 it makes hubs count less.
    """

    kind: Literal["fastrp"] = "fastrp"
    dimensions: Annotated[int, Field(ge=1, le=1024)] = 64
    power_weights: tuple[float, ...] = Field((0.0, 1.0, 1.0), min_length=1)
    degree_exponent: Annotated[float, Field(ge=-1, le=1)] = -0.5


EmbeddingSpec = Annotated[SpectralSpec | Node2VecSpec | FastRPSpec, Field(discriminator="kind")]
