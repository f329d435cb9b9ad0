"""The sentence on the wall, checked on the syntax trees: the inner folders do not touch the world."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
INNER = ("schemas", "models", "monitoring")
CODE = (*INNER, "tasks", "flows", "deployments")

#: modules that reach files, processes or the network
OUTSIDE = {"fileinput", "ftplib", "glob", "http", "httpx", "io", "os", "pathlib", "pickle", "requests", "shelve"}
OUTSIDE |= {"shutil", "smtplib", "socket", "sqlite3", "subprocess", "tempfile", "urllib", "urllib3"}
#: methods by which tables, arrays and paths read or write files
METHODS = {"read_bytes", "read_text", "write_bytes", "write_text", "scan_csv", "scan_parquet", "to_csv", "to_parquet"}
METHODS |= {"read_csv", "read_parquet", "write_csv", "write_parquet", "to_pickle", "read_pickle", "savefig", "mkdir"}
METHODS |= {"save_model", "save_file", "load_file", "fromfile", "tofile", "savez", "memmap", "urlopen"}
CLOCKS = {"now", "today", "utcnow"}

#: (file, name) that may, and why
ALLOWED = {
    ("schemas/telemetry.py", "os"): "the switches are environment variables",
    ("models/engine.py", "os"): "the graph engine is a setting",
    ("models/message_passing.py", "os"): "dgl reads its backend from an environment variable",
    ("monitoring/canvas.py", "io"): "a drawing is bytes in memory",
    ("monitoring/canvas.py", "savefig"): "into those bytes",
}


def sources(folders: tuple[str, ...]) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)


def calls(tree: ast.Module) -> Iterator[str]:
    """Yield what is called: a name, or the last attribute with a dot before it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id
            elif isinstance(node.func, ast.Attribute):
                yield f".{node.func.attr}"


def world_touched(tree: ast.Module) -> set[str]:
    touched = {module.split(".")[0] for module in imports(tree)} & OUTSIDE
    called = set(calls(tree))
    touched |= {name for name in ("open", "input", "exec", "eval", "print", "__import__") if name in called}
    return touched | {method for method in METHODS | {"open"} if f".{method}" in called}


def clocks_read(tree: ast.Module) -> set[str]:
    asked = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in CLOCKS}
    timers = {name for name in imports(tree) if name == "time" or name.startswith("time.")}
    return asked | timers


@pytest.mark.parametrize("folder", INNER)
def test_no_inner_folder_touches_files_processes_or_the_network(folder):
    found = {(file, name) for file, tree in sources((folder,)) for name in world_touched(tree)}
    assert found - ALLOWED.keys() == set()


def test_every_exception_is_still_needed():
    found = {(file, name) for file, tree in sources(INNER) for name in world_touched(tree)}
    assert ALLOWED.keys() - found == set()


@pytest.mark.parametrize("folder", INNER)
def test_no_inner_folder_asks_what_time_it_is(folder):
    assert {file: asked for file, tree in sources((folder,)) if (asked := clocks_read(tree))} == {}


def test_only_message_passing_imports_dgl():
    found = {file for file, tree in sources(CODE) if any(name.split(".")[0] == "dgl" for name in imports(tree))}
    assert found == {"models/message_passing.py"}


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [("schemas", set()), ("models", {"schemas"}), ("monitoring", {"models", "schemas"})],
)
def test_an_inner_folder_imports_only_what_lies_below_it(folder, allowed):
    above = set(CODE) - allowed - {folder}
    found = {(file, name) for file, tree in sources((folder,)) for name in imports(tree) if name.split(".")[0] in above}
    assert found == set()


@pytest.mark.parametrize("library", ["prefect", "mlflow", "sqlalchemy"])
def test_the_inner_folders_do_not_know_the_machinery(library):
    found = {file for file, tree in sources(INNER) if any(name.split(".")[0] == library for name in imports(tree))}
    assert found == set()


@pytest.mark.parametrize(
    ("code", "touched"),
    [
        ("open('x')", {"open"}),
        ("from pathlib import Path\nPath('x').read_text()", {"pathlib", "read_text"}),
        ("import os.path", {"os"}),
        ("def f():\n    import socket", {"socket"}),
        ("frame.write_parquet('x')", {"write_parquet"}),
        ("x = 1", set()),
    ],
)
def test_the_check_itself_sees_what_it_looks_for(code, touched):
    assert world_touched(ast.parse(code)) == touched


def test_the_check_of_clocks_sees_what_it_looks_for():
    assert clocks_read(ast.parse("import datetime as dt\ndt.datetime.now()\ndt.date.today")) == {"now", "today"}
    assert clocks_read(ast.parse("from time import perf_counter")) == {"time", "time.perf_counter"}
