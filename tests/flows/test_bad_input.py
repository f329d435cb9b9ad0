"""Bad input: a clear error, and what was published before is still there, whole and current."""

from __future__ import annotations

import shutil
from typing import get_args

import pytest

from schemas.candidates import CandidateSpec
from schemas.errors import DeliveryError, DeliveryRefused, NotEnoughData, PortfolioError, SettingsError
from tasks.portfolios import bundled_names

pytestmark = pytest.mark.flow

CANDIDATE_KINDS = [get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(get_args(CandidateSpec)[0])]

REFUSED = (
    "\n  way out: correct the delivery, or raise the table's `tolerance` in the portfolio; "
    "every bad row is kept in the catalogue's quarantine"
)
COLUMNS = "correct the delivery, or in the portfolio the column's name or the table's `ignore`"


@pytest.fixture
def refused(published, delivered):
    """Refresh a damaged delivery in the home where others are published; nothing there may change."""

    def state():
        lake = published.home.path / "lake" / "rheintal"
        return (
            published.home.verify(),
            sorted(path.relative_to(lake).as_posix() for path in lake.rglob("*")),
            published.home.query("SELECT * FROM refreshes WHERE status = 'published' ORDER BY key"),
            published.home.query("SELECT * FROM decisions ORDER BY id"),
            published.home.query("SELECT count(*), sum(probability) FROM scores"),
            [(v.version, v.aliases) for v in published.home.registry.search_model_versions("name LIKE 'creditnet-%'")],
        )

    def attempt(kind, portfolio=None, quarter=None):
        before = state()
        with pytest.raises(kind) as caught:
            published.home.refresh(portfolio or delivered.portfolio, quarter, delivered.data_dir)
        assert type(caught.value) is kind
        assert state() == before
        return str(caught.value)

    return attempt


@pytest.fixture
def quarantine(published):
    """The quarantine of the newest delivery: (table, row, column, rule, value)."""

    def rows():
        return published.home.query(
            "SELECT table_name, row_number, column_name, rule, value FROM quarantine WHERE delivery_fingerprint ="
            " (SELECT fingerprint FROM deliveries ORDER BY received_at DESC LIMIT 1)"
            " ORDER BY table_name, row_number, id"
        )

    return rows


def changed(name, row, **values):
    """Return a change of one data row, counted from 1, for `Delivered.change`."""
    return name, lambda rows: rows[row - 1].update(values)


class TestWhatCannotBeRead:
    def test_an_unknown_portfolio_names_the_known_ones_and_the_nearest(self, refused):
        assert refused(PortfolioError, "interbnk") == (
            "There is no portfolio 'interbnk'.\n"
            f"  expected: one of {', '.join(bundled_names())}, or the path of a YAML file\n"
            "  found: 'interbnk'\n"
            "  way out: did you mean interbank?"
        )

    def test_a_portfolio_file_with_mistakes_lists_all_of_them(self, refused, delivered):
        text = delivered.portfolio.read_text(encoding="utf-8")
        text = text.replace("firm_id: KdNr", "firmid: KdNr").replace("kind: logistic", "kind: logit")
        delivered.portfolio.write_text(text, encoding="utf-8")
        assert refused(PortfolioError) == (
            f"{delivered.portfolio} has 3 mistakes:\n"
            "  1. filings.firm_id: is missing\n"
            "  2. filings.firmid: is not a setting; did you mean firm_id?\n"
            "  3. candidates.0: Input tag 'logit' found using 'kind' does not match any of the expected tags: "
            f"{', '.join(map(repr, CANDIDATE_KINDS))}\n"
            "  way out: correct the file and run `creditnet portfolio check` on it again"
        )

    def test_a_missing_file_is_named_with_what_is_there(self, refused, delivered):
        (delivered.folder / "bilanzen_2024Q3.csv").unlink()
        assert refused(DeliveryError) == (
            f"The file bilanzen_2024Q3.csv is missing in {delivered.folder}.\n"
            "  expected: bilanzen_2024Q3.csv\n"
            "  found: ausfälle_2024Q1.csv, ausfälle_2024Q2.csv, ausfälle_2024Q3.csv, beteiligungen.csv, "
            "bilanzen_2024Q1.csv and 7 more\n"
            "  way out: is it bilanzen_2024Q2.csv? Rename it or change the portfolio"
        )

    def test_a_missing_folder_is_named(self, refused, delivered):
        delivered.folder.rename(delivered.data_dir / "elsewhere")
        assert refused(DeliveryError) == (
            f"The folder {delivered.folder} does not exist.\n"
            "  expected: a folder with the portfolio's files\n"
            "  found: nothing\n"
            "  way out: name the folder that holds the data with --data-dir or CREDITNET_DATA"
        )

    def test_a_missing_column_is_shown_as_a_difference(self, refused, delivered):
        delivered.change("bilanzen_2024Q3.csv", lambda rows: [row for row in rows if row.pop("Eigenkapital") or True])
        assert refused(DeliveryError) == (
            "bilanzen_2024Q3.csv does not have the declared columns.\n"
            "  expected: Bilanzsumme, Eigenkapital, Jahresüberschuss, KdNr, Mitarbeiter\n"
            "  found: these differences (- missing, + not declared):\n"
            "    - Eigenkapital\n"
            f"  way out: {COLUMNS}"
        )

    def test_a_renamed_column_is_recognised(self, refused, delivered):
        delivered.change(
            "bilanzen_2024Q2.csv", lambda rows: [row | {"Eigenkapitals": row.pop("Eigenkapital")} for row in rows]
        )
        assert refused(DeliveryError) == (
            "bilanzen_2024Q2.csv does not have the declared columns.\n"
            "  expected: Bilanzsumme, Eigenkapital, Jahresüberschuss, KdNr, Mitarbeiter\n"
            "  found: these differences (- missing, + not declared):\n"
            "    - Eigenkapital   (renamed to Eigenkapitals?)\n"
            "    + Eigenkapitals\n"
            f"  way out: {COLUMNS}"
        )

    def test_a_quarter_that_was_not_delivered_is_told_with_those_that_were(self, refused, delivered):
        assert refused(DeliveryError, quarter="2024Q4") == (
            "The quarter 2024Q4 has not been delivered.\n"
            f"  expected: 2024Q4 in {delivered.folder}\n"
            "  found: 2024Q1 to 2024Q3\n"
            "  way out: deliver it, or refresh a quarter that is there"
        )

    def test_a_word_that_is_no_quarter_is_refused(self, refused):
        assert refused(SettingsError, quarter="Q4/24") == (
            "'Q4/24' is not a quarter.\n  expected: a year and a quarter, such as 2024Q4\n  found: 'Q4/24'"
        )


class TestBadRows:
    def test_text_where_a_number_belongs_is_quarantined(self, refused, delivered, quarantine):
        delivered.change(*changed("bilanzen_2024Q3.csv", 7, Bilanzsumme="1.234,50", Mitarbeiter="2.5"))
        assert refused(DeliveryRefused) == (
            "The delivery is refused: too many bad rows in filings.\n"
            "filings: 1 of 360 rows (0.28%; tolerated 0.00%)\n"
            "    staff breaks 'is a whole number': row 7 '2.5'\n"
            "    total_assets breaks 'is a finite number': row 7 '1.234,50'\n"
            "  expected: no more bad rows than the portfolio tolerates\n"
            "  found: 1 bad rows" + REFUSED
        )
        assert quarantine() == [
            ("filings 2024Q3", 7, "staff", "is a whole number", "2.5"),
            ("filings 2024Q3", 7, "total_assets", "is a finite number", "1.234,50"),
        ]

    def test_each_row_of_a_repeated_id_is_quarantined(self, refused, delivered, quarantine):
        delivered.change("kunden_2024Q3.csv", lambda rows: rows.append(rows[0] | {"Firma": "Doppelt AG"}))
        message = refused(DeliveryRefused)
        assert message.startswith(
            "The delivery is refused: too many bad rows in firms, relations:trade, filings.\n"
            "firms: 2 of 361 rows (0.55%; tolerated 0.00%)\n"
            "    firm_id breaks 'unique firm_id': row 1 '00123', row 121 '00123'\n"
        )
        assert [row for row in quarantine() if row[0].startswith("firms")] == [
            ("firms 2024Q3", 1, "firm_id", "unique firm_id", "00123"),
            ("firms 2024Q3", 121, "firm_id", "unique firm_id", "00123"),
        ]

    def test_relations_of_unknown_firms_are_quarantined(self, refused, delivered, quarantine):
        delivered.change(*changed("lieferungen_2024Q3.csv", 2, Lieferant="123"))
        delivered.change(*changed("lieferungen_2024Q3.csv", 4, Abnehmer="100000.0"))
        assert refused(DeliveryRefused) == (
            "The delivery is refused: too many bad rows in relations:trade.\n"
            f"relations:trade: 2 of {self._trades(delivered)} rows (0.28%; tolerated 0.00%)\n"
            "    source breaks 'source is a known firm': row 2 '123'\n"
            "    target breaks 'target is a known firm': row 4 '100000.0'\n"
            "  expected: no more bad rows than the portfolio tolerates\n"
            "  found: 2 bad rows" + REFUSED
        )
        assert quarantine() == [
            ("relations:trade 2024Q3", 2, "source", "source is a known firm", "123"),
            ("relations:trade 2024Q3", 4, "target", "target is a known firm", "100000.0"),
        ]

    def test_a_firm_related_to_itself_is_quarantined(self, refused, delivered, quarantine):
        delivered.change(*changed("lieferungen_2024Q3.csv", 1, Lieferant="00123", Abnehmer="00123"))
        assert refused(DeliveryRefused) == (
            "The delivery is refused: too many bad rows in relations:trade.\n"
            f"relations:trade: 1 of {self._trades(delivered)} rows (0.14%; tolerated 0.00%)\n"
            "    source, target breaks 'not related to itself': row 1 '00123, 00123'\n"
            "  expected: no more bad rows than the portfolio tolerates\n"
            "  found: 1 bad rows" + REFUSED
        )
        assert quarantine() == [
            ("relations:trade 2024Q3", 1, "source, target", "not related to itself", "00123, 00123")
        ]

    def test_mistakes_of_all_tables_are_told_at_once(self, refused, delivered):
        delivered.change(*changed("kunden_2024Q3.csv", 3, Gebiet="Dorf"))
        delivered.change(*changed("bilanzen_2024Q2.csv", 5, Eigenkapital="9e99"))
        delivered.change(*changed("ausfälle_2024Q1.csv", 8, Ausfall="vielleicht"))
        message = refused(DeliveryRefused)
        assert message.startswith("The delivery is refused: too many bad rows in firms, relations:trade, filings, ")
        for line in (
            "    area breaks 'one of Stadt, Land': row 3 'Dorf'\n",
            "    equity, total_assets breaks 'equity within total assets': row 5 '9e+99, ",
            "    outcome breaks 'one of nein, ja': row 8 'vielleicht'\n",
        ):
            assert line in message

    @staticmethod
    def _trades(delivered):
        return sum(len(delivered.rows(f"lieferungen_{quarter}.csv")) for quarter in delivered.bank.QUARTERS)


class TestTooLittle:
    def test_a_delivery_without_a_single_row_has_no_outcome_to_learn_from(self, refused, delivered):
        for quarter in delivered.bank.QUARTERS:
            for name in ("kunden", "bilanzen", "lieferungen", "ausfälle"):
                delivered.empty(f"{name}_{quarter}.csv")
        delivered.empty("beteiligungen.csv")
        assert refused(NotEnoughData) == (
            "No outcome is known by 2024Q3.\n"
            "  expected: a delivered vintage of 2024Q2 or earlier (its outcome is published 1 quarter later)\n"
            "  found: nothing\n"
            "  way out: refresh a later quarter, or deliver earlier ones"
        )

    def test_no_relation_at_all_is_an_empty_graph(self, refused, delivered):
        for quarter in delivered.bank.QUARTERS:
            delivered.empty(f"lieferungen_{quarter}.csv")
        delivered.empty("beteiligungen.csv")
        assert refused(NotEnoughData) == (
            "The graph is empty: no relation between known firms at 2024-03-31.\n"
            "  expected: at least one edge of shareholding, trade\n"
            "  found: 120 firms and no edge\n"
            "  way out: deliver relations, or set `graph.allow_no_edges: true` if firms without relations are meant"
        )

    def test_outcomes_of_one_class_only_teach_nothing(self, refused, delivered):
        for quarter in ("2024Q1", "2024Q2"):
            delivered.change(
                f"ausfälle_{quarter}.csv", lambda rows: [row.update(Ausfall="nein") or row for row in rows]
            )
        assert refused(NotEnoughData) == (
            "All known outcomes are of one class: there is nothing to learn for 'Ausfall im nächsten Quartal'.\n"
            "  expected: outcomes of at least two of the classes nein, ja\n"
            "  found: 240 outcomes, all 'nein'\n"
            "  way out: check the outcome column and `target.classes`, or refresh a quarter with more known outcomes"
        )


def test_after_a_correction_the_same_quarter_is_refreshed_and_the_quarantine_is_kept(
    published_copy, delivered, published
):
    kept = published_copy.query("SELECT * FROM quarantine ORDER BY id")
    delivered.change(*changed("bilanzen_2024Q3.csv", 7, Bilanzsumme="viel"))
    with pytest.raises(DeliveryRefused):
        published_copy.refresh(delivered.portfolio, data_dir=delivered.data_dir)
    delivered.change(*changed("bilanzen_2024Q3.csv", 7, Bilanzsumme="5000", Eigenkapital="500"))
    corrected = published_copy.refresh(delivered.portfolio, data_dir=delivered.data_dir)
    assert not corrected.already_published
    assert corrected.refresh.fingerprint != published.third.refresh.fingerprint
    assert published_copy.verify()["2024Q3"] == corrected.refresh.refresh
    [difference] = (published_copy.path / "lake/rheintal/diffs").iterdir()
    shutil.rmtree(difference)  # as if the run had died before it was written
    assert published_copy.refresh(delivered.portfolio, data_dir=delivered.data_dir).already_published
    assert (difference / "diff.html").is_file()
    now = published_copy.query("SELECT * FROM quarantine ORDER BY id")
    assert now[:-1] == kept
    assert now[-1][-1] == "viel"
    # The home that was copied may hold a refusal of another test.
    of_the_quarter = published_copy.query(
        "SELECT status, error FROM refreshes WHERE quarter = '2024Q3' AND error LIKE '%viel%' OR key = :key"
        " ORDER BY started_at",
        key=corrected.refresh.refresh,
    )
    assert [status for status, _ in of_the_quarter][-2:] == ["failed", "published"]
    assert of_the_quarter[-2][1].startswith("DeliveryRefused: The delivery is refused: too many bad rows in filings.")
