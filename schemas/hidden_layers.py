"""What the networks of a refresh make of firms: their last hidden layers, as pictures and as measures."""

from __future__ import annotations

from schemas.base import Frozen
from schemas.terms import Sample


class ClusterAgreement(Frozen):
    """How far clusters agree with classes: mean and standard deviation over seeds; 0 as by chance, 1 the same."""

    mean: float
    sd: float


class HiddenLayer(Frozen):
    """The last hidden layer of one network.

    Attributes
    ----------
    width
        Its number of columns.
    ari, nmi
        Adjusted Rand index and normalised mutual information of K-means clusters and classes.
    places
        Where each firm of `HiddenLayers` lies in the plane by t-SNE; nearness counts, axes and distances do not.
    """

    candidate: str
    kind: str
    width: int
    ari: ClusterAgreement
    nmi: ClusterAgreement
    places: tuple[tuple[float, float], ...]


class HiddenLayers(Frozen):
    """The last hidden layers of all networks, on the same firm-quarters.

    Attributes
    ----------
    samples
        What the firm-quarters are drawn from.
    available
        How many firm-quarters these have.
    firms, quarters, classes, communities
        Of each firm-quarter shown.
    seeds
        How often K-means was started.
    """

    samples: tuple[Sample, ...]
    available: int
    firms: tuple[str, ...]
    quarters: tuple[str, ...]
    classes: tuple[str, ...]
    communities: tuple[str, ...]
    seeds: int
    networks: tuple[HiddenLayer, ...]
