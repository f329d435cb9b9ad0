"""What charts are drawn on: one style, the same bytes every time, letters that always exist."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from monitoring.filters import inert

#: Okabe and Ito's palette, which the common kinds of colour blindness tell apart, without its pale yellow.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
FONT = "DejaVu Sans"  # comes with matplotlib, so every machine draws the same letters
STYLE: dict[str, Any] = {
    "svg.hashsalt": "creditnet",  # element ids are random without it
    "svg.fonttype": "path",
    "font.family": FONT,
    "font.size": 9,
    "text.parse_math": False,  # a column named $x^{ is a name, not a formula
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Chart:
    """A drawing and what it shows in words (`alt`)."""

    alt: str
    figure: Any

    def svg(self) -> str:
        """Return the drawing as SVG text; the same drawing gives the same text."""
        return self._saved("svg", {"Date": None, "Creator": None}).decode()

    def png(self) -> bytes:
        """Return the drawing as PNG bytes."""
        return self._saved("png", {"Software": None})

    def _saved(self, form: str, metadata: dict[str, None]) -> bytes:
        buffer = io.BytesIO()
        with _style():
            self.figure.savefig(buffer, format=form, dpi=110, metadata=metadata)
        return buffer.getvalue()


@contextmanager
def canvas(width: float, height: float) -> Iterator[tuple[Any, Any]]:
    """Open a figure of `width` by `height` inches with one pair of axes, in the documents' style.

    pyplot is not used: it keeps every figure alive in a global list.
    """
    from matplotlib.figure import Figure

    with _style():
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.subplots()


def drawable(name: object, limit: int = 40) -> str:
    """Write a name with the letters the font has, any other sign as its code point; cut after `limit` signs."""
    text = str(name)
    text = text if len(text) <= limit else f"{text[: limit - 1]}…"
    has = _letters()
    return "".join(sign if ord(sign) in has else f"<U+{ord(sign):04X}>" for sign in inert(text))


@contextmanager
def _style() -> Iterator[None]:
    import matplotlib

    # A matplotlibrc of the person who runs this must not change a document's bytes.
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


@cache
def _letters() -> frozenset[int]:
    from matplotlib import font_manager

    return frozenset(font_manager.get_font(font_manager.findfont(FONT)).get_charmap())
