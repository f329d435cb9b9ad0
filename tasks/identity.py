"""What makes a refresh the same refresh: portfolio, quarter, input, code and settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath

import schemas
from schemas.portfolio import PortfolioSpec
from schemas.references import DeliveryRef, RefreshKey

#: what decides a result; deployments/ only decides when and where it is made
CODE_FOLDERS = ("schemas", "models", "monitoring", "tasks", "flows")
LOCK = "requirements.lock"
_SOURCES = (".py", ".j2", ".css", ".yaml", ".ini", ".mako", ".txt")


def code_root() -> Path:
    """Return the folder that holds the code folders and the lock."""
    return Path(schemas.__file__).resolve().parents[1]


@cache
def code_files() -> dict[str, str]:
    """Return the SHA-256 of each source of the five code folders, and of the lock, by path.

    Bundled portfolio files are left out: the one in use is in the spec hash, and adding another must
    not make every model new.
    """
    root = code_root()
    files = sorted(
        path
        for folder in CODE_FOLDERS
        for path in (root / folder).rglob("*")
        if path.suffix in _SOURCES and "bundled" not in path.parts
    )
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in [*files, root / LOCK]
    }


def code_digest() -> str:
    """Return the SHA-256 over the sources of the five code folders and the lock."""
    return digest_of_code(code_files())


def digest_of_code(files: Mapping[str, str]) -> str:
    """Return the SHA-256 over the paths and hashes of sources, the lock last, in whatever order they are given."""
    paths = [
        *sorted((path for path in files if path != LOCK), key=PurePosixPath),
        *(path for path in files if path == LOCK),
    ]
    return hashlib.sha256("".join(f"{path} {files[path]}\n" for path in paths).encode()).hexdigest()


def spec_hash(portfolio: PortfolioSpec) -> str:
    """Return the SHA-256 of a portfolio's settings with all defaults filled in."""
    return _digest(portfolio.model_dump(mode="json"))


def refresh_key(portfolio: PortfolioSpec, delivery: DeliveryRef) -> RefreshKey:
    """Return the identity of the refresh of a delivery."""
    parts = {
        "portfolio": portfolio.name,
        "quarter": str(delivery.quarter),
        "input_fingerprint": delivery.fingerprint,
        "code_digest": code_digest(),
        "spec_hash": spec_hash(portfolio),
    }
    return RefreshKey.model_validate({**parts, "key": _digest(parts)})


def key_of_parts(key: RefreshKey) -> str:
    """Return what a key's digest must be, given its other fields."""
    return _digest(key.model_dump(mode="json", exclude={"key"}))


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
