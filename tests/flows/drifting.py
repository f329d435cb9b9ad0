"""A bank whose quarters hardly differ, unless drift is planted: one feature shifted, or edges added.

Its firms are Rheintal's, its portfolio too, with one cheap candidate: a refresh takes seconds.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Literal

import yaml

from tests.flows import rheintal

Plant = Literal["nothing", "feature", "graph"]
#: the quarter that is published first, and what is planted in each that follows
FIRST = "2024Q2"
PLANTED: dict[str, Plant] = {"2024Q3": "nothing", "2024Q4": "feature", "2025Q1": "graph"}
_BEFORE = {"2024Q2": "2024Q1", "2024Q3": "2024Q2", "2024Q4": "2024Q3", "2025Q1": "2024Q4"}
_TABLES = ("kunden", "bilanzen", "lieferungen")


def deliver(data_dir: Path, **settings: object) -> Path:
    """Deliver the first two quarters and return the portfolio file; `settings` are put over Rheintal's."""
    portfolio = rheintal.deliver(data_dir)
    folder = data_dir / "rheintal"
    for path in [*folder.glob("*_2024Q2.csv"), *folder.glob("*_2024Q3.csv")]:
        path.unlink()
    deliver_quarter(data_dir, FIRST, "nothing")
    content = yaml.safe_load(portfolio.read_text(encoding="utf-8"))
    content["candidates"] = content["candidates"][:1]
    del content["graph"]
    content |= {"retraining": {"cool_down_days": 0}, **settings}
    portfolio.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return portfolio


def deliver_quarter(data_dir: Path, quarter: str, plant: Plant) -> None:
    """Deliver a quarter like the one before it, but for noise of a hundredth and what is planted."""
    folder, before = data_dir / "rheintal", _BEFORE[quarter]
    rng = random.Random(f"drifting {quarter}")
    rows = {table: rheintal.read_csv(folder / f"{table}_{before}.csv") for table in _TABLES}
    for row in rows["bilanzen"]:
        row["Bilanzsumme"] = round(float(row["Bilanzsumme"]) * rng.uniform(1.0, 1.01), 2)
        row["Mitarbeiter"] = int(row["Mitarbeiter"]) + (250 if plant == "feature" else 0)
    if plant == "graph":
        rows["lieferungen"] += _more_trade({(row["Lieferant"], row["Abnehmer"]) for row in rows["lieferungen"]}, rng)
    for table, content in rows.items():
        rheintal.write_csv(folder / f"{table}_{quarter}.csv", content)
    # Outcomes of a quarter are known one quarter later, those of the newest not yet.
    known = rheintal.read_csv(folder / "ausfälle_2024Q1.csv")
    rheintal.write_csv(folder / f"ausfälle_{before}.csv", known)
    rheintal.write_csv(folder / f"ausfälle_{quarter}.csv", [row | {"Ausfall": ""} for row in known])


def _more_trade(known: set[tuple[str, str]], rng: random.Random) -> list[dict[str, object]]:
    ids, more = rheintal.firm_ids(), []
    for village in range(rheintal.VILLAGES):
        firms = ids[village * rheintal.FIRMS_A_VILLAGE : (village + 1) * rheintal.FIRMS_A_VILLAGE]
        more += [(a, b) for a in firms for b in firms if a != b and (a, b) not in known and rng.random() < 0.5]
    return [{"Lieferant": a, "Abnehmer": b, "Umsatz_TEUR": rng.randint(5, 900)} for a, b in more]
