"""What is installed: name, version, licence and licence texts of each distribution, from its own metadata."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from schemas.packages import Distribution, LicenceText

NOT_STATED = "not stated"
_LONGEST = 100
_TEXTS = ("LICEN", "COPYING", "NOTICE")


def distributions_of(packages: Mapping[str, str]) -> list[Distribution]:
    """Describe distributions by name and version, as far as the same version is installed here.

    Of one that is missing or of another version only name and version are known: the licence of a version is its own.

    Parameters
    ----------
    packages
        Version by normalised name.
    """
    installed: dict[str, importlib.metadata.Distribution] = {
        canonicalize_name(one.metadata["Name"]): one for one in importlib.metadata.distributions()
    }
    return [
        _described(name, installed[name], packages)
        if name in installed and installed[name].version == version
        else Distribution(name=name, version=version, licence=NOT_STATED, licence_source="not installed here")
        for name, version in sorted(packages.items())
    ]


def _described(name: str, found: importlib.metadata.Distribution, packages: Mapping[str, str]) -> Distribution:
    licence, source = _licence(found)
    return Distribution(
        name=name,
        version=found.version,
        licence=licence,
        licence_source=source,
        requires=tuple(sorted(set(_required(found)) & packages.keys() - {name})),
        texts=tuple(sorted(_texts(found), key=lambda text: text.path)),
    )


def _licence(found: importlib.metadata.Distribution) -> tuple[str, str]:
    metadata = found.metadata
    for expression in metadata.get_all("License-Expression") or ():
        return " ".join(expression.split()), "License-Expression"
    classifiers = [
        line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or () if line.startswith("License ::")
    ]
    named = [line for line in classifiers if line != "OSI Approved"]
    if named:
        return " and ".join(named), "Classifier"
    # Some put the whole text there; its first line is the name.
    fields = metadata.get_all("License") or ()
    lines = [line.strip() for field in fields for line in field.splitlines() if line.strip()]
    if lines and lines[0] != "UNKNOWN":
        return lines[0][:_LONGEST], "License"
    return NOT_STATED, NOT_STATED


def _required(found: importlib.metadata.Distribution) -> Iterator[str]:
    for line in found.requires or ():
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue  # metadata of another age: it says what may be needed, and nothing depends on it here
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)


def _texts(found: importlib.metadata.Distribution) -> Iterator[LicenceText]:
    for file in found.files or ():
        path = PurePosixPath(file.as_posix())
        within = next((part for part in path.parts if part.endswith(".dist-info")), None)
        if within is None or ".." in path.parts:
            continue
        inner = path.relative_to(*path.parts[: path.parts.index(within) + 1])
        named = inner.name.upper().startswith(_TEXTS) or inner.parts[0] in ("licenses", "license_files")
        located = Path(str(found.locate_file(file)))
        if named and located.is_file():
            yield LicenceText(path=inner.as_posix(), text=located.read_bytes().decode(errors="replace"))
