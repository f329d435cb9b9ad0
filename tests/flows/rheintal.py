"""The deliveries of Sparkasse Rheintal: 120 firms in twelve villages, three quarters, written by hand-made rules.

Nothing of creditnet is used, least of all its economy: this is somebody else's data.
"""

from __future__ import annotations

import csv
import random
import shutil
from pathlib import Path

PORTFOLIO = Path(__file__).with_name("rheintal.yaml")
QUARTERS = ("2024Q1", "2024Q2", "2024Q3")
#: ids that a careless reader turns into 123, a missing value, 100000, a boolean, or 7
AWKWARD = ("00123", "NA", "1e5", "NULL", "true", "007", "1.0", "Müller & Söhne", "-", "nan", "+49", "0x1F")
VILLAGES, FIRMS_A_VILLAGE = 12, 10

Row = dict[str, object]


def firm_ids() -> list[str]:
    """Return the ids, ten a village; the awkward ones are the first of each village."""
    ids = [f"K{number:05d}" for number in range(VILLAGES * FIRMS_A_VILLAGE)]
    for village, awkward in enumerate(AWKWARD):
        ids[village * FIRMS_A_VILLAGE] = awkward
    return ids


def deliver(data_dir: Path) -> Path:
    """Write portfolio and deliveries below `data_dir` and return the portfolio file; always the same bytes."""
    folder = data_dir / "rheintal"
    folder.mkdir(parents=True)
    for quarter in QUARTERS:
        for name, rows in _quarter(quarter).items():
            write_csv(folder / f"{name}_{quarter}.csv", rows)
    write_csv(folder / "beteiligungen.csv", _register())
    return Path(shutil.copy(PORTFOLIO, data_dir / "rheintal.yaml"))


def write_csv(path: Path, rows: list[Row]) -> None:
    """Write rows as a CSV file in UTF-8."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read_csv(path: Path) -> list[Row]:
    """Read a CSV file as text."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _quarter(quarter: str) -> dict[str, list[Row]]:
    rng = random.Random(f"rheintal {quarter}")
    ids = firm_ids()
    ratios = {firm: rng.uniform(0.02, 0.6) for firm in ids}
    return {
        "kunden": [
            {
                "Kundennummer": firm,
                "Firma": f"Firma {number} GmbH",
                "Branche": ("Bau", "Handel", "Maschinenbau")[number % 3],
                "Gebiet": ("Stadt", "Land")[number // 2 % 2],
                "Betreuer": "Frau Huber",
            }
            for number, firm in enumerate(ids)
        ],
        "bilanzen": [_accounts(firm, ratios[firm], rng) for firm in ids],
        "lieferungen": _trade(ids, rng),
        # What becomes of a firm after the newest quarter is not known yet: the cell is empty.
        "ausfälle": [
            {"Kundennummer": firm, "Ausfall": "" if quarter == QUARTERS[-1] else _outcome(ratios[firm], rng)}
            for firm in ids
        ],
    }


def _accounts(firm: str, ratio: float, rng: random.Random) -> Row:
    assets = round(rng.lognormvariate(7, 1), 2)
    return {
        "KdNr": firm,
        "Bilanzsumme": assets,
        "Eigenkapital": "" if rng.random() < 0.05 else round(assets * ratio, 2),
        "Jahresüberschuss": round(assets * (ratio - 0.25) / 4, 2),
        "Mitarbeiter": rng.randint(1, 400),
    }


def _outcome(ratio: float, rng: random.Random) -> str:
    return "ja" if rng.random() < 0.7 - ratio else "nein"


def _trade(ids: list[str], rng: random.Random) -> list[Row]:
    """Within each village a ring and some chords; nobody trades with another village."""
    pairs = set()
    for village in range(VILLAGES):
        firms = ids[village * FIRMS_A_VILLAGE : (village + 1) * FIRMS_A_VILLAGE]
        pairs |= {(firm, firms[(place + 1) % len(firms)]) for place, firm in enumerate(firms)}
        pairs |= {tuple(rng.sample(firms, 2)) for _ in range(12)}
    return [{"Lieferant": a, "Abnehmer": b, "Umsatz_TEUR": rng.randint(5, 900)} for a, b in sorted(pairs)]


def _register() -> list[Row]:
    ids = firm_ids()
    return [
        {
            "Gesellschafter": ids[village * FIRMS_A_VILLAGE],
            "Gesellschaft": ids[village * FIRMS_A_VILLAGE + 5],
            "Anteil": 0.5,
            "Eintragung": "2020-03-01",
            "Löschung": "2024-05-31" if village == 0 else "",
        }
        for village in range(VILLAGES)
    ]
