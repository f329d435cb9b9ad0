"""Portfolio files: the bundled ones and anybody's own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from schemas.errors import PortfolioError, nearest
from schemas.portfolio import PortfolioSpec

_PASSWORD = re.compile(r"(?<=[^/]):[^/@][^@]*@")


def bundled_names() -> list[str]:
    """List the portfolios that come with creditnet."""
    folder = files("schemas") / "bundled"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_portfolio(name_or_file: str) -> PortfolioSpec:
    """Return a bundled portfolio by name, or the one in a file.

    Raises
    ------
    PortfolioError
        If there is none, or its file has mistakes; all of them are listed at once.
    """
    names = bundled_names()
    if name_or_file in names:
        text = (files("schemas") / "bundled" / f"{name_or_file}.yaml").read_text(encoding="utf-8")
        return _checked(text, name_or_file)
    path = Path(name_or_file)
    if path.suffix not in (".yaml", ".yml") and not path.is_file():
        twin = nearest(name_or_file, names)
        raise PortfolioError(
            f"There is no portfolio {name_or_file!r}.",
            expected=f"one of {', '.join(names)}, or the path of a YAML file",
            found=repr(name_or_file),
            way_out=f"did you mean {twin}?" if twin else "run `creditnet portfolios` for the list",
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PortfolioError(
            f"The portfolio file {path} cannot be read.", expected="a YAML file in UTF-8", found=str(error)
        ) from error
    return _checked(text, str(path))


def _checked(text: str, where: str) -> PortfolioSpec:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PortfolioError(
            f"{where} is not YAML.", expected="a mapping with name, title, source, ...", found=str(error)
        ) from error
    if not isinstance(content, dict):
        raise PortfolioError(
            f"{where} does not describe a portfolio.",
            expected="a mapping with name, title, source, ...",
            found=type(content).__name__,
        )
    try:
        return PortfolioSpec.model_validate(content)
    except ValidationError as error:
        mistakes = [_mistake(found, content) for found in error.errors() if not _emptied_by_mistakes(found)]
        raise PortfolioError(
            f"{where} has {len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}:\n" + _listed(mistakes),
            way_out="correct the file and run `creditnet portfolio check` on it again",
        ) from error


def _listed(mistakes: Iterable[str]) -> str:
    return "\n".join(f"  {number}. {mistake}" for number, mistake in enumerate(mistakes, start=1))


def _mistake(found: Any, content: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in found["loc"]) or "the file"
    message = found["msg"].removeprefix("Value error, ")
    if found["type"] == "missing":
        return f"{where}: is missing"
    if found["type"] == "extra_forbidden":
        known = _siblings(found["loc"])
        twin = nearest(str(found["loc"][-1]), known)
        return f"{where}: is not a setting" + (f"; did you mean {twin}?" if twin else "")
    # What is refused may be a URL with a password in it.
    shown = "" if isinstance(found["input"], dict | list) else f"; found {_PASSWORD.sub(':***@', repr(found['input']))}"
    return f"{where}: {message}{shown}"


def _emptied_by_mistakes(found: Any) -> bool:
    """Tell whether a list is called too short only because what it holds was refused, which is told by itself."""
    return bool(found["type"] == "too_short" and found["ctx"]["actual_length"] < len(found["input"]))


def _siblings(location: Iterable[int | str]) -> list[str]:
    """Return the settings that exist where an unknown one was written."""
    schema = PortfolioSpec.model_json_schema()
    node: dict[str, Any] = schema
    for part in list(location)[:-1]:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
        node = node.get("items", node) if isinstance(part, int) else node.get("properties", {}).get(part, node)
        options = [option for option in node.get("anyOf", []) if "$ref" in option]
        node = options[0] if options else node
        choice = node.get("discriminator", {}).get("mapping", {}).get(part)
        node = {"$ref": choice} if choice else node
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    return sorted(node.get("properties", {}))
