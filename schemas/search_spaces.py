"""Where `creditnet tune` looks for settings: one space a kind of candidate.

The networks' ranges contain those of the published JumpStart solution (hidden 32 to 1024, dropout 0 to .6, weight decay
1e-5 to 1e-2, 70 to 120 epochs, learning rate .002 to .02) and are wider.
"""

from __future__ import annotations

from schemas.base import Frozen


class Integers(Frozen):
    """Whole numbers from `low` to `high`, drawn evenly or on a log scale, rounded to a multiple of `multiple_of`."""

    low: int
    high: int
    log: bool = False
    multiple_of: int = 1

    def holds(self, value: object) -> bool:
        """Tell whether a setting is one of them."""
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and self.low <= value <= self.high and value % self.multiple_of == 0  # type: ignore[operator]


class Reals(Frozen):
    """Numbers from `low` to `high`, drawn evenly or on a log scale."""

    low: float
    high: float
    log: bool = False

    def holds(self, value: object) -> bool:
        """Tell whether a setting is one of them."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and self.low <= value <= self.high  # type: ignore[operator]


class Choice(Frozen):
    """One of a few values."""

    options: tuple[str | bool | int | float, ...]

    def holds(self, value: object) -> bool:
        """Tell whether a setting is one of them; True is not 1."""
        return any(value == option and type(value) is type(option) for option in self.options)


Range = Integers | Reals | Choice
Space = dict[str, Range]

_YES_OR_NO = Choice(options=(False, True))
_TREES: Space = {
    "least_rows_a_leaf": Integers(low=2, high=200, log=True),
    "column_share": Reals(low=0.05, high=1),
    "row_share": Reals(low=0.3, high=0.95),
}
_LOGARITHMS: Space = {"log_inputs": _YES_OR_NO}
_NETWORK: Space = {
    **_LOGARITHMS,
    "hidden": Integers(low=16, high=1024, log=True, multiple_of=16),
    "layers": Integers(low=1, high=4),
    "dropout": Reals(low=0, high=0.7),
    "learning_rate": Reals(low=0.0005, high=0.05, log=True),
    "weight_decay": Reals(low=1e-6, high=0.05, log=True),
    "epochs": Integers(low=30, high=300),
    "kept_epoch": Choice(options=("loss", "auc")),
    "loss": Choice(options=("cross_entropy", "balanced", "focal")),
    "label_inputs": Choice(options=(0.0, 0.25, 0.5)),
}
_RESIDUAL: Space = {"residual": _YES_OR_NO}
#: each divides 16, and with it every width that is drawn
_HEADS: Space = {"heads": Choice(options=(1, 2, 4, 8, 16))}
_DIMENSIONS: Space = {"dimension_attention": Choice(options=(0.0, 0.1, 1.0))}
_SPREADING: Space = {"iterations": Integers(low=5, high=100, log=True)}

#: By kind. `features` and `ordered` are added where the portfolio offers a choice (`models.search_space`).
SPACES: dict[str, Space] = {
    "logistic": {**_LOGARITHMS, "inverse_penalty": Reals(low=1e-4, high=10, log=True)},
    "svm": {**_LOGARITHMS, "inverse_penalty": Reals(low=1e-3, high=10, log=True), "balanced": _YES_OR_NO},
    "random_forest": {
        **_TREES,
        "trees": Integers(low=100, high=500),
        "leaves": Integers(low=16, high=1024, log=True),
        "balanced": _YES_OR_NO,
    },
    "lightgbm": {
        **_TREES,
        "rounds": Integers(low=50, high=800, log=True),
        "learning_rate": Reals(low=0.01, high=0.3, log=True),
        "leaves": Integers(low=3, high=63, log=True),
        "penalty": Reals(low=1e-3, high=100, log=True),
    },
    "autogluon": {
        "folds": Integers(low=2, high=5),
        "rounds": Integers(low=50, high=400, log=True),
        "learning_rate": Reals(low=0.02, high=0.2, log=True),
    },
    "label_propagation": {
        **_SPREADING,
        "alpha": Reals(low=0.1, high=0.99),
        "prior": Reals(low=1e-3, high=10, log=True),
        "clamped": _YES_OR_NO,
    },
    "correct_and_smooth": {
        **_SPREADING,
        "correction": Reals(low=0, high=0.98),
        "smoothing": Reals(low=0, high=0.98),
        "rescaled": _YES_OR_NO,
    },
    "graph_kernel": {
        **_LOGARITHMS,
        "power": Integers(low=1, high=4),
        "feature_weight": Reals(low=1e-3, high=3, log=True),
        "inverse_penalty": Reals(low=0.01, high=100, log=True),
    },
    "gcn": {**_NETWORK, **_RESIDUAL, **_DIMENSIONS},
    "graphsage": {**_NETWORK, **_RESIDUAL, "aggregator": Choice(options=("mean", "pool"))},
    "gat": {**_NETWORK, **_RESIDUAL, **_HEADS, **_DIMENSIONS},
    "gatv2": {**_NETWORK, **_RESIDUAL, **_HEADS},
    "gin": {**_NETWORK, **_RESIDUAL},
    "rgcn": {**_NETWORK, **_RESIDUAL, **_DIMENSIONS, "decomposition": Choice(options=("none", "basis"))},
    "han": {**_NETWORK, **_HEADS, **_DIMENSIONS},
    "hgt": {**_NETWORK, **_HEADS, **_DIMENSIONS},
    "gdan": {
        **_NETWORK,
        "beta": Reals(low=0.01, high=1, log=True),
        "normalisation": Choice(options=("product", "root")),
        "own_term": _YES_OR_NO,
    },
    "sehgnn": {**_NETWORK, "layers": Integers(low=1, high=2), "fusion": Choice(options=("transformer", "semantic"))},
    "propagated": {
        **_NETWORK,
        "powers": Choice(options=("last", "all")),
        "per_relation": _YES_OR_NO,
        "hidden_layers": Integers(low=0, high=2),
    },
}
#: Searched beside the kinds that the portfolio has, so that the search is over architectures too.
ARCHITECTURES = ("gcn", "graphsage", "gat")
