"""Sources hand out what was delivered, unchanged, or say what is missing."""

import datetime as dt
import sqlite3
from contextlib import closing

import polars as pl
import pytest
from sqlalchemy import NullPool, create_engine, text

from schemas.errors import DeliveryError, SettingsError, examples
from schemas.portfolio import SimulatedSource
from tasks.sources.folder import FolderReader
from tasks.sources.simulated import SimulatedReader
from tasks.sources.sql import SqlReader
from tasks.urls import with_driver

AWKWARD = ["00123", "NA", "NULL", "1e5", "nan", "true", "007", "1.0", "null", " x ", "é", "0x1F", "-"]


class TestFolder:
    def test_ids_of_a_csv_file_stay_text(self, tmp_path):
        (tmp_path / "firms.csv").write_text("id,n\n" + "".join(f"{i},1\n" for i in AWKWARD), encoding="utf-8")
        found = FolderReader(tmp_path).read("firms.csv")
        assert found["id"].to_list() == AWKWARD
        assert found.schema == {"id": pl.String, "n": pl.String}

    def test_ids_of_a_parquet_file_stay_text(self, tmp_path):
        frame = pl.DataFrame({"id": AWKWARD, "n": range(len(AWKWARD))})
        frame.write_parquet(tmp_path / "firms.parquet")
        assert FolderReader(tmp_path).read("firms.parquet").equals(frame)

    def test_an_empty_cell_is_missing(self, tmp_path):
        (tmp_path / "a.csv").write_text("id,n\na,\n,2\n", encoding="utf-8")
        assert FolderReader(tmp_path).read("a.csv").rows() == [("a", None), (None, "2")]

    def test_a_byte_order_mark_is_no_part_of_the_first_name(self, tmp_path):
        (tmp_path / "a.csv").write_text("id,n\na,1\n", encoding="utf-8-sig")
        assert FolderReader(tmp_path).read("a.csv").columns == ["id", "n"]

    def test_quotes_within_a_heading_are_read_as_they_were_written(self, tmp_path):
        (tmp_path / "a.csv").write_text('id,"so-called ""risk"""\na,"""high"""\n', encoding="utf-8")
        found = FolderReader(tmp_path).read("a.csv")
        assert (found.columns, found.rows()) == (["id", 'so-called "risk"'], [("a", '"high"')])

    def test_quotes_and_line_breaks_within_a_cell_survive(self, tmp_path):
        (tmp_path / "a.csv").write_text('id,name\n1,"Müller, ""M"" & Co\nBonn"\n', encoding="utf-8")
        assert FolderReader(tmp_path).read("a.csv").row(0) == ("1", 'Müller, "M" & Co\nBonn')

    def test_a_folder_called_like_a_partition_adds_no_column(self, tmp_path):
        (tmp_path / "year=2024").mkdir()
        pl.DataFrame({"id": ["a"]}).write_parquet(tmp_path / "year=2024" / "a.parquet")
        assert FolderReader(tmp_path).read("year=2024/a.parquet").columns == ["id"]

    def test_names_are_the_readable_files_below(self, tmp_path):
        (tmp_path / "2024Q1").mkdir()
        for name in ("2024Q1/b.csv", "a.parquet", "notes.txt"):
            (tmp_path / name).touch()
        assert FolderReader(tmp_path).names() == ["2024Q1/b.csv", "a.parquet"]

    def test_a_missing_file_lists_what_is_there_and_the_nearest(self, tmp_path):
        (tmp_path / "firm.csv").touch()
        with pytest.raises(DeliveryError) as caught:
            FolderReader(tmp_path).read("firms.csv")
        assert str(caught.value) == (
            f"The file firms.csv is missing in {tmp_path}.\n"
            "  expected: firms.csv\n"
            "  found: firm.csv\n"
            "  way out: is it firm.csv? Rename it or change the portfolio"
        )

    def test_a_missing_folder_is_told_from_a_file(self, tmp_path):
        (tmp_path / "file").touch()
        for name, found in (("file", "a file"), ("nowhere", "nothing")):
            with pytest.raises(DeliveryError) as caught:
                FolderReader(tmp_path / name)
            assert str(caught.value) == (
                f"The folder {tmp_path / name} does not exist.\n"
                "  expected: a folder with the portfolio's files\n"
                f"  found: {found}\n"
                "  way out: name the folder that holds the data with --data-dir or CREDITNET_DATA"
            )

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.parquet", b"PAR1 is not all it takes"),
            ("a.parquet", b""),
            ("a.csv", b"id,n\n\xff\xfe,1\n"),
            ("a.csv", b""),
            ("a.csv", b"id,n\na,1,2\n"),
        ],
    )
    def test_a_file_that_cannot_be_read_is_named(self, tmp_path, name, content):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DeliveryError) as caught:
            FolderReader(tmp_path).read(name)
        lines = str(caught.value).splitlines()
        assert lines[0] == f"The file {name} in {tmp_path} cannot be read."
        assert lines[1] == "  expected: a Parquet file, or a CSV file in UTF-8 with a header line"
        assert lines[3] == "  way out: deliver the file again"


@pytest.fixture
def bank(tmp_path):
    path = tmp_path / "bank.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE firms (id TEXT, assets REAL, staff INTEGER, mixed)")
        database.executemany(
            "INSERT INTO firms VALUES (?, ?, ?, ?)", [(i, 1.5, 2, "x" if i == "NA" else 3) for i in AWKWARD]
        )
        database.execute("CREATE VIEW large AS SELECT * FROM firms WHERE id = '1e5'")
        database.execute("CREATE TABLE empty (id TEXT)")
    return f"sqlite:///{path}"


class TestDatabase:
    def test_ids_stay_text_and_numbers_numbers(self, bank):
        found = SqlReader(bank).read("firms")
        assert found["id"].to_list() == AWKWARD
        assert found.schema == {"id": pl.String, "assets": pl.Float64, "staff": pl.Int64, "mixed": pl.String}
        assert found["mixed"].to_list()[:2] == ["3", "x"]

    def test_views_are_read_like_tables(self, bank):
        assert SqlReader(bank).names() == ["empty", "firms", "large"]
        assert SqlReader(bank).read("large")["id"].to_list() == ["1e5"]

    def test_an_empty_table_keeps_its_columns(self, bank):
        assert SqlReader(bank).read("empty").columns == ["id"]

    def test_a_missing_table_lists_what_is_there_and_the_nearest(self, bank):
        with pytest.raises(DeliveryError) as caught:
            SqlReader(bank).read("firm")
        assert str(caught.value) == (
            f"The table firm is missing in {bank}.\n"
            "  expected: firm\n"
            "  found: empty, firms, large\n"
            "  way out: is it firms? Rename it or change the portfolio"
        )

    def test_a_name_is_no_statement(self, bank):
        with pytest.raises(DeliveryError, match="is missing in"):
            SqlReader(bank).read("firms; DROP TABLE firms")
        assert "firms" in SqlReader(bank).names()

    def test_a_database_that_does_not_answer_is_named_without_its_password(self, tmp_path, monkeypatch):
        monkeypatch.setenv("BANK", f"sqlite:///{tmp_path}/nowhere/bank.db")
        with pytest.raises(DeliveryError) as caught:
            SqlReader("env:BANK").names()
        lines = str(caught.value).splitlines()
        assert lines[0] == f"The database sqlite:///{tmp_path}/nowhere/bank.db cannot be read."
        assert lines[3] == "  way out: check the URL, the network and the rights of the user"

    def test_an_environment_variable_that_is_not_set_is_named(self, monkeypatch):
        monkeypatch.delenv("BANK", raising=False)
        with pytest.raises(SettingsError) as caught:
            SqlReader("env:BANK")
        assert str(caught.value) == (
            "The environment variable BANK is not set.\n"
            "  expected: the SQLAlchemy URL of the portfolio's source\n"
            "  way out: export BANK=... before the refresh"
        )

    @pytest.mark.parametrize("url", ["nonsense", "nosuchdb://host/db", "postgresql+nothere://me:hunter2@host/db"])
    def test_a_url_that_cannot_be_used_is_a_settings_error_without_its_password(self, url, monkeypatch):
        monkeypatch.setenv("BANK", url)
        with pytest.raises(SettingsError) as caught:
            SqlReader("env:BANK")
        assert "hunter2" not in str(caught.value)


@pytest.fixture(scope="module")
def reader():
    return SimulatedReader(SimulatedSource(kind="simulated", firms=60))


class TestSimulated:
    @pytest.mark.parametrize("strength", ["contagion", "own_strength"])
    def test_a_strength_of_the_portfolio_reaches_the_economy(self, strength):
        usual, other = (
            SimulatedReader(SimulatedSource(kind="simulated", firms=60, **changed)).read("outcomes")
            for changed in ({}, {strength: 3.0})
        )
        assert not usual.equals(other)

    def test_its_tables_are_those_of_a_delivery(self, reader):
        assert {"filings", "firms", "outcomes", "ownership", "supply"} <= set(reader.names())
        assert reader.where == "the simulated economy"
        assert all(reader.read(name).height for name in reader.names())

    def test_the_truth_stays_inside(self, reader):
        with pytest.raises(DeliveryError) as caught:
            reader.read("oracle")
        assert str(caught.value) == (
            f"The simulated economy has no table oracle.\n  expected: oracle\n  found: {examples(reader.names())}"
        )
        columns = {column for name in reader.names() for column in reader.read(name).columns}
        assert not {column for column in columns if "pd" in column or "hazard" in column or "true" in column}


def test_a_delivery_is_read_from_postgresql_as_it_stands_there(postgresql_url):
    """NUMERIC comes as text, to be parsed strictly; an id that looks like a number stays what it is."""
    with create_engine(with_driver(postgresql_url), poolclass=NullPool).begin() as connection:
        connection.execute(text("CREATE TABLE firms (no text, equity numeric(12,2), staff integer, since date)"))
        connection.execute(text("INSERT INTO firms VALUES ('00123', 1.50, 3, '2020-03-01'), ('NA', NULL, NULL, NULL)"))
        connection.execute(text("CREATE VIEW large AS SELECT no FROM firms WHERE staff > 2"))
    reader = SqlReader(postgresql_url)
    assert reader.names() == ["firms", "large"]
    assert reader.read("firms").rows() == [("00123", "1.50", 3, dt.date(2020, 3, 1)), ("NA", None, None, None)]
    assert reader.read("large").rows() == [("00123",)]
    assert ":***@" in reader.where
