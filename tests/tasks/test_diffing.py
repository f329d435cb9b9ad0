"""The difference between two published quarters is found, checked and written whole."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from monitoring.diff_document import graph_diff_html, graph_diff_markdown, graph_diff_text
from schemas.diffs import DiffSide, QuarterDiff
from schemas.errors import IntegrityError, NotEnoughData
from schemas.terms import Quarter
from tasks.catalogue import open_catalogue
from tasks.diffing import diff_since, published_diff
from tasks.settings import settings
from tests.tasks.published_graphs import publish_graph

OLD, NEW = Quarter(2023, 1), Quarter(2023, 2)
FIRST, SECOND = "1" * 64, "2" * 64
HOSTILE = "\x1b[31m\u202e<script>alert(1)</script>|[x](http://evil)\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CREDITNET_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CREDITNET_DATABASE_URL", raising=False)
    return settings()


@pytest.fixture
def quarter_graph(graphs):
    def built(edges, quarter=OLD, firms="abcdef", **more):
        return graphs.graph_of(list(firms), {"supply": edges}, as_of=quarter.end, **more)

    return built


@pytest.fixture
def two_quarters(home, quarter_graph):
    publish_graph(home, quarter_graph([("a", "b", 2.0), ("b", "c")]), FIRST)
    publish_graph(home, quarter_graph([("a", "b", 3.0), ("c", "d")], NEW, "abcdex"), SECOND)
    return home


def files_of(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_the_difference_is_written_to_the_folder_named_after_both_refreshes(two_quarters, world):
    written = published_diff(world.portfolio(), OLD, NEW)
    folder = two_quarters.lake / "small_world" / "diffs" / "2023Q1-2023Q2-111111111111-222222222222"
    assert written.files == tuple(str(folder / name) for name in ("diff.json", "diff.md", "diff.html"))
    assert set(files_of(folder)) == {"diff.json", "diff.md", "diff.html", "manifest.json"}
    assert QuarterDiff.model_validate_json((folder / "diff.json").read_bytes()) == written.content
    assert list(two_quarters.work.iterdir()) == []
    relation = written.content.diff.relations[0]
    assert (relation.kept, relation.born, relation.died, relation.reweighted) == (1, 1, 1, 1)
    assert (written.content.diff.firms.came, written.content.diff.firms.left) == (("x",), ("f",))


def test_a_graph_that_is_not_published_yet_is_compared_like_a_published_one(two_quarters, world, quarter_graph):
    published = published_diff(world.portfolio(), OLD, NEW).content
    before = open_catalogue(two_quarters.database_url).current("small_world", OLD)
    graph = quarter_graph([("a", "b", 3.0), ("c", "d")], NEW, "abcdex")
    after = DiffSide(quarter=NEW, refresh=SECOND, fingerprint=published.after.fingerprint)
    found, statistics = diff_since(two_quarters.home, before, world.portfolio(), after, graph)
    assert found == published
    assert statistics is None  # that refresh published a graph and nothing else


def test_a_damaged_published_graph_is_refused(two_quarters, world, quarter_graph):
    before = open_catalogue(two_quarters.database_url).current("small_world", OLD)
    path = two_quarters.home / before.folder / "graphs/2023Q1.safetensors"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    after = DiffSide(quarter=NEW, refresh=SECOND, fingerprint="f" * 64)
    with pytest.raises(IntegrityError):
        diff_since(two_quarters.home, before, world.portfolio(), after, quarter_graph([("a", "b")], NEW))


def test_the_same_difference_again_writes_the_same_bytes(two_quarters, world):
    first = files_of(Path(published_diff(world.portfolio(), OLD, NEW).files[0]).parent)
    again = files_of(Path(published_diff(world.portfolio(), OLD, NEW).files[0]).parent)
    assert first == again


def test_a_damaged_difference_is_replaced(two_quarters, world):
    path = Path(published_diff(world.portfolio(), OLD, NEW).files[0])
    whole = path.read_bytes()
    path.write_bytes(b"half")
    published_diff(world.portfolio(), OLD, NEW)
    assert path.read_bytes() == whole


def test_of_several_refreshes_of_a_quarter_the_one_published_last_counts(two_quarters, world, quarter_graph):
    publish_graph(two_quarters, quarter_graph([("a", "b", 2.0), ("b", "c")], NEW), "3" * 64)
    content = published_diff(world.portfolio(), OLD, NEW).content
    assert content.after.refresh == "3" * 64
    assert content.diff.equal


def test_a_quarter_that_is_not_published_is_told_with_the_way_out(two_quarters, world):
    with pytest.raises(NotEnoughData, match="2023Q4 of small_world has not been published") as caught:
        published_diff(world.portfolio(), OLD, Quarter(2023, 4))
    assert "the newest published quarter is 2023Q2" in str(caught.value)
    assert "creditnet refresh --portfolio small_world --quarter 2023Q4" in str(caught.value)
    with pytest.raises(NotEnoughData, match="no published refresh at all"):
        published_diff(world.portfolio(name="other"), OLD, NEW)


def test_a_changed_graph_is_refused(two_quarters, world):
    stored = next(two_quarters.lake.glob("small_world/2023Q2/*/graphs/*.safetensors"))
    stored.write_bytes(stored.read_bytes()[:-1] + b"?")
    with pytest.raises(IntegrityError, match="not the file that was recorded"):
        published_diff(world.portfolio(), OLD, NEW)
    assert not (two_quarters.lake / "small_world" / "diffs").exists()


def test_a_changed_manifest_is_refused(two_quarters, world):
    stored = next(two_quarters.lake.glob("small_world/2023Q1/*/manifest.json"))
    stored.write_text(stored.read_text().replace("2023Q1", "2023Q3"))
    with pytest.raises(IntegrityError):
        published_diff(world.portfolio(), OLD, NEW)


def test_a_published_refresh_without_its_own_graph_is_told(two_quarters, world, monkeypatch):
    monkeypatch.setattr("tasks.diffing.read_json", lambda *_: _renamed(two_quarters))
    with pytest.raises(IntegrityError, match="has no graph of its own quarter"):
        published_diff(world.portfolio(), OLD, NEW)


def _renamed(home):
    from schemas.results import Manifest

    stored = next(home.lake.glob("small_world/2023Q1/*/manifest.json"))
    return Manifest.model_validate_json(stored.read_text()).model_copy(update={"quarter": Quarter(1999, 1)})


def test_communities_that_split_are_written(home, world, quarter_graph):
    ring = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "e"), ("e", "f"), ("f", "d")]
    everybody = [(one, other) for one in "abcdef" for other in "abcdef" if one < other]
    publish_graph(home, quarter_graph(everybody), FIRST)
    publish_graph(home, quarter_graph(ring, NEW), SECOND)
    written = published_diff(world.portfolio(), OLD, NEW)
    assert [[part.name for part in flow.parts] for flow in written.content.diff.communities.split] == [["a", "d"]]
    assert "| a | 6 | 6 | a (3 of 3), d (3 of 3) |" in Path(written.files[1]).read_text()


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def hostile(home, world, graphs):
    firms = [HOSTILE, "b", "c"]
    for quarter, key, edges in ((OLD, FIRST, [(HOSTILE, "b", 1.0)]), (NEW, SECOND, [(HOSTILE, "b", 9.0), ("b", "c")])):
        publish_graph(home, graphs.graph_of(firms, {"supply": edges}, as_of=quarter.end), key)
    return published_diff(world.portfolio(title="<img src=x onerror=alert(1)>"), OLD, NEW).content


def test_hostile_names_stay_text_on_the_page(hostile):
    page = Page(graph_diff_html(hostile))
    assert {tag for tag, _ in page.tags} & {"script", "img", "iframe", "object", "link"} == set()
    assert "<script>alert(1)</script>" in "".join(page.text)
    assert "\u202e" not in "".join(page.text)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    policy = [attributes["content"] for tag, attributes in page.tags if "http-equiv" in attributes]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    assert all(attributes.get("href", "#").startswith("#") for _, attributes in page.tags)


def test_hostile_names_stay_text_in_markdown_and_on_a_terminal(hostile):
    text = graph_diff_markdown(hostile)
    assert "<script>" not in text
    assert "[x](http" not in text
    assert not re.search(r"[\x1b\u202e]", text)
    printed = graph_diff_text(hostile)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", printed)
    assert "⟨U+001B⟩" in printed


def test_the_page_of_an_empty_difference_says_so(home, world, quarter_graph):
    publish_graph(home, quarter_graph([("a", "b")]), FIRST)
    content = published_diff(world.portfolio(), OLD, OLD).content
    assert content.before == content.after
    assert "Nothing: the two graphs are equal, number for number." in graph_diff_html(content)
    assert "all: the graphs are equal" in graph_diff_text(content)


def test_a_quarter_with_itself_compares_its_last_two_versions(home, world, quarter_graph):
    publish_graph(home, quarter_graph([("a", "b")]), FIRST)
    publish_graph(home, quarter_graph([("a", "b"), ("b", "c")]), SECOND)
    content = published_diff(world.portfolio(), OLD, OLD).content
    assert (content.before.refresh, content.after.refresh) == (FIRST, SECOND)
    assert content.diff.relations[0].born == 1


def test_a_version_from_another_delivery_corrects_the_one_before_it(home, quarter_graph):
    publish_graph(home, quarter_graph([("a", "b")]), FIRST)
    publish_graph(home, quarter_graph([("a", "b")]), SECOND)
    publish_graph(home, quarter_graph([("a", "c")]), "3" * 64, delivery="corrected")
    publish_graph(home, quarter_graph([("a", "c")], NEW), "4" * 64, delivery="next")
    catalogue = open_catalogue(home.database_url)
    assert [catalogue.corrects(key) for key in (FIRST, SECOND, "4" * 64)] == [None] * 3
    assert catalogue.corrects("3" * 64).key == SECOND


def test_the_summary_on_a_terminal_names_what_matters(two_quarters, world):
    text = graph_diff_text(published_diff(world.portfolio(), OLD, NEW).content)
    assert text.splitlines()[0] == "Small world, 2023Q1 to 2023Q2"
    assert "6 before, 6 after; 1 came, 1 left" in text
    assert "2 edges before, 2 after; 1 born, 1 died, 1 kept (Jaccard 0.333), 1 of them with another weight" in text
    assert "a → b: weight 2 to 3" in text


def test_more_firms_than_a_page_shows_are_all_in_the_file(home, world, graphs):
    firms = [f"f{number:03d}" for number in range(60)]
    publish_graph(home, graphs.graph_of(firms[:5], {"supply": []}, as_of=OLD.end), FIRST)
    publish_graph(home, graphs.graph_of(firms, {"supply": []}, as_of=NEW.end), SECOND)
    written = published_diff(world.portfolio(), OLD, NEW)
    assert len(json.loads(Path(written.files[0]).read_bytes())["diff"]["firms"]["came"]) == 55
    assert "The first 20 are shown; diff.json has all 55." in Path(written.files[2]).read_text()


def test_comparing_imports_neither_prefect_nor_mlflow():
    code = "import sys, tasks.diffing; print(sorted({'prefect', 'mlflow', 'torch', 'dgl'} & sys.modules.keys()))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
