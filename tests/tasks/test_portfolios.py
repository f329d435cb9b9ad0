"""Portfolio files: found by name or path, and every mistake told at once in words."""

import pytest
import yaml

from schemas.errors import PortfolioError
from schemas.portfolio import FolderSource, SimulatedSource
from tasks.portfolios import bundled_names, load_portfolio

SMALLEST = {
    "name": "mine",
    "title": "Mine",
    "purpose": "A test.",
    "source": {"kind": "folder"},
    "quarter": "2024Q4",
    "firms": {"file": "firms.csv", "firm_id": "id", "columns": [{"name": "size"}]},
    "outcomes": {"file": "firms.csv", "firm_id": "id", "value": "bad"},
    "target": {"kind": "binary", "classes": ["0", "1"], "favourable": ["0"], "horizon_quarters": 0, "label": "bad"},
    "candidates": [{"name": "logistic", "kind": "logistic"}],
}


@pytest.fixture
def mistakes(tmp_path):
    """Write a portfolio with changes and return what is said about it, without the first and the last line."""

    def said(**changes):
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(SMALLEST | changes), encoding="utf-8")
        with pytest.raises(PortfolioError) as caught:
            load_portfolio(str(path))
        first, *listed, last = str(caught.value).splitlines()
        assert first == f"{path} has {len(listed)} mistake{'s' * (len(listed) > 1)}:"
        assert last == "  way out: correct the file and run `creditnet portfolio check` on it again"
        return [line.strip() for line in listed]

    return said


def test_the_bundled_portfolios_are_found_by_name():
    assert {"corpnet", "interbank", "simulated"} <= set(bundled_names())
    assert all(load_portfolio(name).name == name for name in bundled_names())
    assert isinstance(load_portfolio("simulated").source, SimulatedSource)
    assert isinstance(load_portfolio("corpnet").source, FolderSource)


@pytest.mark.parametrize("suffix", ["yaml", "yml"])
def test_a_file_is_found_by_its_path(tmp_path, suffix):
    path = tmp_path / f"mine.{suffix}"
    path.write_text(yaml.safe_dump(SMALLEST), encoding="utf-8")
    assert load_portfolio(str(path)).title == "Mine"


def test_a_file_without_the_usual_suffix_is_found_too(tmp_path):
    path = tmp_path / "mine"
    path.write_text(yaml.safe_dump(SMALLEST), encoding="utf-8")
    assert load_portfolio(str(path)).name == "mine"


@pytest.mark.parametrize(
    ("name", "way_out"),
    [("simulate", "did you mean simulated?"), ("zzz", "run `creditnet portfolios` for the list")],
)
def test_an_unknown_name_lists_the_known_ones(name, way_out):
    with pytest.raises(PortfolioError) as caught:
        load_portfolio(name)
    assert str(caught.value) == (
        f"There is no portfolio {name!r}.\n"
        f"  expected: one of {', '.join(bundled_names())}, or the path of a YAML file\n"
        f"  found: {name!r}\n"
        f"  way out: {way_out}"
    )
    assert caught.value.exit_code == 3


def test_a_missing_file_is_not_taken_for_a_name(tmp_path):
    path = tmp_path / "simulated.yaml"
    with pytest.raises(PortfolioError) as caught:
        load_portfolio(str(path))
    assert str(caught.value) == (
        f"The portfolio file {path} cannot be read.\n"
        "  expected: a YAML file in UTF-8\n"
        f"  found: [Errno 2] No such file or directory: '{path}'"
    )


@pytest.mark.parametrize(
    ("text", "first_line"),
    [
        ("a: [1, 2", "{path} is not YAML."),
        ("!!python/object/apply:os.system ['touch pwned']", "{path} is not YAML."),
        ("just words", "{path} does not describe a portfolio."),
        ("", "{path} does not describe a portfolio."),
        ("- a\n- b", "{path} does not describe a portfolio."),
    ],
)
def test_what_is_no_portfolio_at_all_is_said_in_a_line(tmp_path, text, first_line):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PortfolioError) as caught:
        load_portfolio(str(path))
    assert str(caught.value).splitlines()[:2] == [
        first_line.format(path=path),
        "  expected: a mapping with name, title, source, ...",
    ]


class TestMistakes:
    def test_all_are_listed_at_once(self, mistakes):
        assert mistakes(titel="Mine", evaluation={"threshold": 2}, gates={"minimum_auc": "high"}) == [
            "1. evaluation.threshold.constrained-float: Input should be less than or equal to 1; found 2",
            "2. evaluation.threshold.literal['f1_on_validation']: Input should be 'f1_on_validation'; found 2",
            "3. gates.minimum_auc: Input should be a valid number, unable to parse string as a number; found 'high'",
            "4. titel: is not a setting; did you mean title?",
        ]

    def test_a_misspelt_setting_of_a_part_names_the_nearest(self, mistakes):
        firms = {**SMALLEST["firms"], "ignored": ["x"]}
        assert mistakes(firms=firms) == ["1. firms.ignored: is not a setting; did you mean ignore?"]

    def test_a_misspelt_setting_of_a_column_names_the_nearest(self, mistakes):
        firms = {**SMALLEST["firms"], "columns": [{"name": "size", "minimun": 0}]}
        assert mistakes(firms=firms) == ["1. firms.columns.0.minimun: is not a setting; did you mean minimum?"]

    def test_a_misspelt_setting_of_a_candidate_names_the_nearest(self, mistakes):
        candidates = [{"name": "trees", "kind": "lightgbm", "round": 10}, *SMALLEST["candidates"]]
        assert mistakes(candidates=candidates) == [
            "1. candidates.0.lightgbm.round: is not a setting; did you mean rounds?"
        ]

    def test_a_list_that_a_mistake_emptied_is_not_called_too_short_and_a_short_one_is(self, mistakes):
        [unknown] = mistakes(candidates=[{"name": "a", "kind": "nosuch"}])
        assert "nosuch" in unknown
        [short] = mistakes(
            candidates=[*SMALLEST["candidates"], {"name": "b", "kind": "ensemble", "members": ["logistic"]}]
        )
        assert "should have at least 2 items" in short
        [empty] = mistakes(candidates=[])
        assert "should have at least 1 item" in empty

    def test_a_missing_part_is_named(self, mistakes, monkeypatch):
        monkeypatch.delitem(SMALLEST, "target")
        assert mistakes() == ["1. target: is missing"]

    def test_a_bad_quarter_is_named(self, mistakes):
        assert mistakes(quarter="4/2024") == [
            "1. quarter: '4/2024' is not a quarter; expected a year and a quarter, such as 2024Q4; found '4/2024'"
        ]

    @pytest.mark.parametrize("password", ["hunter2", "hunter/2", "hunt:er"])
    def test_a_password_in_a_url_is_refused_without_repeating_it(self, mistakes, password):
        assert mistakes(source={"kind": "sql", "url": f"postgresql://me:{password}@host/db"}) == [
            "1. source.sql.url: the URL holds a password: put the URL into an environment variable and write "
            "env:NAME here; found 'postgresql://me:***@host/db'"
        ]

    def test_parts_that_contradict_each_other_are_told(self, mistakes):
        (said,) = mistakes(target=SMALLEST["target"] | {"horizon_quarters": 1})
        assert said.startswith("1. the file: `quarter` and `target.horizon_quarters: 0` go together")
