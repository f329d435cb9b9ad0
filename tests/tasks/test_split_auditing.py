"""A partition travels from the delivery to the split, and an audit finds what the data sets' READMEs document."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import polars as pl
import pytest

from schemas.errors import DeliveryError, DeliveryRefused, SettingsError
from schemas.results import SplitResult
from schemas.terms import Sample, Scheme
from tasks.admission import admit
from tasks.graphs import build_graph
from tasks.lake import read_frame, read_json
from tasks.leases import identify
from tasks.panels import split_firms
from tasks.passing_runs import passing_run
from tasks.portfolios import load_portfolio
from tasks.receiving import receive
from tasks.split_auditing import audit_splits, with_origins, written_audit

PARTITION = {"file": "folds.csv", "firm_id": "no", "group": "fold"}


def audited(portfolio, data_dir):
    """Do what the flow does, without Prefect."""
    delivery = receive.__wrapped__(portfolio, None, str(data_dir))
    with passing_run(portfolio, delivery, "audit") as run:
        panel = build_graph.__wrapped__(run, admit.__wrapped__(run))
        split = split_firms.__wrapped__(run, panel)
        return audit_splits.__wrapped__(run, panel, split), run


def beyond(audit):
    return {(finding.check, finding.subject) for finding in audit.findings if finding.beyond}


class TestPartition:
    def folds(self, kontor, text="no,fold\n00123,1\nNA,2\n1e5,1\nd,2\ne,1\n"):
        kontor.write("folds.csv", text)
        return kontor.spec(split={"partition": PARTITION})

    def test_it_is_received_and_changes_the_fingerprint(self, kontor):
        first = kontor.receive(self.folds(kontor))
        assert kontor.raw(first, "partition")["fold"].to_list() == ["1", "2", "1", "2", "1"]
        second = kontor.receive(self.folds(kontor, "no,fold\n00123,1\nNA,2\n1e5,1\nd,2\ne,2\n"))
        assert first.fingerprint != second.fingerprint

    def test_it_is_admitted_as_text(self, kontor):
        admission = admit.__wrapped__(kontor.run(self.folds(kontor)))
        rows = read_frame(kontor.home, admission.tables["partition"])
        assert rows["firm_id"].to_list() == ["00123", "NA", "1e5", "d", "e"]

    def test_a_firm_in_two_groups_is_refused_with_its_rows(self, kontor):
        spec = self.folds(kontor, "no,fold\n00123,1\nNA,2\n1e5,1\nd,2\ne,1\nd,3\nNA,2\n")
        with pytest.raises(DeliveryRefused) as error:
            admit.__wrapped__(kontor.run(spec))
        assert "partition: 2 of 7 rows" in str(error.value)
        assert "breaks 'one group a firm': row 4 '2, d', row 6 '3, d'" in str(error.value)

    def test_an_empty_group_is_refused(self, kontor):
        with pytest.raises(DeliveryRefused, match="is filled"):
            admit.__wrapped__(kontor.run(self.folds(kontor, "no,fold\n00123,1\nNA,\n1e5,1\nd,2\ne,1\n")))

    def test_a_missing_file_is_named(self, kontor):
        with pytest.raises(DeliveryError, match=r"folds\.csv"):
            kontor.receive(kontor.spec(split={"partition": PARTITION}))


def test_one_quarter_has_no_rolling_origins():
    with pytest.raises(SettingsError, match="it has no rolling origins"):
        with_origins(load_portfolio("corpnet"), 3)
    interbank = load_portfolio("interbank")
    assert with_origins(interbank, 3).split.origins == 3
    assert with_origins(interbank, None) is interbank


@pytest.fixture(scope="module")
def reference_data():
    folder = os.environ.get("CREDITNET_DATA")
    if not folder:
        pytest.skip("CREDITNET_DATA does not name the reference data")
    return Path(folder)


@pytest.fixture
def corpnet_as_published(reference_data, tmp_path):
    """CorpNet in the order, and with the firm ids, of the publisher's own file."""
    source, folder = reference_data / "corpnet", tmp_path / "data" / "corpnet"
    folder.mkdir(parents=True)
    rows = pl.read_parquet(source / "audit_source_rows.parquet")
    order = next(name for name in rows.columns if name != "firm_id")
    renamed = dict(rows.select("firm_id", order).iter_rows())
    nodes = pl.read_parquet(source / "nodes.parquet").with_columns(pl.col("firm_id").replace_strict(renamed))
    nodes.sort("firm_id").write_parquet(folder / "nodes.parquet")
    edges = pl.read_parquet(source / "edges.parquet")
    edges.with_columns(pl.col("src", "dst").replace_strict(renamed)).write_parquet(folder / "edges.parquet")
    return folder.parent


@pytest.mark.data
def test_the_row_order_of_corpnet_and_its_near_duplicates_are_found(home, corpnet_as_published):
    audit, run = audited(load_portfolio("corpnet"), corpnet_as_published)
    found = beyond(audit)
    assert ("order that tells", "row of the delivery") in found
    assert ("order that tells", "number in the firm id") in found
    assert ("near-duplicates", "published, published_test") in found
    value = next(finding.value for finding in audit.findings if finding.check == "order that tells")
    assert value > 0.99
    gap = next(measure.gap for measure in audit.measures if measure.scheme is Scheme.COMMUNITY)
    assert gap.low > 0, "README, fact 7: random splits flatter"
    assert not (home / run.work).exists()


@pytest.mark.data
def test_the_dealings_of_smesd_are_found(home, reference_data):
    audit, _ = audited(load_portfolio("smesd"), reference_data)
    telling = {subject for check, subject in beyond(audit) if check == "relation that tells"}
    assert telling == {"firm_dealing"}
    written = written_audit(audit)
    assert [Path(file).name for file in written.files] == ["audit.json", "audit.md", "audit.html"]
    assert json.loads(Path(written.files[0]).read_bytes()) == audit.model_dump(mode="json")
    assert written_audit(audit) == written


@pytest.mark.data
@pytest.mark.parametrize("fold", ["0", "3"])
def test_corpnet_is_held_out_fold_by_fold(home, reference_data, fold):
    spec = load_portfolio("corpnet")
    given = {
        "file": "folds.parquet",
        "firm_id": "firm_id",
        "group": "fold",
        "community": "community",
        "out_of_community": [fold],
    }
    described = spec.model_dump(mode="json")
    described["split"] |= {"schemes": ["community"], "published": None, "partition": given}
    described["use"] = {"firms_from": "unseen_communities"}
    portfolio = type(spec).model_validate(described)
    run = identify.__wrapped__(portfolio, receive.__wrapped__(portfolio, None, str(reference_data)), "test")
    panel = build_graph.__wrapped__(run, admit.__wrapped__(run))
    split = split_firms.__wrapped__(run, panel)
    dealt = read_frame(home, split.file)
    folds = pl.read_parquet(reference_data / "corpnet" / "folds.parquet").with_columns(pl.all().cast(pl.String))
    held = dealt.filter(pl.col("sample") == str(Sample.OUT_OF_COMMUNITY))
    assert set(held["firm_id"]) == set(folds.filter(pl.col("fold") == fold)["firm_id"])
    assert held["community"].n_unique() > 1, "intervals resample communities, not folds"
    assert {one.sample for one in read_json(home, split.summary, SplitResult).samples} == {
        Sample.DEVELOPMENT,
        Sample.VALIDATION,
        Sample.OUT_OF_COMMUNITY,
    }
    shutil.rmtree(home / run.work)
