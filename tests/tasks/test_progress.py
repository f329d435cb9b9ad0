"""What a person reads while a network is trained."""

import io

from rich.console import Console

from models.fitted import Progress
from tasks import progress
from tasks.progress import StageClock, TrainingWatcher, training_line

HALF = Progress(
    "sage.0",
    10,
    20,
    0,
    0.5,
    0.6123,
    0.71,
)


def test_a_line_says_how_far_it_is_and_how_long_it_may_take():
    line = training_line(HALF, 75.4)
    assert line == (
        "━━━━━━━━━━────────── sage.0 epoch 10/20, loss 0.500, validation 0.612, AUC 0.710, at most 1:15 left"
    )


def test_a_log_gets_a_line_now_and_then_and_a_terminal_a_bar(monkeypatch):
    written = io.StringIO()
    clock = StageClock(console=Console(file=written, width=200, highlight=False, soft_wrap=True))
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with clock.stage("fit sage"):
        watcher = TrainingWatcher()
        assert not watcher.due()
        now[0] += 20
        assert watcher.due()
        watcher.show(HALF)
        assert not watcher.due()
    assert "epoch 10/20" in written.getvalue()
    assert "at most 0:20 left" in written.getvalue(), "ten epochs took twenty seconds, so may the other ten"


def test_without_a_running_stage_nothing_is_due():
    assert not TrainingWatcher().due()
