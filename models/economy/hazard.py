"""The default hazard and the laws by which distress spreads; the history and the oracle share every line of it.

All functions work on (firms,) and on (firms, paths) alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit

from models.economy.fundamentals import Floats

#: Logit of the quarterly hazard of an average firm without pressure; calibrated to 4-5 % defaults a year.
BASE_LOGIT = -5.46
#: Logit per unit of creditworthiness lost.
SENSITIVITY = 1.4
#: Logit per unit of a neighbour's vulnerability at strength one and a share of one.
PRESSURE_GAIN = 2.8
#: Creditworthiness of an average living firm: above zero, because the weak leave.
AVERAGE_LIVING = 0.3
#: How much of its own pressure a firm passes on: what makes second neighbours matter.
ECHO = 0.15
#: Logit that the default of a sole customer adds in the next quarter, and what remains of it a quarter later.
DEFAULT_SHOCK, SHOCK_RECOVERY = 1.8, 0.6
#: Quarterly probability of leaving without a default (sale, merger, retirement).
VOLUNTARY_EXIT = 0.0075
_VULNERABILITY_RANGE = (-2.5, 3.5)


def default_hazard(creditworthiness: Floats, pressure: Floats, own_strength: float = 1.0) -> Floats:
    """Return the probability of default within the quarter, a discrete-time logit hazard.

    `pressure` is the one at the end of the previous quarter: distress needs a quarter to travel. `own_strength`
    multiplies what the firm's own creditworthiness counts; at 0 only its neighbours decide.
    Source: Shumway (2001), "Forecasting bankruptcy more accurately", with neighbours' states as covariates.
    """
    hazard: Floats = expit(BASE_LOGIT - own_strength * SENSITIVITY * creditworthiness + pressure)
    return hazard


def vulnerability(creditworthiness: Floats, pressure: Floats) -> Floats:
    """Return how distressed a firm looks to those who depend on it; about zero on average, bounded on both sides."""
    return np.clip(AVERAGE_LIVING - creditworthiness + ECHO * pressure, *_VULNERABILITY_RANGE)


def wounds_after(wounds: Floats, exposure: csr_array, defaulted: NDArray[np.bool_]) -> Floats:
    """Let old wounds heal and add those of this quarter's defaults, by the links open before them."""
    fresh: Floats = exposure @ defaulted.astype(np.float64)
    return SHOCK_RECOVERY * wounds + DEFAULT_SHOCK * fresh


def pressure_from(exposure: csr_array, vulnerability_of_alive: Floats, wounds: Floats) -> Floats:
    """Return the logit that neighbours add to next quarter's hazard.

    Parameters
    ----------
    exposure
        Shape (firms, firms): row depends on column, share times strength, of one channel or summed over all; the
        pressures of the channels add up to that of their sum.
    vulnerability_of_alive
        Zero for the firms that have left.
    wounds
        What earlier defaults of neighbours left behind.
    """
    spread: Floats = exposure @ vulnerability_of_alive
    return PRESSURE_GAIN * spread + wounds
