"""Unfinished trainings in the work folder of a refresh: a killed run goes on from them."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path

from tasks.lake import write_file


@dataclass
class FolderKeeper:
    """Keeps the state of a training as a file that begins with the digest of the rest.

    The work folder belongs to one refresh key, so that what is found there was trained on the same
    data by the same code with the same settings.
    """

    home: Path
    folder: str
    every: float = 20.0
    _kept_at: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        """Tell whether `every` seconds have passed since the state was last kept."""
        return time.monotonic() - self._kept_at >= self.every

    def load(self, name: str) -> bytes | None:
        """Return what was kept; None if nothing was, or if it is not whole."""
        path = self.home / self.folder / f"{name}.checkpoint"
        if not path.is_file():
            return None
        digest, data = path.read_bytes()[:32], path.read_bytes()[32:]
        return data if hashlib.sha256(data).digest() == digest else None

    def save(self, name: str, data: bytes) -> None:
        """Keep this; a reader sees it whole or what was there before."""
        self._kept_at = time.monotonic()
        write_file(self.home, f"{self.folder}/{name}.checkpoint", hashlib.sha256(data).digest() + data)

    def clear(self) -> None:
        """Forget everything: the training is done and its result kept."""
        folder = self.home / self.folder
        for path in folder.glob("*.checkpoint"):
            path.unlink()
