"""A small world that one can draw: thirty firms in four communities and one loner.

    timber a1..a8     steel b1..b8     trade c1..c7     energy d1..d6     loner z1

In each community the first firm supplies all the others and each firm supplies the next. One bridge joins
each community to the next (a8 -> b8, b7 -> c7, c6 -> d6). Ownership: a ring a1 -> a2 -> a3 -> a1, the parent
b1 over b2 and b3, and d1 over d2. z1 is related to nobody.

Time runs over 2023Q1, 2023Q2 and 2023Q3; an outcome is known one quarter after its vintage.
- c7 is founded in May (2023Q2), d6 leaves on 1 July (it is gone in 2023Q3).
- A filing for a quarter is published in the middle of the next one; c2's for 2022Q4 is late (20 April).
- d2's filing for 2022Q4 is restated on 10 April: profit 30, first 20.
- z1 reports assets of 0, so that its leverage has no value.
- The parent b1 defaults after 2023Q1, its daughters b2 and b3 after 2023Q2.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from schemas.portfolio import PortfolioSpec
from schemas.terms import Quarter

QUARTERS = (Quarter(2023, 1), Quarter(2023, 2), Quarter(2023, 3))
INDUSTRIES = {"a": "timber", "b": "steel", "c": "trade", "d": "energy", "z": "trade"}
SIZES = {"a": 8, "b": 8, "c": 7, "d": 6, "z": 1}
FIRMS = tuple(f"{letter}{number}" for letter, size in SIZES.items() for number in range(1, size + 1))
BORN_LATER, LEAVES, LATE, RESTATED, LONER, PARENT = "c7", "d6", "c2", "d2", "z1", "b1"
BRIDGES = (("a8", "b8"), ("b7", "c7"), ("c6", "d6"))
OWNERSHIP = (
    ("a1", "a2", 0.6),
    ("a2", "a3", 0.4),
    ("a3", "a1", 0.1),
    ("b1", "b2", 1.0),
    ("b1", "b3", 0.8),
    ("d1", "d2", 0.51),
)
DEFAULTS = {
    "2023Q1": {"a4", "a6", PARENT, "b5", "c1", "c4", "d3"},
    "2023Q2": {"a4", "a7", "b2", "b3", "c4", "c5", "d3"},
}
SUPPLY = (
    *((f"{c}1", f"{c}{n}", 10.0 + n) for c in "abcd" for n in range(2, SIZES[c] + 1)),
    *((f"{c}{n}", f"{c}{n + 1}", float(n)) for c in "abcd" for n in range(2, SIZES[c])),
    *((source, target, 1.0) for source, target in BRIDGES),
)
BEGINNING = dt.date(2022, 12, 1)
#: persons and banks beside the firms: (relation, node type, (firm, partner, weight, known from, valid until)).
#: anna sits on the boards of a1 and b1 and owns a part of c1; ben leaves a1 in May; dora comes in August.
PARTNERS = {
    "board": (
        "person",
        [
            ("a1", "anna", 1.0, dt.date(2022, 12, 1), None),
            ("b1", "anna", 1.0, dt.date(2022, 12, 1), None),
            ("a1", "ben", 1.0, dt.date(2022, 12, 1), dt.date(2023, 5, 1)),
            ("c2", "dora", 1.0, dt.date(2023, 8, 1), None),
        ],
    ),
    "owners": (
        "person",
        [
            ("c1", "anna", 0.25, dt.date(2022, 12, 1), None),
            ("c1", "carl", 0.5, dt.date(2022, 12, 1), None),
            ("c1", "carl", 0.25, dt.date(2023, 2, 1), None),
            ("c7", "carl", 1.0, dt.date(2022, 12, 1), None),
        ],
    ),
    "loans": ("bank", [("a1", "Sparkasse", 900.0, dt.date(2022, 12, 1), None)]),
}


def portfolio(**changes: object) -> PortfolioSpec:
    """Return the small world's portfolio; `changes` replace top-level fields."""
    described: dict[str, object] = {
        "name": "small_world",
        "title": "Small world",
        "purpose": "Tests.",
        "source": {"kind": "folder"},
        "firms": {
            "file": "firms",
            "firm_id": "id",
            "name": "called",
            "published_on": "known_from",
            "valid_until": "gone_on",
            "columns": [
                {"name": "industry", "kind": "category", "values": ["timber", "steel", "trade", "energy"]},
                {
                    "name": "region",
                    "kind": "category",
                    "role": "protected",
                    "values": ["urban", "rural"],
                    "reference": "urban",
                },
            ],
        },
        "relations": [
            {
                "name": "supply",
                "file": "supply",
                "source": "seller",
                "target": "buyer",
                "weight": "volume",
                "published_on": "known_from",
            },
            {
                "name": "ownership",
                "file": "ownership",
                "source": "owner",
                "target": "owned",
                "weight": "stake",
                "weight_between": [0, 1],
                "published_on": "known_from",
            },
        ],
        "filings": {
            "file": "filings",
            "firm_id": "id",
            "period": "period",
            "published_on": "filed_on",
            "columns": [
                {"name": "assets", "column": "total assets", "role": "note", "minimum": 0},
                {"name": "debt", "role": "note", "minimum": 0},
                {"name": "profit", "nullable": True},
            ],
            "rules": [{"name": "debt within ten times assets", "expression": "debt <= 10 * assets + 100"}],
        },
        "outcomes": {"file": "outcomes", "firm_id": "id", "vintage": "quarter", "value": "defaulted"},
        "derived": [{"name": "leverage", "expression": "debt / assets"}],
        "target": {
            "kind": "binary",
            "classes": ["0", "1"],
            "favourable": ["0"],
            "horizon_quarters": 1,
            "label": "default within a quarter",
        },
        "split": {"validation_share": 0.25, "out_of_community_share": 0.25},
        "candidates": [{"name": "logistic", "kind": "logistic"}],
        "gates": {"least_group_size": 5},
    }
    return PortfolioSpec.model_validate(described | changes)


def portfolio_with_partners(**changes: object) -> PortfolioSpec:
    """Return the portfolio with persons and banks as nodes; `changes` are made to each of these relations."""
    firms = portfolio().model_dump(mode="json")["relations"]
    partners = [
        {
            "name": name,
            "kind": "partner_nodes",
            "node_type": node_type,
            "file": name,
            "firm_id": "id",
            "partner": "whom",
            "weight": "part",
            "published_on": "known_from",
            "valid_until": "gone_on",
            **changes,
        }
        for name, (node_type, _) in PARTNERS.items()
    ]
    return portfolio(relations=[*firms, *partners])


def admitted_partners() -> dict[str, pl.DataFrame]:
    """Return the tables of persons and banks as admission leaves them."""
    names = ["firm_id", "partner", "weight", "published_on", "valid_until"]
    return {
        f"relations:{name}": pl.DataFrame(rows, schema=names, orient="row")
        .with_row_index("row", offset=1)
        .with_columns(
            pl.col("row").cast(pl.Int64), pl.col("valid_until").cast(pl.Date), delivered=pl.lit(None, pl.String)
        )
        for name, (_, rows) in PARTNERS.items()
    }


def admitted_tables() -> dict[str, pl.DataFrame]:
    """Return the tables as admission leaves them, written down without admission's help."""
    nothing = pl.lit(None, pl.String).alias("delivered")

    def table(rows: list[dict[str, object]], **types: pl.DataType) -> pl.DataFrame:
        frame = pl.DataFrame(rows, schema=types)
        return frame.with_row_index("row", offset=1).select(pl.col("row").cast(pl.Int64), nothing, *types)

    text, number, date = pl.String(), pl.Float64(), pl.Date()
    return {
        "firms": table(
            _firms(), firm_id=text, name=text, published_on=date, valid_until=date, industry=text, region=text
        ),
        "relations:supply": table(
            [_edge(*edge) for edge in SUPPLY],
            source=text,
            target=text,
            weight=number,
            published_on=date,
            valid_until=date,
        ),
        "relations:ownership": table(
            [_edge(*edge) for edge in OWNERSHIP],
            source=text,
            target=text,
            weight=number,
            published_on=date,
            valid_until=date,
        ),
        "filings": table(
            _filings(),
            firm_id=text,
            period=text,
            published_on=date,
            valid_until=date,
            assets=number,
            debt=number,
            profit=number,
        ),
        "outcomes": table(_outcomes(), firm_id=text, vintage=text, outcome=text, published_on=date),
    }


def raw_tables() -> dict[str, pl.DataFrame]:
    """Return the delivery as received: its own column names, and everything a text."""
    names = {
        "firms": {"firm_id": "id", "name": "called", "published_on": "known_from", "valid_until": "gone_on"},
        "relations:supply": {"source": "seller", "target": "buyer", "weight": "volume", "published_on": "known_from"},
        "relations:ownership": {"source": "owner", "target": "owned", "weight": "stake", "published_on": "known_from"},
        "filings": {"firm_id": "id", "published_on": "filed_on", "assets": "total assets"},
        "outcomes": {"firm_id": "id", "vintage": "quarter", "outcome": "defaulted"},
    }
    absent = {"relations:supply": ["valid_until"], "relations:ownership": ["valid_until"], "filings": ["valid_until"]}
    absent["outcomes"] = ["published_on"]
    return {
        name: frame.drop(absent.get(name, [])).rename(names[name]).with_columns(pl.exclude("row").cast(pl.String))
        for name, frame in admitted_tables().items()
    }


def labels(vintages: tuple[str, ...] = ("2023Q1", "2023Q2")) -> pl.DataFrame:
    """Return outcomes as a panel joins them: vintage, firm and class index."""
    rows = [(row["vintage"], row["firm_id"], int(str(row["outcome"]))) for row in _outcomes()]
    kept = [row for row in rows if row[0] in vintages]
    return pl.DataFrame(kept, schema={"vintage": pl.String, "firm_id": pl.String, "outcome": pl.Int64}, orient="row")


def _firms() -> list[dict[str, object]]:
    return [
        {
            "firm_id": firm,
            "name": f"Firm {firm.upper()}",
            "published_on": dt.date(2023, 5, 1) if firm == BORN_LATER else BEGINNING,
            "valid_until": dt.date(2023, 7, 1) if firm == LEAVES else None,
            "industry": INDUSTRIES[firm[0]],
            "region": "rural" if int(firm[1]) % 2 == 0 else "urban",
        }
        for firm in FIRMS
    ]


def _edge(source: str, target: str, weight: float) -> dict[str, object]:
    known = dt.date(2023, 5, 1) if BORN_LATER in (source, target) else BEGINNING
    return {"source": source, "target": target, "weight": weight, "published_on": known, "valid_until": None}


def _filings() -> list[dict[str, object]]:
    days = {"2022Q4": dt.date(2023, 2, 15), "2023Q1": dt.date(2023, 5, 15), "2023Q2": dt.date(2023, 8, 15)}
    rows = []
    for step, (period, day) in enumerate(days.items()):
        for firm in FIRMS:
            if (firm == BORN_LATER and period < "2023Q2") or (firm == LEAVES and period > "2023Q1"):
                continue
            position = FIRMS.index(firm)
            late = firm == LATE and period == "2022Q4"
            rows.append(
                {
                    "firm_id": firm,
                    "period": period,
                    "published_on": dt.date(2023, 4, 20) if late else day,
                    "valid_until": None,
                    "assets": 0.0 if firm == LONER else 100.0 + 10.0 * position,
                    "debt": 50.0 + 3.0 * (position % 7) + step,
                    "profit": 20.0 if firm == RESTATED else float(position % 5) - step,
                }
            )
    original = next(row for row in rows if row["firm_id"] == RESTATED and row["period"] == "2022Q4")
    return [*rows, original | {"published_on": dt.date(2023, 4, 10), "profit": 30.0}]


def _outcomes() -> list[dict[str, object]]:
    return [
        {
            "firm_id": firm,
            "vintage": str(vintage),
            "outcome": "1" if firm in DEFAULTS[str(vintage)] else "0",
            "published_on": vintage.shifted(1).end,
        }
        for vintage in QUARTERS[:2]
        for firm in FIRMS
        if not (firm == BORN_LATER and vintage == QUARTERS[0])
    ]
