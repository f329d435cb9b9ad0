"""The candidates a portfolio may name, one frozen spec a kind; `kind` chooses it in the portfolio file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Frozen
from schemas.graph_methods import (
    BaseSpec,
    CorrectAndSmoothSpec,
    EnsembleSpec,
    GraphKernelSpec,
    LabelPropagationSpec,
)
from schemas.tabular import (
    AutoGluonSpec,
    Candidate,
    Group,
    Groups,
    LightGBMSpec,
    LogisticSpec,
    OrderedCandidate,
    RandomForestSpec,
    SvmSpec,
    Tabular,
)
from schemas.terms import Family

__all__ = [
    "AnyNetworkSpec",
    "AnyTabularSpec",
    "AutoGluonSpec",
    "BaseSpec",
    "Batches",
    "Candidate",
    "CandidateSpec",
    "ClusterBatches",
    "CorrectAndSmoothSpec",
    "EnsembleSpec",
    "FullBatch",
    "GraphKernelSpec",
    "GraphSageSpec",
    "Group",
    "Groups",
    "LabelPropagationSpec",
    "LightGBMSpec",
    "LogisticSpec",
    "NeighbourBatches",
    "NetworkSpec",
    "OrderedCandidate",
    "RandomForestSpec",
    "SaintBatches",
    "SingleSpec",
    "SvmSpec",
    "Tabular",
]


class FullBatch(Frozen):
    """Every step looks at the whole graph."""

    kind: Literal["full"] = "full"


class NeighbourBatches(Frozen):
    """Each step takes `size` firms and a sample of at most `fanout` partners a firm, relation and layer.

    Hamilton, Ying and Leskovec 2017, algorithm 2.
    """

    kind: Literal["neighbours"]
    size: Annotated[int, Field(ge=1)] = 1024
    fanout: Annotated[int, Field(ge=1)] = 10


class ClusterBatches(Frozen):
    """Each step takes `together` of `parts` parts of the graph (Cluster-GCN; Chiang and others 2019)."""

    kind: Literal["clusters"]
    parts: Annotated[int, Field(ge=2)] = 64
    together: Annotated[int, Field(ge=1)] = 4


class SaintBatches(Frozen):
    """Each step takes the firms on `roots` random walks of `length` steps (GraphSAINT; Zeng and others 2020).

    Losses are weighted by how often a firm is met in `trials` sampled steps.
    """

    kind: Literal["saint"]
    roots: Annotated[int, Field(ge=1)] = 512
    length: Annotated[int, Field(ge=1)] = 3
    trials: Annotated[int, Field(ge=1)] = 20


Batches = Annotated[
    FullBatch | NeighbourBatches | ClusterBatches | SaintBatches,
    Field(discriminator="kind"),
]


class NetworkSpec(OrderedCandidate):
    """What all graph neural networks have.

    `loss` is cross-entropy, the same with classes weighted to count alike (`balanced`), or the focal
    loss with exponent `focal_gamma` (Lin and others 2017). `label_inputs` shows this share of the development outcomes
    as inputs in each epoch and learns from the others, so that no firm ever sees its own (Shi and others 2021);
    0 shows none. `members` networks that differ in their seed alone are averaged (deep ensemble).
    """

    features: Groups = (Group.OWN,)
    hidden: Annotated[int, Field(ge=1)] = 64
    layers: Annotated[int, Field(ge=1, le=8)] = 2
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    learning_rate: Annotated[float, Field(gt=0)] = 0.01
    weight_decay: Annotated[float, Field(ge=0)] = 0.0005
    epochs: Annotated[int, Field(ge=1)] = 200
    patience: Annotated[int, Field(ge=1)] = 30
    loss: Literal["cross_entropy", "balanced", "focal"] = "cross_entropy"
    focal_gamma: Annotated[float, Field(ge=0)] = 2.0
    label_inputs: Annotated[float, Field(ge=0, lt=1)] = 0.0
    batches: Batches = FullBatch()
    members: Annotated[int, Field(ge=1, le=50)] = 1

    @property
    def family(self) -> Family:
        """A graph neural network."""
        return Family.GNN


class GraphSageSpec(NetworkSpec):
    """GraphSAGE layers."""

    kind: Literal["graphsage"]


AnyTabularSpec = LogisticSpec | SvmSpec | RandomForestSpec | LightGBMSpec | AutoGluonSpec
AnyGraphMethodSpec = LabelPropagationSpec | CorrectAndSmoothSpec | GraphKernelSpec
AnyNetworkSpec = GraphSageSpec
SingleSpec = AnyTabularSpec | AnyGraphMethodSpec | AnyNetworkSpec
CandidateSpec = Annotated[SingleSpec | EnsembleSpec, Field(discriminator="kind")]
