"""What a person sees of a running refresh: a line a stage, with its time, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from models.fitted import Progress

_NAME_WIDTH = 34


@dataclass
class StageClock:
    """Times the stages of one run and shows them as they happen.

    On a terminal the running stage has a spinner; elsewhere (a log file, CI) each stage is announced
    when it starts and gets its line when it is done.
    """

    console: Console = field(default_factory=lambda: Console(file=sys.stderr, highlight=False, soft_wrap=True))
    seconds: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    _status: Status | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block and print its line; a stage that fails says so."""
        begun = time.perf_counter()
        token = _running.set((self, name))
        try:
            with self._shown(name):
                yield
        except BaseException:
            self.console.print(f"  [red]✗[/] {name:<{_NAME_WIDTH}} {time.perf_counter() - begun:7.1f} s   failed")
            raise
        finally:
            _running.reset(token)
        self.seconds[name] = round(time.perf_counter() - begun, 3)
        note = escape(self.notes.get(name, ""))  # a folder may be called [/a]
        self.console.print(f"  [green]✓[/] {name:<{_NAME_WIDTH}} {self.seconds[name]:7.1f} s   {note}", markup=True)

    def say(self, text: str) -> None:
        """Say something of the running stage: beside its spinner, or on a line of its own in a log."""
        if self._status is not None:
            self._status.update(text)
        else:
            self.console.print(f"    {text}")

    def tell(self, text: str) -> None:
        """Say something that stays to be read."""
        self.console.print(f"    {text}", markup=False)

    @property
    def look_every(self) -> float:
        """Seconds between two looks at a training: often where they replace each other, seldom where they add up."""
        return 0.5 if self._status is not None else 15.0

    @contextmanager
    def _shown(self, name: str) -> Iterator[None]:
        if self.console.is_terminal:
            with self.console.status(f"{name} ...") as self._status:
                yield
            self._status = None
        else:
            self.console.print(f"  … {name}")
            yield


_running: ContextVar[tuple[StageClock, str] | None] = ContextVar("running_stage", default=None)
_clock: ContextVar[StageClock | None] = ContextVar("stage_clock", default=None)


@contextmanager
def clocked() -> Iterator[StageClock]:
    """Give the stages of one run a clock of their own."""
    clock = StageClock()
    token = _clock.set(clock)
    try:
        yield clock
    finally:
        _clock.reset(token)


def current_clock() -> StageClock:
    """Return the clock of the run, or a new one for a stage called on its own."""
    return _clock.get() or StageClock()


def note(text: str) -> None:
    """Say in a few words what the running stage found; shown on its line."""
    running = _running.get()
    if running is not None:
        clock, name = running
        clock.notes[name] = text


class TrainingWatcher:
    """Shows how far the running stage's training is, what it reaches and how long it may still take."""

    def __init__(self) -> None:
        self._begun = self._looked = time.monotonic()

    def due(self) -> bool:
        """Tell whether it is time for another look."""
        running = _running.get()
        return running is not None and time.monotonic() - self._looked >= running[0].look_every

    def show(self, progress: Progress) -> None:
        """Show it."""
        self._looked = time.monotonic()
        seconds = (self._looked - self._begun) / max(progress.epoch - progress.begun_at, 1)
        running = _running.get()
        if running is not None:
            running[0].say(training_line(progress, seconds * (progress.epochs - progress.epoch)))


def training_line(progress: Progress, seconds_left: float) -> str:
    """Say in one line how far a training is; an early stop may end it sooner."""
    minutes, seconds = divmod(round(seconds_left), 60)
    return (
        f"{_bar(progress.epoch, progress.epochs)} {escape(progress.name)} epoch {progress.epoch}/{progress.epochs}, "
        f"loss {progress.loss:.3f}, validation {progress.validation_loss:.3f}, "
        f"AUC {progress.validation_auc:.3f}, at most {minutes}:{seconds:02d} left"
    )


def _bar(done: int, of: int, width: int = 20) -> str:
    full = round(width * done / max(of, 1))
    return "━" * full + "─" * (width - full)


def current_note() -> str:
    """Return what the running stage has said so far."""
    running = _running.get()
    return running[0].notes.get(running[1], "") if running else ""
