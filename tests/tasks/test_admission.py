"""Admission: bad rows are set aside with their rule and kept in the catalogue; too many and nothing goes on."""

from typing import ClassVar

import polars as pl
import pytest
from sqlalchemy import select

from schemas.errors import DeliveryError, DeliveryRefused
from schemas.results import AdmissionResult
from tasks.admission import admit
from tasks.catalogue.database import transaction
from tasks.catalogue.tables import QuarantineRow
from tasks.lake import read_frame, read_json


@pytest.fixture
def quarantined(kontor):
    """What the catalogue's quarantine holds: (table, row, column, rule, value)."""

    def rows():
        with transaction(kontor.catalogue._engine, writing=False) as session:
            found = session.scalars(select(QuarantineRow).order_by(QuarantineRow.id))
            return [(row.table_name, row.row_number, row.column_name, row.rule, row.value) for row in found]

    return rows


def admitted(kontor, spec=None):
    return admit.__wrapped__(kontor.run(spec))


def refusal(kontor, spec=None):
    with pytest.raises(DeliveryRefused) as caught:
        admitted(kontor, spec)
    assert caught.value.exit_code == 5
    return str(caught.value)


class TestGoodDelivery:
    def test_everything_is_admitted_and_ids_survive(self, kontor, quarantined):
        admission = admitted(kontor)
        firms = read_frame(kontor.home, admission.tables["firms"])
        assert firms["firm_id"].to_list() == ["00123", "NA", "1e5", "d", "e"] * 2
        supply = read_frame(kontor.home, admission.tables["relations:supply"])
        assert supply["weight"].to_list()[:4] == [1.5, 2.0, 10.0, 4.0]
        assert quarantined() == []
        assert read_frame(kontor.home, admission.quarantine).height == 0

    def test_the_evidence_counts_every_table(self, kontor):
        evidence = read_json(kontor.home, admitted(kontor).evidence, AdmissionResult)
        assert [(t.table, t.received, t.admitted, t.broken) for t in evidence.tables] == [
            ("firms", 10, 10, {}),
            ("relations:supply", 8, 8, {}),
            ("outcomes", 10, 10, {}),
        ]


class TestBadRows:
    def test_a_value_outside_the_closed_list(self, kontor, quarantined):
        kontor.write("firms_2024Q2.csv", "no,size,failed\n00123,small,0\nNA,huge,1\n1e5,small,0\nd,,1\ne,small,0\n")
        assert refusal(kontor) == (
            "The delivery is refused: too many bad rows in firms, relations:supply, outcomes.\n"
            "firms: 2 of 10 rows (20.00%; tolerated 0.00%)\n"
            "    size breaks 'one of small, large': row 2 'huge'\n"
            "    size breaks 'is filled': row 4 ''\n"
            "relations:supply: 4 of 8 rows (50.00%; tolerated 0.00%)\n"
            "    target breaks 'target is a known firm': row 1 'NA', row 3 'd'\n"
            "    source breaks 'source is a known firm': row 2 'NA', row 4 'd'\n"
            "outcomes: 2 of 10 rows (20.00%; tolerated 0.00%)\n"
            "    firm_id breaks 'firm_id is a known firm': row 2 'NA', row 4 'd'\n"
            "  expected: no more bad rows than the portfolio tolerates\n"
            "  found: 8 bad rows\n"
            "  way out: correct the delivery, or raise the table's `tolerance` in the portfolio; "
            "every bad row is kept in the catalogue's quarantine"
        )
        assert quarantined()[:2] == [
            ("firms 2024Q2", 2, "size", "one of small, large", "huge"),
            ("firms 2024Q2", 4, "size", "is filled", ""),
        ]

    @pytest.mark.parametrize(
        ("line", "column", "rule", "value"),
        [
            ("d,d,1", "source, target", "not related to itself", "d, d"),
            ("d,zz,1", "target", "target is a known firm", "zz"),
            ("123,e,1", "source", "source is a known firm", "123"),
            (",e,1", "source", "is filled", ""),
            ("d,NA,", "weight", "is filled", ""),
            ("d,NA,-1", "weight", "weight at least 0", "-1.0"),
            ("d,NA,much", "weight", "is a finite number", "much"),
            ('d,NA,"1,5"', "weight", "is a finite number", "1,5"),
            ("d,NA,inf", "weight", "is a finite number", "inf"),
            ("d,NA,NaN", "weight", "is a finite number", "NaN"),
        ],
    )
    def test_a_bad_relation_is_set_aside_with_its_rule(self, kontor, quarantined, line, column, rule, value):
        kontor.write("supply_2024Q2.csv", f"from,to,t\n00123,NA,1\n{line}\n")
        assert f"    {column} breaks {rule!r}: row 2 {value!r}\n" in refusal(kontor)
        assert quarantined() == [("relations:supply 2024Q2", 2, column, rule, value)]

    def test_both_rows_of_a_repeated_relation_are_set_aside(self, kontor, quarantined):
        kontor.write("supply_2024Q2.csv", "from,to,t\nd,e,1\n00123,NA,1\nd,e,2\n")
        refusal(kontor)
        assert [row[1:4] for row in quarantined()] == [
            (1, "source, target, published_on", "one row a pair"),
            (3, "source, target, published_on", "one row a pair"),
        ]

    @pytest.mark.parametrize(
        ("outcome", "rule"), [("2", "one of 0, 1"), ("0.0", "one of 0, 1"), ("yes", "one of 0, 1")]
    )
    def test_an_outcome_that_is_no_class(self, kontor, quarantined, outcome, rule):
        text = (kontor.folder / "firms_2024Q1.csv").read_text(encoding="utf-8")
        kontor.write("firms_2024Q1.csv", text.replace("e,small,0", f"e,small,{outcome}"))
        refusal(kontor)
        assert quarantined() == [("outcomes 2024Q1", 5, "outcome", rule, outcome)]

    def test_an_outcome_that_is_not_known_yet_is_no_bad_row(self, kontor, quarantined):
        kontor.write("firms_2024Q2.csv", "no,size,failed\n00123,small,\nNA,large,\n1e5,small,\nd,large,\ne,small,\n")
        admission = admitted(kontor)
        assert read_frame(kontor.home, admission.tables["outcomes"])["vintage"].to_list() == ["2024Q1"] * 5
        assert quarantined() == []

    def test_a_repeated_id_takes_all_its_rows(self, kontor, quarantined):
        text = (kontor.folder / "firms_2024Q2.csv").read_text(encoding="utf-8")
        kontor.write("firms_2024Q2.csv", text + "e,large,1\n")
        assert "    firm_id breaks 'unique firm_id': row 5 'e', row 6 'e'\n" in refusal(kontor)
        assert ("firms 2024Q2", 6, "firm_id", "unique firm_id", "e") in quarantined()

    def test_a_rule_across_columns_shows_all_of_them(self, kontor, quarantined):
        for quarter in ("2024Q1", "2024Q2"):
            kontor.write(f"firms_{quarter}.csv", "no,debt,assets,failed\na,1,2,0\nb,3,2,1\n")
        firms = {
            "file": "firms_{quarter}.csv",
            "firm_id": "no",
            "columns": [{"name": "debt"}, {"name": "assets", "maximum": 9}],
            "rules": [{"name": "debt within assets", "expression": "debt <= assets"}],
            "tolerance": 0.5,
        }
        admitted(kontor, kontor.spec(firms=firms, relations=[], outcomes__tolerance=0.5))
        assert [row for row in quarantined() if row[0].startswith("firms")] == [
            ("firms 2024Q1", 2, "debt, assets", "debt within assets", "3.0, 2.0"),
            ("firms 2024Q2", 2, "debt, assets", "debt within assets", "3.0, 2.0"),
        ]

    def test_many_bad_rows_are_told_by_five_examples(self, kontor):
        lines = "\n".join(f"00123,x{number},1" for number in range(9))
        kontor.write("supply_2024Q2.csv", f"from,to,t\n{lines}\n")
        assert (
            "    target breaks 'target is a known firm': row 1 'x0', row 2 'x1', row 3 'x2', row 4 'x3', row 5 'x4' "
            "and 4 more\n"
        ) in refusal(kontor)

    def test_what_a_bad_cell_holds_cannot_break_the_message(self, kontor, quarantined):
        kontor.write("supply_2024Q2.csv", 'from,to,t\nd,"<script>\n\x1b[31m",1\n')
        assert "<script>\\n\\x1b[31m" in refusal(kontor)
        assert quarantined()[0][-1] == "<script>\n\x1b[31m"


class TestTolerance:
    def test_bad_rows_within_the_tolerance_are_set_aside_and_the_rest_goes_on(self, kontor, quarantined):
        kontor.write("supply_2024Q2.csv", "from,to,t\n00123,NA,1\nd,d,1\n1e5,d,1\nd,e,1\n")
        relations = [kontor.spec().relations[0].model_dump(mode="json") | {"tolerance": 0.125}]
        admission = admitted(kontor, kontor.spec(relations=relations))
        assert read_frame(kontor.home, admission.tables["relations:supply"]).height == 7
        assert quarantined() == [("relations:supply 2024Q2", 2, "source, target", "not related to itself", "d, d")]
        kept = read_frame(kontor.home, admission.quarantine)
        assert kept.rows() == quarantined()
        evidence = read_json(kontor.home, admission.evidence, AdmissionResult)
        supply = evidence.tables[1]
        assert (supply.received, supply.admitted, supply.broken) == (8, 7, {"not related to itself": 1})

    def test_one_more_than_tolerated_is_too_many(self, kontor):
        kontor.write("supply_2024Q2.csv", "from,to,t\n00123,NA,1\nd,d,1\ne,e,1\nd,e,1\n")
        relations = [kontor.spec().relations[0].model_dump(mode="json") | {"tolerance": 0.125}]
        assert "relations:supply: 2 of 8 rows (25.00%; tolerated 12.50%)\n" in refusal(
            kontor, kontor.spec(relations=relations)
        )

    def test_the_same_delivery_again_keeps_its_quarantine_once(self, kontor, quarantined):
        kontor.write("supply_2024Q2.csv", "from,to,t\nd,d,1\n")
        refusal(kontor)
        refusal(kontor)
        assert len(quarantined()) == 1

    def test_a_corrected_delivery_leaves_the_quarantine_of_the_first(self, kontor, quarantined):
        kontor.write("supply_2024Q2.csv", "from,to,t\nd,d,1\n")
        refusal(kontor)
        kontor.write("supply_2024Q2.csv", "from,to,t\nd,e,1\n")
        admitted(kontor)
        assert len(quarantined()) == 1


class TestTypes:
    def test_a_column_whose_type_can_never_be_right(self, kontor):
        import datetime as dt

        for quarter in ("2024Q1", "2024Q2"):
            pl.DataFrame({"from": ["d"], "to": ["e"], "t": [dt.date(2024, 1, 1)]}).write_parquet(
                kontor.folder / f"supply_{quarter}.parquet"
            )
        relations = [kontor.spec().relations[0].model_dump(mode="json") | {"file": "supply_{quarter}.parquet"}]
        with pytest.raises(DeliveryError) as caught:
            admitted(kontor, kontor.spec(relations=relations))
        assert str(caught.value) == (
            "Table relations:supply, column 'weight' has the wrong type.\n"
            "  expected: something that is a finite number\n"
            "  found: Date, such as 2024-01-01, 2024-01-01\n"
            "  way out: deliver the column with that type, or as text"
        )

    def test_an_id_stored_as_a_float_is_refused_because_it_may_have_been_00123(self, kontor):
        for quarter in ("2024Q1", "2024Q2"):
            pl.DataFrame({"no": [123.0, 5.0], "size": ["small"] * 2, "failed": ["0", "1"]}).write_parquet(
                kontor.folder / f"firms_{quarter}.parquet"
            )
        spec = kontor.spec(
            firms__file="firms_{quarter}.parquet", outcomes__file="firms_{quarter}.parquet", relations=[]
        )
        with pytest.raises(DeliveryError) as caught:
            admitted(kontor, spec)
        assert str(caught.value) == (
            "Table firms, column 'firm_id' has the wrong type.\n"
            "  expected: something that is text\n"
            "  found: Float64, such as 123.0, 5.0, 123.0\n"
            "  way out: deliver the column with that type, or as text"
        )


class TestOneFileForAllQuarters:
    """A register that is delivered once, with dated rows, beside files that come every quarter."""

    REGISTER: ClassVar = [
        {
            "name": "owns",
            "file": "owns.csv",
            "source": "of",
            "target": "in",
            "published_on": "since",
            "directed": False,
        },
    ]

    def test_its_rows_may_name_a_firm_of_any_quarter(self, kontor, quarantined):
        kontor.write("owns.csv", "of,in,since\n00123,NA,2020-01-01\nf,e,2024-01-01\n")
        text = (kontor.folder / "firms_2024Q1.csv").read_text(encoding="utf-8")
        kontor.write("firms_2024Q1.csv", text + "f,small,1\n")
        admission = admitted(kontor, kontor.spec(relations=self.REGISTER))
        assert read_frame(kontor.home, admission.tables["relations:owns"])["source"].to_list() == ["00123", "f"]
        assert quarantined() == []

    def test_its_rows_may_not_name_a_firm_of_none(self, kontor, quarantined):
        kontor.write("owns.csv", "of,in,since\n00123,zz,2020-01-01\nNA,NA,2020-01-01\nd,e,soon\n")
        refusal(kontor, kontor.spec(relations=self.REGISTER))
        assert quarantined() == [
            ("relations:owns", 1, "target", "target is a known firm", "zz"),
            ("relations:owns", 2, "source, target", "not related to itself", "NA, NA"),
            ("relations:owns", 3, "published_on", "is a date such as 2024-12-31", "soon"),
        ]


class TestExpectations:
    def test_what_is_stated_of_columns_is_checked_on_the_refreshed_quarter_only(self, kontor):
        kontor.write("firms_2024Q1.csv", "no,debt,failed\na,1,0\nb,,1\n")
        kontor.write("firms_2024Q2.csv", "no,debt,failed\na,1,0\nb,3,1\n")
        firms = {
            "file": "firms_{quarter}.csv",
            "firm_id": "no",
            "rows_between": [2, 2],
            "columns": [{"name": "debt", "nullable": True, "completeness": 1, "mean_between": [3, 4]}],
        }
        admission = admitted(kontor, kontor.spec(firms=firms, relations=[]))
        found = read_json(kontor.home, admission.evidence, AdmissionResult).expectations
        assert [(e.column, e.expectation, e.met, e.observed) for e in found] == [
            ("", "between 2 and 2 rows", True, "2"),
            ("debt", "filled in at least 100.0% of the rows", True, "100.0% filled"),
            ("debt", "mean between 3 and 4", False, "2"),
        ]

    def test_a_table_without_a_row_is_unmet_or_vacuous_but_no_crash(self, kontor):
        kontor.write("firms_2024Q1.csv", "no,debt,failed\na,1,0\n")
        kontor.write("firms_2024Q2.csv", "no,debt,failed\n")
        firms = {
            "file": "firms_{quarter}.csv",
            "firm_id": "no",
            "rows_between": [1, 5],
            "columns": [{"name": "debt", "completeness": 1, "mean_between": [0, 4]}],
        }
        admission = admitted(kontor, kontor.spec(firms=firms, relations=[]))
        found = read_json(kontor.home, admission.evidence, AdmissionResult).expectations
        assert found[0].met is False
        assert [e.observed for e in found] == ["0", "no row", "no row"]
