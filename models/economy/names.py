"""Plausible company names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

_FIRST = (
    *("Nord", "Süd", "Ost", "West", "Alt", "Neu", "Hoch", "Grün", "Silber", "Stein", "Berg", "Wald", "See", "Rhein"),
    *("Elb", "Isar", "Lahn", "Eifel", "Harz", "Tauber", "Falken", "Adler", "Linden", "Eichen", "Birken", "Kron"),
    *("Mühl", "Brunn", "Kloster", "Hafen", "Anker", "Stern", "Winter", "Sommer", "Morgen", "Feld"),
)
_SECOND = (
    *("hausen", "feld", "brück", "stadt", "burg", "bach", "tal", "hof", "mann", "meier", "holm", "wig", "gard"),
    *("mark", "stein", "rode", "heim", "werder", "kamp", "linger", "berger", "hagen", "born", "au"),
)
_TRADES = {
    "agriculture": ("Agrar", "Saatgut", "Molkerei", "Landhandel", "Obstbau", "Mühlenwerke"),
    "manufacturing": ("Maschinenbau", "Metallwerke", "Werkzeuge", "Antriebe", "Kunststoffe", "Gießerei"),
    "construction": ("Hochbau", "Tiefbau", "Bauelemente", "Dachbau", "Projektbau", "Gerüste"),
    "trade": ("Handel", "Großhandel", "Import", "Warenhaus", "Baustoffe", "Vertrieb"),
    "transport": ("Logistik", "Spedition", "Transporte", "Reederei", "Lager", "Kurier"),
    "hospitality": ("Hotels", "Gastronomie", "Catering", "Reisen", "Gasthöfe", "Resorts"),
    "technology": ("Systeme", "Software", "Daten", "Netze", "Sensorik", "Robotik"),
    "energy": ("Energie", "Solar", "Windkraft", "Wärme", "Netzbau", "Stadtwerke"),
}
_LEGAL_FORMS = {
    "micro": ("e.K.", "GmbH", "UG", "OHG"),
    "small": ("GmbH", "GmbH & Co. KG", "KG", "GmbH"),
    "medium": ("GmbH", "GmbH & Co. KG", "AG", "GmbH"),
    "large": ("AG", "SE", "AG", "GmbH"),
}


def company_names(
    industry: NDArray[np.str_], size_class: NDArray[np.str_], rng: np.random.Generator
) -> NDArray[np.str_]:
    """Name every firm after a place, its trade and its legal form (not guaranteed to be unique)."""
    firms = len(industry)
    place = np.char.add(rng.choice(_FIRST, firms), rng.choice(_SECOND, firms))
    trade = _picked(_TRADES, industry, rng)
    form = _picked(_LEGAL_FORMS, size_class, rng)
    return np.char.add(np.char.add(np.char.add(place, " "), np.char.add(trade, " ")), form)


def place_names() -> list[str]:
    """List every place that a company may be named after."""
    return [first + second for first in _FIRST for second in _SECOND]


def _picked(words: Mapping[str, tuple[str, ...]], kind: NDArray[np.str_], rng: np.random.Generator) -> NDArray[np.str_]:
    """Pick one of the words of each firm's kind."""
    keys = np.array(list(words))
    table = np.array(list(words.values()))
    order = np.argsort(keys)
    rows = order[np.searchsorted(keys[order], kind)]
    picked: NDArray[np.str_] = table[rows, rng.integers(table.shape[1], size=len(kind))]
    return picked
