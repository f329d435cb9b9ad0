"""A bank of five firms whose delivery one can read at a glance, and a home for what becomes of it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

KONTOR: dict[str, Any] = {
    "name": "kontor",
    "title": "Kontor",
    "purpose": "A delivery that fits on a page.",
    "source": {"kind": "folder", "path": "kontor"},
    "firms": {
        "file": "firms_{quarter}.csv",
        "firm_id": "no",
        "columns": [{"name": "size", "kind": "category", "values": ["small", "large"]}],
    },
    "relations": [{"name": "supply", "file": "supply_{quarter}.csv", "source": "from", "target": "to", "weight": "t"}],
    "outcomes": {"file": "firms_{quarter}.csv", "firm_id": "no", "value": "failed"},
    "target": {
        "kind": "binary",
        "classes": ["0", "1"],
        "favourable": ["0"],
        "horizon_quarters": 1,
        "label": "failure",
    },
    "candidates": [{"name": "logistic", "kind": "logistic"}],
}
FIRMS = "no,size,failed\n00123,small,0\nNA,large,1\n1e5,small,0\nd,large,1\ne,small,0\n"
SUPPLY = "from,to,t\n00123,NA,1.5\nNA,1e5,2\n1e5,d,1e1\nd,e,4\n"


class Kontor:
    """The bank: change its portfolio with `spec`, its files with `write`, then let it be received."""

    def __init__(self, data_dir: Path, home: Path) -> None:
        self.data_dir, self.folder, self.home = data_dir, data_dir / "kontor", home
        self.folder.mkdir(parents=True)
        for quarter in ("2024Q1", "2024Q2"):
            self.write(f"firms_{quarter}.csv", FIRMS)
            self.write(f"supply_{quarter}.csv", SUPPLY)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def spec(self, **changes: Any):
        """Return the portfolio; ``firms__tolerance=0.5`` changes one setting of a part."""
        from schemas.portfolio import PortfolioSpec

        content = copy.deepcopy(KONTOR)
        for name, value in changes.items():
            part, _, setting = name.partition("__")
            if setting:
                content[part][setting] = value
            else:
                content[part] = value
        return PortfolioSpec.model_validate(content)

    def receive(self, spec=None, quarter: str | None = None):
        from schemas.terms import Quarter
        from tasks.receiving import receive

        chosen = Quarter.parse(quarter) if quarter else None
        return receive.__wrapped__(spec or self.spec(), chosen, str(self.data_dir))

    def raw(self, delivery, table: str):
        """Return a received table."""
        from tasks.lake import read_frame

        return read_frame(self.home, delivery.tables[table])

    def run(self, spec=None, quarter: str | None = None):
        """Receive and identify."""
        from tasks.leases import identify

        spec = spec or self.spec()
        return identify.__wrapped__(spec, self.receive(spec, quarter), "test")

    @property
    def catalogue(self):
        from tasks.catalogue import open_catalogue

        return open_catalogue(f"sqlite:///{self.home}/catalogue.db")


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home folder that the settings name."""
    home = tmp_path / "home"
    (home / "mlflow").mkdir(parents=True)
    monkeypatch.setenv("CREDITNET_HOME", str(home))
    for name in ("CREDITNET_DATA", "CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def kontor(tmp_path, home) -> Kontor:
    return Kontor(tmp_path / "data", home)
