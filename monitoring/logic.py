"""How each kind of candidate gets from inputs to probabilities, in a sentence: theory and logic on the model card."""

from __future__ import annotations

from collections.abc import Mapping

_OF_PARTNERS = "each layer joins what it holds of a firm with what it hears of the firm's partners, "

#: By `kind`; sources and formulas are in `docs/candidates.md`.
LOGIC: Mapping[str, str] = {
    "logistic": "the log-odds of a class are a weighted sum of standardised inputs",
    "svm": "a margin between the classes, turned into probabilities on communities left out of the fit",
    "random_forest": "the mean class shares of the leaves that many independently grown trees put a firm in",
    "lightgbm": "a sum of small trees, each fitted to what those before it got wrong, stopped on validation",
    "autogluon": "boosted trees of two libraries, fitted in folds of communities and weighed out of fold",
    "label_propagation": "known outcomes spread along relations; features are not looked at",
    "correct_and_smooth": "a tabular model whose errors, then estimates, are spread along relations",
    "graph_kernel": "a firm's outcome is that of firms with alike partners and inputs, weighed by likeness",
    "kriging": "a Gaussian process: outcomes are correlated as far as firms have the same partners and inputs",
    "gcn": f"{_OF_PARTNERS}as means weighted by numbers of partners",
    "graphsage": f"{_OF_PARTNERS}as a mean, maximum or sequence of theirs",
    "gat": f"{_OF_PARTNERS}weighted by attention",
    "gatv2": f"{_OF_PARTNERS}weighted by attention that depends on who looks",
    "gin": f"{_OF_PARTNERS}as a sum through a small network",
    "rgcn": f"{_OF_PARTNERS}as a mean of its own for each relation and direction",
    "han": f"{_OF_PARTNERS}by attention within each relation, then among relations",
    "hgt": f"{_OF_PARTNERS}by attention over all relations at once",
    "gdan": f"{_OF_PARTNERS}by attention of its own in each dimension",
    "sehgnn": "averages of inputs along paths of relations, joined by attention among the paths",
    "propagated": "inputs passed on along relations some steps, then a linear or small network",
    "ensemble": "a weighted mean of its members' probabilities, weighed on validation",
}
