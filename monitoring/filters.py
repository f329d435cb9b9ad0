"""What turns a value into text that a reader can trust.

Filters that return `Markup` have formatted a number themselves: digits and signs, nothing from
outside. Everything else stays a plain string, which the environment escapes when it is printed.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import unicodedata
from collections.abc import Callable

from markupsafe import Markup, escape

from schemas.results import Interval

NOTHING = Markup("—")
NOT_ASSESSABLE = Markup("not assessable")

#: Cc control, Cf format (bidi overrides among them), Cs lone surrogates, Co private use,
#: Zl and Zp line and paragraph separators: characters that change a page without being seen.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_LONG_IDENTIFIER = re.compile(r"(?=\w{18})\w+_\w")
_ACRONYMS = {"auc": "AUC", "gnn": "GNN", "ks": "KS", "mcc": "MCC", "f1": "F1", "psi": "PSI", "pd": "PD"}
_LOWER_IS_BETTER = frozenset({"brier", "log_loss"})


def inert(value: object) -> str:
    """Make every invisible character visible, a newline and a tab too: ``⟨U+202E⟩``."""
    return "".join(f"⟨U+{ord(sign):04X}⟩" if unicodedata.category(sign) in _INVISIBLE else sign for sign in str(value))


def prose(value: object) -> str:
    """Write white space of any length as one space and make the other invisible characters visible.

    Portfolio files fold their sentences over lines; in delivered data, where a newline means
    something, `inert` comes first.
    """
    return inert(re.sub(r"[ \t\r\n]+", " ", str(value)).strip())


def markdown(value: object) -> Markup:
    r"""Escape text so that Markdown shows it and obeys none of it.

    Angle brackets become entities, because a lenient reader takes ``\<b>`` for a tag; the
    signs that open a link, table cell, emphasis, code or formula get a backslash, as do
    ``://`` and ``www.``, which GitHub would turn into links, and what opens a heading, list,
    quotation or rule at the start of a line.
    """
    text = re.sub(r"([\\`*\[\]|~$])", r"\\\1", prose(value))
    text = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = text.replace("://", r":\/\/").replace("www.", r"www\.")
    text = re.sub(r"^([#=]|[+-](?=[\s-]|$))", r"\\\1", text)
    return Markup(re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", text))  # noqa: S704 - escaped for Markdown just above


def shortened(value: object, limit: int = 80) -> str:
    """Cut a delivered value that would swamp a table, and say how long it was."""
    text = str(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def breakable(value: object) -> object:
    """Let a long identifier break after its underscores, as HTML: else it makes its column as wide as itself.

    Whatever has no such word comes back as it is.
    """
    if isinstance(value, Markup) or not isinstance(value, str) or not _LONG_IDENTIFIER.search(value):
        return value
    return escape(prose(value)).replace("_", Markup("_<wbr>"))


def words(value: object) -> str:
    """Write one of our own identifiers as words: ``out_of_time`` is out of time."""
    return " ".join(_ACRONYMS.get(word, word) for word in str(value).split("_"))


def metric(name: str) -> str:
    """Name a metric, with its direction where lower is better."""
    text = words(name)
    text = text[0].upper() + text[1:]
    return f"{text} (lower is better)" if name in _LOWER_IS_BETTER else text


def count(value: float | None) -> Markup:
    """Write a whole number with thousands separators."""
    return NOTHING if _missing(value) else _numeral(f"{value:,.0f}")


def number(value: float | None, decimals: int = 3) -> Markup:
    """Write a number with `decimals` decimals; a missing one is a dash."""
    return NOTHING if value is None or _missing(value) else _numeral(_signed(value, decimals))


def amount(value: float | None) -> Markup:
    """Write a weight, whose unit may be anything: whole from a thousand on, else with four figures."""
    if value is None or _missing(value):
        return NOTHING
    return _numeral(_signed(value, 0) if abs(value) >= 1000 else f"{value:.4g}".replace("-", "−"))


def percent(value: float | None) -> Markup:
    """Write a share as a percentage with one decimal."""
    return NOTHING if _missing(value) else _numeral(f"{value:.1%}".replace("%", " %"))


def interval(value: Interval | None, plus: bool = False) -> Markup:
    """Write an estimate with its 95 % interval: ``0.712 [0.690, 0.733]``; `plus` signs gains too."""
    if value is None or value.value is None or _missing(value.value):
        return NOT_ASSESSABLE
    estimate = _signed(value.value, 3, plus)
    if value.low is None or value.high is None:
        return _numeral(f"{estimate} [no interval]")
    return _numeral(f"{estimate} [{_signed(value.low, 3, plus)}, {_signed(value.high, 3, plus)}]")


def gain(value: Interval) -> Markup:
    """Write a difference with its interval, each number with its sign."""
    return interval(value, plus=True)


def reading(value: Interval) -> str:
    """Say in words what the interval of a gain means."""
    if value.value is None or value.low is None or value.high is None:
        return "not assessable"
    if value.low > 0:
        return "the graph helps: the interval lies above zero"
    if value.high < 0:
        return "the graph harms: the interval lies below zero"
    return "no clear difference: the interval holds zero"


def slug(title: str) -> str:
    """Name a section's anchor as GitHub names a heading's: small letters and hyphens."""
    return re.sub(r"[^a-z0-9-]+", "-", title.lower())


def moment(value: dt.datetime) -> str:
    """Write a moment to the minute, with its time zone when it has one."""
    return value.strftime("%Y-%m-%d %H:%M %Z").strip()


def collapsed(value: str) -> str:
    """Write a wrapped sentence on one line; what is Markup stays Markup."""
    return value.__class__(" ").join(value.split())


def _numeral(text: str) -> Markup:
    # What is not a number by mistake must not slip past the escape.
    assert not set(text) & set("<>&|`\"'"), text
    return Markup(text)  # noqa: S704 - digits and signs, as the line above holds


def _missing(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def _signed(value: float, decimals: int, plus: bool = False) -> str:
    text = f"{value:{'+' if plus else ''}z,.{decimals}f}"  # z: what rounds to 0 has no minus
    return text.replace("-", "−")


FILTERS: dict[str, Callable[..., object]] = {
    function.__name__: function
    for function in (
        inert,
        shortened,
        words,
        metric,
        count,
        number,
        amount,
        percent,
        interval,
        gain,
        reading,
        moment,
        collapsed,
        slug,
        breakable,
    )
}
