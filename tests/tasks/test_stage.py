"""A stage: a plain function inside, a Prefect task around it, cached by what it is about."""

import io

import pytest
from rich.console import Console

from flows import evidence, quarterly_refresh  # first of all: what is imported later would be made by the stand-in
from tasks import progress
from tasks import stage as stages
from tasks.stage import held_lease, stage


class Made:
    """Stands where Prefect's task would be."""

    def __init__(self, function, options):
        self.function, self.options, self.names = function, options, []

    def with_options(self, *, task_run_name):
        self.names.append(task_run_name)
        return self

    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs)


class Silent:
    def info(self, message):
        pass


@pytest.fixture
def made(monkeypatch):
    """The tasks that stages ask Prefect for."""
    found = []

    def task(function, **options):
        found.append(Made(function, options))
        return found[-1]

    monkeypatch.setattr(stages, "task", task)
    monkeypatch.setattr(stages, "get_run_logger", Silent)
    return found


@pytest.fixture
def clock(monkeypatch):
    """A clock whose lines can be read."""
    lines = io.StringIO()
    clock = progress.StageClock(console=Console(file=lines, width=200, highlight=False))
    clock.lines = lines
    token = progress._clock.set(clock)
    yield clock
    progress._clock.reset(token)


def test_the_plain_function_is_inside(made):
    @stage("double")
    def doubled(run, number):
        """Double it."""
        return 2 * number

    assert doubled.__wrapped__(None, 4) == 8
    assert doubled.__doc__ == "Double it."
    assert doubled(None, 4) == 8
    assert made[0].names == ["double"]


def test_every_stage_of_the_flow_is_a_plain_function_inside():
    names = ("receive", "identify", "already_published", "admit", "build_graph", "split_firms", "fit", "combine",
             "evaluate", "judge", "document", "register", "publish")  # fmt: skip
    made = vars(evidence) | vars(quarterly_refresh)
    assert all(callable(made[name].__wrapped__) for name in names)


class TestCaching:
    def key(self, made, run, **parameters):
        return made[-1].options["cache_key_fn"](None, {"run": run, **parameters})

    def test_only_what_is_asked_for_is_cached(self, made):
        stage("read")(lambda run: None)
        assert made[-1].options["persist_result"] is False
        assert made[-1].options["cache_policy"] is stages.NO_CACHE
        stage("compute", cached=True)(lambda run: None)
        assert made[-1].options["persist_result"] is True
        assert made[-1].options["result_serializer"] == "json"

    def test_the_key_names_refresh_work_stage_and_subject(self, made, kontor):
        run = kontor.run()
        stage("fit", cached=True, subject=lambda run, spec: spec)(lambda run, spec: None)
        first = self.key(made, run, spec="logistic")
        assert first.startswith(f"{run.key.key}-{run.work_id}-fit-")
        assert self.key(made, run, spec="logistic") == first
        assert self.key(made, run, spec="lightgbm") != first
        stage("evaluate", cached=True)(lambda run, spec: None)
        assert self.key(made, run, spec="logistic") != first

    def test_work_that_was_deleted_has_another_key(self, made, kontor):
        import shutil

        run = kontor.run()
        stage("fit", cached=True)(lambda run: None)
        before = self.key(made, run)
        assert self.key(made, kontor.run()) == before
        shutil.rmtree(kontor.home / run.work)
        assert self.key(made, kontor.run()) != before

    def test_the_key_is_a_file_name(self, made, kontor):
        run = kontor.run()
        stage("fit it", cached=True, subject=lambda run: "a/b c")(lambda run: None)
        assert not set("/ ") & set(self.key(made, run))


class TestShowing:
    def test_a_stage_is_timed_and_says_what_it_found(self, made, clock):
        @stage("fit", subject=lambda run, name: name)
        def fit(run, name):
            progress.note("7 inputs")

        fit(None, "logistic")
        assert list(clock.seconds) == ["fit logistic"]
        assert "… fit logistic" in clock.lines.getvalue()
        assert clock.lines.getvalue().rstrip().endswith("7 inputs")

    def test_a_stage_that_fails_says_so_and_is_not_timed(self, made, clock):
        @stage("judge")
        def judge(run):
            raise RuntimeError("no")

        with pytest.raises(RuntimeError, match="no"):
            judge(None)
        assert clock.seconds == {}
        assert "✗ judge" in clock.lines.getvalue()
        assert clock.lines.getvalue().rstrip().endswith("failed")

    @pytest.mark.parametrize("folder", ["/data/[red]bank[/]", "/data/[/bank]", "/data/[[x]"])
    def test_what_a_folder_is_called_is_not_read_as_markup(self, made, clock, folder):
        @stage("receive")
        def receive(run):
            progress.note(f"from {folder}")

        receive(None)
        assert f"from {folder}" in clock.lines.getvalue()

    def test_a_cached_stage_that_did_not_run_says_that_it_was_kept(self, made, clock, monkeypatch):
        @stage("fit", cached=True)
        def fit(run):
            progress.note("fitted")

        monkeypatch.setattr(made[-1], "function", lambda run: "from the cache")
        assert fit(None) == "from the cache"
        assert "kept from an earlier run" in clock.lines.getvalue()


class TestLease:
    @pytest.fixture
    def renewed(self, monkeypatch, home):
        keys = []
        monkeypatch.setattr(
            stages, "open_catalogue", lambda url: type("Catalogue", (), {"renew": staticmethod(keys.append)})
        )
        return keys

    def test_each_stage_renews_the_lease_that_is_held(self, made, renewed):
        step = stage("step")(lambda run: None)
        token = held_lease.set("k1")
        try:
            step(None)
            step(None)
        finally:
            held_lease.reset(token)
        assert renewed == ["k1", "k1"]

    def test_without_a_lease_there_is_nothing_to_renew(self, made, renewed):
        stage("step")(lambda run: None)(None)
        assert renewed == []
