"""The candidates a portfolio may name, one frozen spec a kind; `kind` chooses it in the portfolio file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Frozen
from schemas.graph_methods import (
    BaseSpec,
    CorrectAndSmoothSpec,
    EnsembleSpec,
    GraphKernelSpec,
    KrigingSpec,
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
    StandardisedInputs,
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
    "KrigingSpec",
    "LabelPropagationSpec",
    "LightGBMSpec",
    "LogisticSpec",
    "NeighbourBatches",
    "NetworkSpec",
    "OrderedCandidate",
    "RandomForestSpec",
    "SaintBatches",
    "SingleSpec",
    "StandardisedInputs",
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


class NetworkSpec(OrderedCandidate, StandardisedInputs):
    """What all graph neural networks have.

    `kept_epoch` says by what the epoch that is kept is the best on validation, and what `patience` waits for: the least
    loss, or the highest AUC, which is about the ranking alone and leaves overconfidence to calibration. `loss` is
    cross-entropy, the same with classes weighted to count alike (`balanced`), or the focal loss with exponent
    `focal_gamma` (Lin and others 2017). `label_inputs` shows this share of the development outcomes as inputs in each
    epoch and learns from the others, so that no firm ever sees its own (Shi and others 2021); 0 shows none. `members`
    networks that differ in their seed alone are averaged (deep ensemble).
    """

    features: Groups = (Group.OWN,)
    hidden: Annotated[int, Field(ge=1)] = 64
    layers: Annotated[int, Field(ge=1, le=8)] = 2
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    learning_rate: Annotated[float, Field(gt=0)] = 0.01
    weight_decay: Annotated[float, Field(ge=0)] = 0.0005
    epochs: Annotated[int, Field(ge=1)] = 200
    patience: Annotated[int, Field(ge=1)] = 30
    kept_epoch: Literal["loss", "auc"] = "loss"
    loss: Literal["cross_entropy", "balanced", "focal"] = "cross_entropy"
    focal_gamma: Annotated[float, Field(ge=0)] = 2.0
    label_inputs: Annotated[float, Field(ge=0, lt=1)] = 0.0
    batches: Batches = FullBatch()
    members: Annotated[int, Field(ge=1, le=50)] = 1

    @property
    def family(self) -> Family:
        """A graph neural network."""
        return Family.GNN

    @property
    def tells_relations_apart(self) -> bool:
        """Whether it works on relations one by one, so that there must be one."""
        return False

    @property
    def hears_other_nodes(self) -> bool:
        """Whether nodes of other types than firms take part (`kind: partner_nodes`)."""
        return self.tells_relations_apart


class LayeredSpec(NetworkSpec):
    """What networks have whose layers follow one another.

    `residual` adds to each layer's result what went into it, by a linear map where the widths differ (He and others
    2016).
    """

    residual: bool = False


class DimensionAttending(NetworkSpec):
    """What networks have that dimension attention can join.

    `dimension_attention` is the weight beta at which each layer's result is joined by that of dimension attention
    (Wei and others 2024, GDAN, equation 7); 0 leaves it out.
    """

    dimension_attention: Annotated[float, Field(ge=0)] = 0.0


class MultiHead(NetworkSpec):
    """What networks have that attend in several ways at a time: `heads`, which share the `hidden` columns."""

    heads: Annotated[int, Field(ge=1, le=64)] = 4

    @model_validator(mode="after")
    def _whole_heads(self) -> Self:
        if self.hidden % self.heads:
            raise ValueError(f"`hidden` is shared by the heads, so that {self.heads} heads must divide {self.hidden}")
        return self


class OnRelations(NetworkSpec):
    """What networks have that tell relations and their directions apart."""

    @property
    def tells_relations_apart(self) -> bool:
        """They all do."""
        return True


class GcnSpec(LayeredSpec, DimensionAttending):
    """Graph convolution (Kipf and Welling 2017)."""

    kind: Literal["gcn"]


class GraphSageSpec(LayeredSpec):
    """GraphSAGE (Hamilton, Ying and Leskovec 2017).

    `aggregator` is the mean of the partners, the maximum of what a layer makes of each (`pool`), or an LSTM that
    reads one after the other.
    """

    kind: Literal["graphsage"]
    aggregator: Literal["mean", "pool", "lstm"] = "mean"


class GatSpec(LayeredSpec, MultiHead, DimensionAttending):
    """Graph attention (Velickovic and others 2018)."""

    kind: Literal["gat"]


class GatV2Spec(LayeredSpec, MultiHead):
    """Graph attention whose ranking of partners depends on who looks (Brody, Alon and Yahav 2022)."""

    kind: Literal["gatv2"]


class GinSpec(LayeredSpec):
    """Graph isomorphism network (Xu and others 2019)."""

    kind: Literal["gin"]


class RgcnSpec(LayeredSpec, DimensionAttending, OnRelations):
    """Relational graph convolution (Schlichtkrull and others 2018).

    `decomposition` says how the relations' weights are tied: not at all, as combinations of `parts` matrices
    (`basis`), or each as `parts` blocks along a diagonal (`block`).
    """

    kind: Literal["rgcn"]
    decomposition: Literal["none", "basis", "block"] = "none"
    parts: Annotated[int, Field(ge=1, le=64)] = 2


class HanSpec(MultiHead, DimensionAttending, OnRelations):
    """Heterogeneous graph attention: among a relation's partners, then among relations (Wang and others 2019)."""

    kind: Literal["han"]


class HgtSpec(MultiHead, DimensionAttending, OnRelations):
    """Heterogeneous graph transformer (Hu and others 2020)."""

    kind: Literal["hgt"]


class GdanSpec(OnRelations):
    """Graph dimension attention network (Wei and others 2024).

    `beta` is the weight of dimension attention beside graph convolution. `normalisation` divides what a partner
    says by the product of both degrees, as equation 4 stands in the paper, or by its root, as in equation 12 and in
    the authors' program. `own_term` adds, as that program does, what the firm itself says; the paper's equations
    do not have it, and a firm that is related to nobody is then scored without its own features.
    """

    kind: Literal["gdan"]
    beta: Annotated[float, Field(ge=0)] = 0.1
    normalisation: Literal["product", "root"] = "product"
    own_term: bool = True


class SehgnnSpec(OnRelations):
    """Features averaged along paths of relations, fused by attention (SeHGNN; Yang and others 2023).

    `layers` is the length of the longest path. `fusion` is by a transformer over the paths, or by one weight a path
    (semantic attention; Wang and others 2019).
    """

    kind: Literal["sehgnn"]
    layers: Annotated[int, Field(ge=1, le=2)] = 2
    fusion: Literal["transformer", "semantic"] = "transformer"


class PropagatedSpec(NetworkSpec):
    """A model without message passing on features that were passed on before it.

    `layers` is how often they are; `powers` says whether the model sees the last result only (SGC; Wu and others
    2019) or all of them side by side (SIGN; Frasca and others 2020); `per_relation` passes them on along each relation
    and direction by itself instead of along all together, by the relation's weights where `weighted`. The model is
    linear, or has `hidden_layers`.
    """

    kind: Literal["propagated"]
    powers: Literal["last", "all"] = "all"
    per_relation: bool = False
    weighted: bool = False
    hidden_layers: Annotated[int, Field(ge=0, le=4)] = 0

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.weighted and not self.per_relation:
            raise ValueError("`weighted` goes with `per_relation`: all relations together have no weights")
        return self

    @property
    def tells_relations_apart(self) -> bool:
        """Whether each relation has an operator of its own."""
        return self.per_relation

    @property
    def hears_other_nodes(self) -> bool:
        """Never: the powers of one relation's operator lead back to no firm through another node."""
        return False


AnyTabularSpec = LogisticSpec | SvmSpec | RandomForestSpec | LightGBMSpec | AutoGluonSpec
AnyGraphMethodSpec = LabelPropagationSpec | CorrectAndSmoothSpec | GraphKernelSpec | KrigingSpec
AnyNetworkSpec = (
    GcnSpec
    | GraphSageSpec
    | GatSpec
    | GatV2Spec
    | GinSpec
    | RgcnSpec
    | HanSpec
    | HgtSpec
    | GdanSpec
    | SehgnnSpec
    | PropagatedSpec
)
SingleSpec = AnyTabularSpec | AnyGraphMethodSpec | AnyNetworkSpec
CandidateSpec = Annotated[SingleSpec | EnsembleSpec, Field(discriminator="kind")]
