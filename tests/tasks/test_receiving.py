"""Receiving keeps what was delivered as it is, or says exactly what is missing."""

import polars as pl
import pytest

from schemas.errors import DeliveryError, NotEnoughData, SettingsError
from schemas.references import DeliveryRef
from schemas.terms import Quarter
from tasks.receiving import raw_fingerprint, receive, source_reader, table_specs
from tasks.settings import settings

FIRMS = "no,size,failed\na,small,0\nb,large,1\n"
DATED = {
    "firms": {"file": "firms.csv", "firm_id": "no", "published_on": "known", "columns": [{"name": "size"}]},
    "relations": [],
    "outcomes": {"file": "outcomes.csv", "firm_id": "no", "value": "failed", "vintage": "of"},
}


class TestWhatIsKept:
    def test_the_raw_tables_are_in_the_lake_with_row_numbers_and_their_quarter(self, kontor):
        delivery = kontor.receive()
        assert delivery.quarter == Quarter(2024, 2)
        assert delivery.history == (Quarter(2024, 1),)
        firms = kontor.raw(delivery, "firms")
        assert firms.columns == ["row", "no", "size", "delivered"]
        assert firms["no"].to_list() == ["00123", "NA", "1e5", "d", "e"] * 2
        assert firms["row"].to_list() == [1, 2, 3, 4, 5] * 2
        assert firms["delivered"].to_list() == ["2024Q1"] * 5 + ["2024Q2"] * 5
        assert kontor.raw(delivery, "relations:supply")["t"].to_list()[:4] == ["1.5", "2", "1e1", "4"]
        assert delivery.tables["relations:supply"].path.startswith("lake/deliveries/kontor/2024Q2/")

    def test_the_catalogue_knows_the_delivery_once(self, kontor):
        from sqlalchemy import select

        from tasks.catalogue.database import transaction
        from tasks.catalogue.tables import DeliveryRow

        first, second = kontor.receive(), kontor.receive()
        assert first == second
        with transaction(kontor.catalogue._engine, writing=False) as session:
            (row,) = session.scalars(select(DeliveryRow))
            assert (row.portfolio, row.quarter, row.fingerprint) == ("kontor", Quarter(2024, 2), first.fingerprint)

    def test_a_delivery_survives_the_source(self, kontor):
        delivery = kontor.receive()
        for path in kontor.folder.iterdir():
            path.unlink()
        assert kontor.raw(DeliveryRef.model_validate_json(delivery.model_dump_json()), "firms").height == 10

    def test_only_declared_columns_are_kept(self, kontor):
        for quarter in ("2024Q1", "2024Q2"):
            kontor.write(f"firms_{quarter}.csv", "no,size,failed,diary\na,small,0,secret\nb,large,1,secret\n")
        spec = kontor.spec(firms__ignore=["diary"])
        assert "diary" not in kontor.raw(kontor.receive(spec), "firms").columns

    def test_the_fingerprint_is_that_of_the_values(self, kontor):
        before = kontor.receive().fingerprint
        text = (kontor.folder / "firms_2024Q2.csv").read_text(encoding="utf-8")
        kontor.write("firms_2024Q2.csv", text.replace("\n", "\r\n").replace("large", '"large"'))
        assert kontor.receive().fingerprint == before
        kontor.write("firms_2024Q2.csv", text.replace("e,small,0", "e,small,1"))
        assert kontor.receive().fingerprint != before


class TestFingerprint:
    def test_type_width_and_chunks_do_not_matter(self):
        table = pl.DataFrame({"id": ["a", "b"], "n": pl.Series([1, 2], dtype=pl.Int64)})
        same = [
            table.select("n", "id"),
            table.with_columns(pl.col("n").cast(pl.Int16)),
            table.with_columns(pl.col("n").cast(pl.String)),
            pl.concat([table[:1], table[1:]], rechunk=False),
        ]
        assert {raw_fingerprint(other) for other in same} == {raw_fingerprint(table)}

    @pytest.mark.parametrize(
        "other",
        [
            pl.DataFrame({"id": ["b", "a"]}),
            pl.DataFrame({"id": ["ab", ""]}),
            pl.DataFrame({"id": ["a", "b", None]}),
            pl.DataFrame({"ID": ["a", "b"]}),
            pl.DataFrame({"id": ["a"]}),
            pl.DataFrame({"id": ["a", "b"], "n": [None, None]}),
        ],
    )
    def test_any_other_value_name_or_row_does(self, other):
        assert raw_fingerprint(other) != raw_fingerprint(pl.DataFrame({"id": ["a", "b"]}))

    def test_missing_is_not_empty(self):
        empty, missing = pl.DataFrame({"id": ["", "a"]}), pl.DataFrame({"id": [None, "a"]})
        assert raw_fingerprint(empty) != raw_fingerprint(missing)


class TestColumns:
    def refused(self, kontor, spec=None):
        with pytest.raises(DeliveryError) as caught:
            kontor.receive(spec)
        assert caught.value.exit_code == 4
        return str(caught.value)

    def test_a_missing_column(self, kontor):
        kontor.write("supply_2024Q2.csv", "from,to\na,b\n")
        assert self.refused(kontor) == (
            "supply_2024Q2.csv does not have the declared columns.\n"
            "  expected: from, t, to\n"
            "  found: these differences (- missing, + not declared):\n"
            "    - t\n"
            "  way out: correct the delivery, or in the portfolio the column's name or the table's `ignore`"
        )

    def test_an_additional_column(self, kontor):
        kontor.write("firms_2024Q1.csv", "no,size,failed,diary\na,small,0,secret\n")
        assert self.refused(kontor) == (
            "firms_2024Q1.csv does not have the declared columns.\n"
            "  expected: failed, no, size\n"
            "  found: these differences (- missing, + not declared):\n"
            "    + diary\n"
            "  way out: correct the delivery, or in the portfolio the column's name or the table's `ignore`"
        )

    def test_renamed_missing_and_additional_columns_at_once(self, kontor):
        kontor.write("firms_2024Q2.csv", "number,sizes,diary\na,small,x\n")
        assert self.refused(kontor).splitlines()[2:-1] == [
            "  found: these differences (- missing, + not declared):",
            "    - failed",
            "    - no",
            "    - size   (renamed to sizes?)",
            "    + number",
            "    + sizes",
            "    + diary",
        ]

    def test_a_column_that_differs_in_case_only_is_another(self, kontor):
        kontor.write("firms_2024Q2.csv", "NO,size,failed\na,small,0\n")
        assert "    - no" in self.refused(kontor)
        assert "    + NO" in self.refused(kontor)

    def test_ignoring_everything_else_still_needs_what_is_declared(self, kontor):
        spec = kontor.spec(firms__ignore=["*"])
        kontor.write("firms_2024Q2.csv", "no,size,failed,diary\na,small,0,x\n")
        kontor.receive(spec)
        kontor.write("firms_2024Q2.csv", "no,size,diary\na,small,x\n")
        assert "    - failed" in self.refused(kontor, spec)


class TestQuarters:
    def test_the_newest_delivered_quarter_is_the_default(self, kontor):
        assert kontor.receive().quarter == Quarter(2024, 2)
        for name in ("firms", "supply"):
            kontor.write(f"{name}_2024Q10.csv", "not a quarter")
            kontor.write(f"{name}_2025Q1.csv", (kontor.folder / f"{name}_2024Q2.csv").read_text(encoding="utf-8"))
        assert kontor.receive().quarter == Quarter(2025, 1)

    def test_only_the_vintages_that_are_learnt_from_are_read(self, kontor):
        for name in ("firms", "supply"):
            kontor.write(f"{name}_2019Q1.csv", "unreadable,but\nnever,read\n")
            kontor.write(f"{name}_2023Q4.csv", (kontor.folder / f"{name}_2024Q1.csv").read_text(encoding="utf-8"))
        spec = kontor.spec(split={"development_vintages": 1})
        assert kontor.receive(spec).history == (Quarter(2023, 4), Quarter(2024, 1))

    def test_the_past_that_inputs_look_back_to_is_read_too_where_it_was_delivered(self, kontor):
        for name in ("firms", "supply"):
            for quarter in ("2023Q1", "2023Q2", "2023Q3", "2023Q4"):
                text = (kontor.folder / f"{name}_2024Q1.csv").read_text(encoding="utf-8")
                kontor.write(f"{name}_{quarter}.csv", text)
        spec = kontor.spec(split={"development_vintages": 1}, graph={"history": {"outcomes": 1, "changes": [2]}})
        # Vintages 2023Q4, 2024Q1 and 2024Q2: the outcome of one quarter before each, the values of two.
        assert kontor.receive(spec).history == (Quarter(2023, 2), Quarter(2023, 3), Quarter(2023, 4), Quarter(2024, 1))

    @pytest.mark.parametrize("quarter", ["2023Q4", "2024Q3"])
    def test_a_quarter_that_was_not_delivered(self, kontor, quarter):
        with pytest.raises(DeliveryError) as caught:
            kontor.receive(quarter=quarter)
        assert str(caught.value) == (
            f"The quarter {quarter} has not been delivered.\n"
            f"  expected: {quarter} in {kontor.folder}\n"
            "  found: 2024Q1 to 2024Q2\n"
            "  way out: deliver it, or refresh a quarter that is there"
        )

    def test_no_quarter_at_all(self, kontor):
        for path in kontor.folder.glob("firms*"):
            path.unlink()
        with pytest.raises(DeliveryError) as caught:
            kontor.receive()
        assert str(caught.value) == (
            "No quarter has been delivered.\n"
            f"  expected: files such as firms_2024Q4.csv in {kontor.folder}\n"
            "  found: supply_2024Q1.csv, supply_2024Q2.csv\n"
            "  way out: deliver a quarter, or correct `firms.file` in the portfolio"
        )

    def test_a_part_of_the_quarter_is_missing(self, kontor):
        (kontor.folder / "supply_2024Q2.csv").unlink()
        with pytest.raises(DeliveryError) as caught:
            kontor.receive()
        assert str(caught.value).splitlines()[0] == f"The file supply_2024Q2.csv is missing in {kontor.folder}."

    def test_the_first_quarter_has_no_outcome_to_learn_from(self, kontor):
        with pytest.raises(NotEnoughData) as caught:
            kontor.receive(quarter="2024Q1")
        assert str(caught.value) == (
            "No outcome is known by 2024Q1.\n"
            "  expected: a delivered vintage of 2023Q4 or earlier (its outcome is published 1 quarter later)\n"
            "  found: 2024Q1, 2024Q2\n"
            "  way out: refresh a later quarter, or deliver earlier ones"
        )

    def test_a_portfolio_with_one_quarter_has_no_other(self, kontor):
        for name in ("firms", "supply"):
            (kontor.folder / f"{name}_2024Q2.csv").rename(kontor.folder / f"{name}.csv")
        target = kontor.spec().target.model_dump(mode="json") | {"horizon_quarters": 0}
        supply = {"name": "supply", "file": "supply.csv", "source": "from", "target": "to", "weight": "t"}
        spec = kontor.spec(
            quarter="2024Q2", target=target, firms__file="firms.csv", outcomes__file="firms.csv", relations=[supply]
        )
        assert kontor.receive(spec).history == ()
        with pytest.raises(DeliveryError) as caught:
            kontor.receive(spec, "2024Q3")
        assert str(caught.value).splitlines()[2] == "  found: 2024Q2"

    def test_dated_firms_say_which_quarter_is_the_newest(self, kontor):
        kontor.write("firms.csv", "no,size,known\na,1,2023-05-01\nb,2,2024-02-29\n")
        kontor.write("outcomes.csv", "no,failed,of\na,0,2023Q2\n")
        spec = kontor.spec(**DATED)
        assert kontor.receive(spec).quarter == Quarter(2024, 1)
        assert kontor.receive(spec, "2023Q3").quarter == Quarter(2023, 3)
        with pytest.raises(DeliveryError) as caught:
            kontor.receive(spec, "2024Q2")
        assert str(caught.value) == (
            "The quarter 2024Q2 has not been delivered.\n"
            "  expected: firms published in 2024Q2\n"
            "  found: the newest firm was published in 2024Q1\n"
            "  way out: deliver it, or refresh a quarter that is there"
        )

    def test_dated_firms_without_the_date_column_show_the_difference(self, kontor):
        kontor.write("firms.csv", "no,size,knows\na,1,2023-05-01\n")
        kontor.write("outcomes.csv", "no,failed,of\na,0,2023Q2\n")
        with pytest.raises(DeliveryError) as caught:
            kontor.receive(kontor.spec(**DATED))
        assert "- known   (renamed to knows?)" in str(caught.value)

    @pytest.mark.parametrize("known", ["", "soon", "01.05.2023"])
    def test_dated_firms_without_a_readable_date_have_no_quarter(self, kontor, known):
        kontor.write("firms.csv", f"no,size,known\na,1,{known}\n")
        kontor.write("outcomes.csv", "no,failed,of\na,0,2023Q2\n")
        with pytest.raises(DeliveryError) as caught:
            kontor.receive(kontor.spec(**DATED))
        assert str(caught.value) == (
            "No quarter has been delivered.\n"
            "  expected: firms with a date such as 2024-12-31 in known\n"
            "  found: no firm with a publication date\n"
            "  way out: correct the delivery, or `firms.published_on` in the portfolio"
        )


class TestTypes:
    def test_quarters_of_different_types_are_refused(self, kontor):
        for quarter, number in (("2024Q1", 1), ("2024Q2", "1")):
            pl.DataFrame({"no": ["a"], "size": ["small"], "failed": [number]}).write_parquet(
                kontor.folder / f"firms_{quarter}.parquet"
            )
        spec = kontor.spec(firms__file="firms_{quarter}.parquet", outcomes__file="firms_{quarter}.parquet")
        with pytest.raises(DeliveryError) as caught:
            kontor.receive(spec)
        lines = str(caught.value).splitlines()
        assert lines[0] == "The quarters of firms_{quarter}.parquet have columns of different types."
        assert lines[-1] == "  way out: deliver the quarters alike"

    def test_ids_of_a_parquet_file_may_be_whole_numbers(self, kontor):
        from tasks.admission import admit

        for quarter in ("2024Q1", "2024Q2"):
            pl.DataFrame({"no": [7, 8], "size": ["small", "large"], "failed": [0, 1]}).write_parquet(
                kontor.folder / f"firms_{quarter}.parquet"
            )
        spec = kontor.spec(
            firms__file="firms_{quarter}.parquet", outcomes__file="firms_{quarter}.parquet", relations=[]
        )
        admission = admit.__wrapped__(kontor.run(spec))
        from tasks.lake import read_frame

        assert read_frame(kontor.home, admission.tables["firms"])["firm_id"].to_list() == ["7", "8"] * 2


class TestWhere:
    def test_the_data_folder_may_be_named_itself_or_the_one_above(self, kontor):
        spec = kontor.spec()
        for named in (kontor.data_dir, kontor.folder):
            assert source_reader(spec, str(named), settings()).where == str(kontor.folder)

    def test_the_data_folder_may_come_from_the_environment(self, kontor, monkeypatch):
        monkeypatch.setenv("CREDITNET_DATA", str(kontor.data_dir))
        assert receive.__wrapped__(kontor.spec(), None, None).quarter == Quarter(2024, 2)

    def test_a_data_folder_that_nobody_named(self, kontor):
        with pytest.raises(SettingsError) as caught:
            receive.__wrapped__(kontor.spec(), None, None)
        assert str(caught.value) == (
            "The data folder of portfolio kontor is not known.\n"
            "  expected: a folder that contains kontor/\n"
            "  way out: name it with --data-dir DIR or CREDITNET_DATA"
        )

    def test_an_absolute_path_needs_no_data_folder(self, kontor):
        spec = kontor.spec(source={"kind": "folder", "path": str(kontor.folder)})
        assert receive.__wrapped__(spec, None, None).quarter == Quarter(2024, 2)


def test_every_table_has_its_name(kontor):
    assert list(table_specs(kontor.spec())) == ["firms", "relations:supply", "outcomes"]
