"""A data folder is made of the publisher's files, checked before they are opened, whole or not at all."""

import hashlib
import http.server
import json
import os
import pickle
import struct
import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from polars.testing import assert_frame_equal

from models.importing.corpnet import corpnet_tables, dealt_firm_ids, published_split
from models.importing.interbank import interbank_tables
from schemas.errors import CreditnetError, DeliveryError, IntegrityError, NotEnoughData, SettingsError
from schemas.terms import Quarter
from tasks.fetch import origins
from tasks.fetch.plain_pickle import whole_number_lists
from tasks.fetch.publishers import interbank_columns, publisher
from tasks.fetching import fetch

CORPNET_COLUMNS = (
    "industry_code,CurrentLiabs,TotalLiabs,RetainedEarnings,CurrentAssets,NetSales,EBIT,MktValueEquity,Rating"
)


# A publisher in miniature


def corpnet_csv(firms=20):
    grades = ["AAA", "A", "BBB", "BB", "B", "CCC"]
    rows = [f"B,{n}.5,50,1e1,2,3,-0.25,{200 - n},{grades[n * len(grades) // firms]}" for n in range(firms)]
    return "\n".join([CORPNET_COLUMNS, *rows]) + "\n"


def corpnet_arcs(firms=20):
    """Return a ring of all firms but the last, in both directions."""
    ends = list(range(firms - 1))
    return {"src": [*ends, *ends[1:], 0], "dst": [*ends[1:], 0, *ends]}


@pytest.fixture
def corpnet_files(tmp_path):
    folder = tmp_path / "corpnet-source"
    folder.mkdir()
    (folder / "tabular_data.csv").write_text(corpnet_csv())
    (folder / "src_dst.p").write_bytes(pickle.dumps(corpnet_arcs(), protocol=3))
    return folder


@pytest.fixture
def interbank_files(tmp_path):
    """Two quarters in the layout of the publisher's repository."""
    folder = tmp_path / "interbank-source"
    header = list(interbank_columns().values())
    for quarter in ("2016Q1", "2016Q2"):
        lines = [",".join([str(bank), *["1.5"] * 69, "", "3", "0.1", "2e3"]) for bank in range(4)]
        for part, text in (
            (f"nodes/{quarter}.csv", "\n".join([",".join(header), *lines])),
            (f"edges/edge_{quarter}.csv", "Sourceid,Targetid,Weights\n0,1,2.5\n3,2,-1\n"),
        ):
            path = folder / "datasets" / part
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return folder


@pytest.fixture
def recorded(monkeypatch):
    """Record hashes for a data set, as a later version of hashes.yaml would."""

    def record(dataset, **sha256):
        known = publisher(dataset).model_copy(update={"sha256": {k.replace("__", "."): v for k, v in sha256.items()}})
        monkeypatch.setattr("tasks.fetching.publisher", lambda _: known)

    return record


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def leftovers(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


# Hashes


def test_a_file_without_a_recorded_hash_is_refused_before_anything_is_read(interbank_files, tmp_path):
    heard = []
    with pytest.raises(IntegrityError, match="4 of 4 files have no recorded SHA-256") as caught:
        fetch("interbank", tmp_path / "to", local=interbank_files, tell=heard.append)
    assert "--accept-new-hashes" in str(caught.value)
    assert heard == []
    assert not (tmp_path / "to").exists()


def test_new_hashes_are_accepted_when_asked_and_written_down(interbank_files, tmp_path):
    made = fetch("interbank", tmp_path / "to", local=interbank_files, accept_new_hashes=True)
    kept = json.loads((tmp_path / "to" / "hashes.json").read_text())
    assert kept["origin"] == str(interbank_files)
    assert {file["name"]: (file["sha256"], file["recorded"]) for file in kept["files"]} == {
        f"{kind}_{quarter}.csv": (sha256(interbank_files / "datasets" / path.format(quarter)), False)
        for kind, path in (("nodes", "nodes/{}.csv"), ("edge", "edges/edge_{}.csv"))
        for quarter in ("2016Q1", "2016Q2")
    }
    assert len(made.new_hashes) == 4


@pytest.mark.parametrize("accept", [False, True])
def test_a_wrong_hash_is_refused_whatever_is_accepted(corpnet_files, tmp_path, accept):
    with pytest.raises(IntegrityError, match=r"tabular_data.csv is not the file that was recorded"):
        fetch("corpnet", tmp_path / "to", local=corpnet_files, accept_new_hashes=accept)
    assert not (tmp_path / "to").exists()
    assert leftovers(tmp_path) == []


def test_no_parser_sees_a_file_whose_hash_is_wrong(corpnet_files, tmp_path, recorded, monkeypatch):
    recorded("corpnet", tabular_data__csv=sha256(corpnet_files / "tabular_data.csv"), src_dst__p="0" * 64)
    monkeypatch.setattr("tasks.fetching.whole_number_lists", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(IntegrityError, match=r"src_dst.p is not the file"):
        fetch("corpnet", tmp_path / "to", local=corpnet_files)


def test_a_recorded_hash_that_fits_needs_no_consent(corpnet_files, tmp_path, recorded):
    recorded(
        "corpnet",
        tabular_data__csv=sha256(corpnet_files / "tabular_data.csv"),
        src_dst__p=sha256(corpnet_files / "src_dst.p"),
    )
    made = fetch("corpnet", tmp_path / "to", local=corpnet_files)
    assert made.new_hashes == []
    assert [(table.file, table.rows) for table in made.tables] == [("nodes.parquet", 20), ("edges.parquet", 19)]


# The target


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_a_target_that_exists_is_refused(interbank_files, tmp_path, kind):
    target = tmp_path / "to"
    {"folder": target.mkdir, "file": target.touch, "link": lambda: target.symlink_to("nowhere")}[kind]()
    with pytest.raises(SettingsError, match="exists already"):
        fetch("interbank", target, local=interbank_files, accept_new_hashes=True)


def test_a_failure_half_way_leaves_nothing(interbank_files, tmp_path):
    (interbank_files / "datasets/edges/edge_2016Q2.csv").write_text("Sourceid,Targetid,Weights\n0,99,1\n")
    with pytest.raises(DeliveryError, match="banks that are not among the banks"):
        fetch("interbank", tmp_path / "deep" / "to", local=interbank_files, accept_new_hashes=True)
    assert list((tmp_path / "deep").iterdir()) == []


def test_a_target_that_appears_meanwhile_is_not_overwritten(interbank_files, tmp_path):
    target = tmp_path / "to"

    def interfere(name):
        if name.startswith("edge_2016Q2"):
            target.mkdir()
            (target / "mine").touch()

    with pytest.raises(CreditnetError, match="cannot be written"):
        fetch("interbank", target, local=interbank_files, accept_new_hashes=True, tell=interfere)
    assert [path.name for path in target.iterdir()] == ["mine"]
    assert leftovers(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_told(interbank_files, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CreditnetError, match="cannot be written"):
        fetch("interbank", tmp_path / "file" / "to", local=interbank_files, accept_new_hashes=True)


# A local copy


def test_a_folder_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(DeliveryError, match="does not exist"):
        fetch("corpnet", tmp_path / "to", local=tmp_path / "nowhere")


def test_a_missing_file_is_told_with_what_is_there(corpnet_files, tmp_path):
    (corpnet_files / "tabular_data.csv").rename(corpnet_files / "table.csv")
    with pytest.raises(DeliveryError, match=r"tabular_data.csv cannot be read") as caught:
        fetch("corpnet", tmp_path / "to", local=corpnet_files)
    assert "src_dst.p, table.csv" in str(caught.value)


def test_a_quarter_with_one_file_only_is_an_error_and_not_left_out(interbank_files, tmp_path):
    (interbank_files / "datasets/edges/edge_2016Q1.csv").unlink()
    with pytest.raises(DeliveryError, match=r"edge_2016Q1.csv cannot be read"):
        fetch("interbank", tmp_path / "to", local=interbank_files, accept_new_hashes=True)


def test_a_folder_without_a_quarter_is_told(tmp_path):
    with pytest.raises(DeliveryError, match="No quarter is in"):
        fetch("interbank", tmp_path / "to", local=tmp_path, accept_new_hashes=True)


def test_an_unknown_data_set_is_told(tmp_path):
    with pytest.raises(SettingsError, match="did you mean corpnet"):
        fetch("corpnets", tmp_path / "to", local=tmp_path)


# A mirror on this machine


class Mirror(http.server.BaseHTTPRequestHandler):
    """Serves a dictionary of paths; a text is where to redirect to."""

    def do_GET(self):
        self.server.asked.append(self.path)
        found = self.server.files.get(self.path)
        self.send_response(404 if found is None else 302 if isinstance(found, str) else 200)
        if isinstance(found, str):
            self.send_header("Location", found)
        self.end_headers()
        if isinstance(found, bytes):
            self.wfile.write(found)

    def log_message(self, *args):
        pass


@pytest.fixture
def mirror(monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    server.files, server.asked = {}, []
    server.daemon_threads = False  # so that closing it waits for the last answer
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("CREDITNET_FETCH_URL", f"http://127.0.0.1:{server.server_port}/raw/")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


AWSLABS = "/raw/awslabs/sagemaker-graph-based-credit-scoring/c05beb8/datasets"
AI4RISK = "/raw/AI4Risk/interbank/b23877d/datasets"


@pytest.fixture
def mirrored_corpnet(mirror, corpnet_files, recorded):
    mirror.files = {f"{AWSLABS}/{path.name}": path.read_bytes() for path in corpnet_files.iterdir()}
    recorded("corpnet", **{path.name.replace(".", "__"): sha256(path) for path in corpnet_files.iterdir()})
    return mirror


def test_the_publishers_files_are_fetched_at_the_recorded_commit(mirrored_corpnet, tmp_path):
    made = fetch("corpnet", tmp_path / "to")
    assert mirrored_corpnet.asked == [f"{AWSLABS}/tabular_data.csv", f"{AWSLABS}/src_dst.p"]
    assert made.origin.endswith("/raw/awslabs/sagemaker-graph-based-credit-scoring/c05beb8")
    assert (tmp_path / "to" / "nodes.parquet").is_file()


def test_fetched_bytes_are_checked_like_local_ones(mirrored_corpnet, tmp_path):
    mirrored_corpnet.files[f"{AWSLABS}/src_dst.p"] += b"x"
    with pytest.raises(IntegrityError, match=r"src_dst.p is not the file"):
        fetch("corpnet", tmp_path / "to")


def test_every_quarter_is_fetched_and_one_that_is_missing_is_told(mirror, interbank_files, tmp_path):
    for path in interbank_files.rglob("*.csv"):
        for quarter in publisher("interbank").every_quarter():
            name = path.name.replace("2016Q1", str(quarter))
            mirror.files[f"{AI4RISK}/{path.parent.name}/{name}"] = path.read_bytes()
    del mirror.files[f"{AI4RISK}/edges/edge_2017Q3.csv"]
    with pytest.raises(DeliveryError, match=r"edge_2017Q3.csv could not be fetched") as caught:
        fetch("interbank", tmp_path / "to", accept_new_hashes=True)
    assert "Not Found" in str(caught.value)
    assert not (tmp_path / "to").exists()


def test_hashes_that_are_missing_are_told_without_asking_the_mirror(mirror, tmp_path):
    with pytest.raises(IntegrityError, match="52 of 56 files"):
        fetch("interbank", tmp_path / "to")
    assert mirror.asked == []


def test_a_redirection_to_another_address_is_followed(mirrored_corpnet, tmp_path):
    there = f"{AWSLABS}/src_dst.p"
    mirrored_corpnet.files["/elsewhere"] = mirrored_corpnet.files[there]
    mirrored_corpnet.files[there] = "/elsewhere"
    assert fetch("corpnet", tmp_path / "to").new_hashes == []


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_redirection_cannot_lead_to_a_file(mirrored_corpnet, tmp_path, place):
    mirrored_corpnet.files[f"{AWSLABS}/tabular_data.csv"] = place
    with pytest.raises(DeliveryError, match="could not be fetched"):
        fetch("corpnet", tmp_path / "to")


def test_an_answer_that_does_not_end_is_cut_off(mirrored_corpnet, tmp_path, monkeypatch):
    monkeypatch.setattr(origins, "_LARGEST", 100)
    with pytest.raises(DeliveryError, match="more than 100 bytes"):
        fetch("corpnet", tmp_path / "to")


def test_a_mirror_that_does_not_answer_is_told(tmp_path, monkeypatch, mirror):
    mirror.server_close()
    with pytest.raises(DeliveryError, match=r"tabular_data.csv could not be fetched"):
        fetch("corpnet", tmp_path / "to")


@pytest.mark.parametrize("address", ["file:///tmp", "nonsense", "http://"])
def test_a_mirror_must_have_a_web_address(tmp_path, monkeypatch, address):
    monkeypatch.setenv("CREDITNET_FETCH_URL", address)
    with pytest.raises(SettingsError, match="not the address of a mirror"):
        fetch("corpnet", tmp_path / "to")


# The pickle


class Calls:
    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_a_pickle_that_would_run_something_runs_nothing(tmp_path):
    hostile = Calls()
    hostile.folder = str(tmp_path / "made")
    with pytest.raises(IntegrityError, match="has not been opened") as caught:
        whole_number_lists(pickle.dumps({"src": hostile, "dst": []}), ("src", "dst"), file="x.p")
    assert "mkdir" in str(caught.value)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_lists_are_read_in_every_protocol(protocol):
    data = pickle.dumps({"src": [0, 70_000, 2**40], "dst": []}, protocol=protocol)
    found = whole_number_lists(data, ("src", "dst"), file="x.p")
    assert found["src"].tolist() == [0, 70_000, 2**40]
    assert found["dst"].dtype == np.int64


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {"src": [1]},
        {"src": [1], "dst": [1], "more": []},
        {"src": [1.0], "dst": [1]},
        {"src": [True], "dst": [1]},
        {"src": [[1]], "dst": [1]},
        {"src": (1,), "dst": [1]},
        {"src": [2**70], "dst": [1]},
        {"src": np.array([1]), "dst": [1]},
        {"src": [Path("x")], "dst": [1]},
    ],
    ids=str,
)
def test_a_pickle_of_anything_else_is_refused(content):
    with pytest.raises(IntegrityError, match="is not a pickle of plain lists"):
        whole_number_lists(pickle.dumps(content), ("src", "dst"), file="x.p")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a pickle",
        b"\x80\x03}q\x00.garbage"[:4],
        b"\x80\x03cos\nsystem\nX\x02\x00\x00\x00ls\x85R.",
        b"Pid\n.",
        b"\x80\x02\x82\x01.",  # a class by its number in the registry
        b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"}.",  # a frame that does not end
        b"\x80\x03h\x05.",  # from a memory that is empty
    ],
    ids=repr,
)
def test_broken_and_hostile_bytes_are_refused(data):
    with pytest.raises(IntegrityError, match="is not a pickle of plain lists"):
        whole_number_lists(data, ("src", "dst"), file="x.p")


# CorpNet


def raw_firms(text=None):
    return pl.read_csv((text or corpnet_csv()).encode(), infer_schema=False)


def arcs(content=None):
    return [np.array(ends) for ends in (content or corpnet_arcs()).values()]


def test_firms_are_permuted_with_all_that_belongs_to_them():
    firm_ids = dealt_firm_ids(20)
    tables = corpnet_tables(raw_firms(), *arcs(), firm_ids)
    assert tables.nodes["firm_id"].to_list() == list(range(20))
    for row in (0, 7, 19):
        node = tables.nodes.row(int(firm_ids[row]), named=True)
        assert (node["current_liabilities"], node["market_value_equity"]) == (row + 0.5, 200.0 - row)
    isolated = tables.nodes.filter(split="isolated")["firm_id"].to_list()
    assert isolated == [firm_ids[19]]
    expected = {tuple(sorted((int(firm_ids[n]), int(firm_ids[(n + 1) % 19])))) for n in range(19)}
    assert set(tables.edges.iter_rows()) == expected
    assert tables.edges.height == 19


def test_the_dealt_ids_are_a_permutation_that_never_changes():
    firm_ids = dealt_firm_ids(3286)
    assert sorted(firm_ids.tolist()) == list(range(3286))
    # computed once in plain Python by the rule in its docstring; other ids would make every model another one
    assert hashlib.sha256(firm_ids.astype("<i8").tobytes()).hexdigest() == (
        "cd573a9031098dd2cee245343ac5c30a8fad6d3287d4d2727deb9b953c741e75"
    )
    assert abs(np.corrcoef(firm_ids, np.arange(3286))[0, 1]) < 0.03


def test_investment_grade_begins_at_bbb():
    nodes = corpnet_tables(raw_firms(), *arcs(), np.arange(20)).nodes
    grades = dict(nodes.select("rating", "investment_grade").unique().iter_rows())
    assert grades == {"AAA": 1, "A": 1, "BBB": 1, "BB": 0, "B": 0, "CCC": 0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (corpnet_csv().replace("EBIT", "Ebit"), "publisher's columns"),
        (corpnet_csv().replace(",Rating", ""), "publisher's columns"),
        (corpnet_csv().replace("-0.25", "n/a", 1), "1 values that cannot be read"),
        (corpnet_csv().replace("-0.25", "", 1), "1 values that cannot be read"),
    ],
)
def test_a_table_that_is_not_as_published_is_told(text, message):
    with pytest.raises(DeliveryError, match=message):
        corpnet_tables(
            pl.read_csv(text.encode(), infer_schema=False, truncate_ragged_lines=True), *arcs(), np.arange(20)
        )


@pytest.mark.parametrize(
    "content",
    [{"src": [0], "dst": [20]}, {"src": [-1], "dst": [1]}, {"src": [3], "dst": [3]}, {"src": [0, 1], "dst": [1]}],
    ids=str,
)
def test_arcs_that_do_not_fit_the_firms_are_told(content):
    with pytest.raises(DeliveryError, match=r"src_dst.p does not fit tabular_data.csv"):
        corpnet_tables(raw_firms(), *arcs(content), np.arange(20))


def test_too_few_firms_to_split_are_told():
    with pytest.raises(NotEnoughData, match="cannot be split"):
        published_split(np.ones(4, dtype=bool), np.array([1, 1, 1, 0], dtype=np.int8))


# Interbank


def raw_quarter(banks="0", edges="0,0,1\n"):
    names = interbank_columns()
    nodes = {theirs: [bank if ours == "bank_id" else "2" for bank in banks] for ours, theirs in names.items()}
    return pl.DataFrame(nodes), pl.read_csv(f"Sourceid,Targetid,Weights\n{edges}".encode(), infer_schema=False)


def test_every_publishers_column_has_its_own_name():
    names = interbank_columns()
    assert len(names) == len(set(names.values())) == 74
    assert next(iter(names)) == "bank_id"
    assert list(names)[-3:] == ["rating_next_quarter", "srisk_ratio", "srisk_value"]


def test_negative_exposures_pass_for_admission_to_judge():
    tables = interbank_tables(*raw_quarter("01", "0,1,-2.5\n"), interbank_columns(), quarter="2016Q1")
    assert tables.exposures.rows() == [(0, 1, -2.5)]
    assert tables.banks.schema["bank_id"] == pl.Int32
    assert tables.banks.schema["total_assets"] == pl.Float32


@pytest.mark.parametrize(
    ("banks", "edges", "message"),
    [
        ("01", "0,7,1\n", "1 banks that are not among the banks"),
        ("01", "0,,1\n", "edge_2016Q1.csv has 1 values"),
        ("01", "0,one,1\n", "edge_2016Q1.csv has 1 values"),
        ("0x", "0,0,1\n", "nodes_2016Q1.csv has 1 values"),
    ],
)
def test_a_quarter_that_is_not_as_published_is_told(banks, edges, message):
    with pytest.raises(DeliveryError, match=message):
        interbank_tables(*raw_quarter(banks, edges), interbank_columns(), quarter="2016Q1")


def test_a_bank_id_that_does_not_fit_is_told():
    nodes, edges = raw_quarter("0", "0,0,1\n")
    with pytest.raises(DeliveryError, match="too large for its column"):
        interbank_tables(nodes.with_columns(index=pl.lit("99999999999")), edges, interbank_columns(), quarter="2016Q1")


def test_the_quarters_of_the_data_set_are_the_published_ones():
    every = publisher("interbank").every_quarter()
    assert (len(every), every[0], every[-1]) == (28, Quarter(2016, 1), Quarter(2022, 4))
    assert publisher("corpnet").every_quarter() == []


# The reference data

DATA = os.environ.get("CREDITNET_DATA", "")


@pytest.mark.data
@pytest.mark.skipif(
    not (DATA and (Path(DATA) / "corpnet/source").is_dir() and (Path(DATA) / "interbank/source").is_dir()),
    reason="needs CREDITNET_DATA, a folder with corpnet/source and interbank/source",
)
class TestReferenceData:
    def test_recorded_hashes_are_those_of_the_publishers_files(self):
        known = yaml.safe_load((Path(origins.__file__).parent / "hashes.yaml").read_text())
        for dataset, described in known.items():
            folder = Path(DATA) / dataset / "source"
            assert described["sha256"] == {path.name: sha256(path) for path in folder.iterdir()}

    def test_corpnet_is_the_reference_folder_up_to_the_recorded_permutation(self, tmp_path):
        reference = Path(DATA) / "corpnet"
        fetch("corpnet", tmp_path / "to", local=reference / "source")
        rows = pl.read_parquet(reference / "audit_source_rows.parquet").sort("source_row")
        theirs_by_ours = np.empty(len(rows), dtype=np.int64)
        theirs_by_ours[dealt_firm_ids(len(rows))] = rows["firm_id"].to_numpy()
        nodes = pl.read_parquet(tmp_path / "to/nodes.parquet")
        renamed = nodes.with_columns(pl.Series("firm_id", theirs_by_ours[nodes["firm_id"].to_numpy()], pl.Int16))
        assert_frame_equal(renamed.sort("firm_id"), pl.read_parquet(reference / "nodes.parquet"), check_exact=True)
        edges = pl.read_parquet(tmp_path / "to/edges.parquet")
        ends = [theirs_by_ours[edges[end].to_numpy()] for end in ("src", "dst")]
        pairs = pl.DataFrame({"src": np.minimum(*ends), "dst": np.maximum(*ends)}).cast(pl.Int16).sort("src", "dst")
        assert_frame_equal(pairs, pl.read_parquet(reference / "edges.parquet"))

    def test_corpnet_with_the_reference_permutation_is_the_reference_folder(self):
        reference = Path(DATA) / "corpnet"
        rows = pl.read_parquet(reference / "audit_source_rows.parquet").sort("source_row")
        ends = whole_number_lists((reference / "source/src_dst.p").read_bytes(), ("src", "dst"), file="src_dst.p")
        firms = pl.read_csv(reference / "source/tabular_data.csv", infer_schema=False)
        tables = corpnet_tables(firms, ends["src"], ends["dst"], rows["firm_id"].to_numpy().astype(np.int64))
        assert_frame_equal(tables.nodes, pl.read_parquet(reference / "nodes.parquet"), check_exact=True)
        assert_frame_equal(tables.edges, pl.read_parquet(reference / "edges.parquet"))

    def test_the_fetched_row_order_says_nothing_of_the_label(self, tmp_path):
        fetch("corpnet", tmp_path / "to", local=Path(DATA) / "corpnet/source")
        nodes = pl.read_parquet(tmp_path / "to/nodes.parquet")
        ranks, good = nodes["firm_id"].to_numpy(), nodes["investment_grade"].to_numpy() == 1
        auc = np.mean(ranks[good][:, None] > ranks[~good][None, :])
        assert auc == pytest.approx(0.5, abs=0.03)

    def test_interbank_is_the_reference_folder(self, tmp_path):
        reference = Path(DATA) / "interbank"
        fetch("interbank", tmp_path / "to", local=reference / "source")
        made = sorted(path.relative_to(tmp_path / "to") for path in (tmp_path / "to").rglob("*.parquet"))
        assert [str(path) for path in made] == [
            f"{quarter}/{table}.parquet" for quarter in ("2022Q3", "2022Q4") for table in ("banks", "exposures")
        ]
        for path in made:
            found, expected = pl.read_parquet(tmp_path / "to" / path), pl.read_parquet(reference / path)
            assert_frame_equal(found, expected, check_exact=True)

    def test_the_packaged_names_are_those_of_the_reference_folder(self):
        names = dict(pl.read_csv(Path(DATA) / "interbank/columns.csv").iter_rows())
        assert names.items() <= interbank_columns().items()

    def test_a_portfolio_can_be_read_from_a_fetched_folder(self, tmp_path):
        from tasks.portfolios import load_portfolio
        from tasks.receiving import source_reader, table_specs
        from tasks.settings import settings

        fetch("corpnet", tmp_path / "corpnet", local=Path(DATA) / "corpnet/source")
        portfolio = load_portfolio("corpnet")
        reader = source_reader(portfolio, str(tmp_path), settings())
        for spec in table_specs(portfolio).values():
            assert set(spec.declared_columns()) <= set(reader.read(spec.file).columns)
