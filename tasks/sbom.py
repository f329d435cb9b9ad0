"""A software bill of materials in CycloneDX 1.6 JSON, without clock or chance: the same software, the same bytes."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import Any

from schemas.packages import Distribution

SPEC_VERSION = "1.6"


def bill_of_materials(name: str, version: str, distributions: Sequence[Distribution]) -> dict[str, Any]:
    """Return the bill of an application and the distributions it was run with.

    The serial number, which the standard wants unique for each bill, is made of the content (a UUID of version 8,
    RFC 9562).

    References
    ----------
    OWASP CycloneDX 1.6 (ECMA-424, 2024); package URLs of type ``pypi``.
    """
    application = f"pkg:pypi/{name}@{version}"
    known = {one.name for one in distributions}
    bill: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": application,
                "name": name,
                "version": version,
                "purl": application,
            }
        },
        "components": [_component(one) for one in distributions],
        "dependencies": [
            {"ref": application, "dependsOn": sorted(_url(one) for one in distributions)},
            *(
                {"ref": _url(one), "dependsOn": sorted(_url(other) for other in distributions if other.name in needed)}
                for one in distributions
                for needed in [set(one.requires) & known]
            ),
        ],
    }
    digest = hashlib.sha256(json.dumps(bill, sort_keys=True).encode()).digest()
    return {**bill, "serialNumber": f"urn:uuid:{_uuid_of(digest)}"}


def _component(one: Distribution) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": _url(one),
        "name": one.name,
        "version": one.version,
        "purl": _url(one),
        "properties": [{"name": "creditnet:licence-source", "value": one.licence_source}],
    }
    if one.licence_source == "License-Expression":
        component["licenses"] = [{"expression": one.licence}]
    elif one.licence_source in ("Classifier", "License"):
        # A name: `id` is kept for identifiers of the SPDX list, which these fields need not hold.
        component["licenses"] = [{"license": {"name": one.licence}}]
    return component


def _url(one: Distribution) -> str:
    return f"pkg:pypi/{one.name}@{one.version.replace('+', '%2B')}"


def _uuid_of(digest: bytes) -> uuid.UUID:
    bits = bytearray(digest[:16])
    bits[6] = bits[6] & 0x0F | 0x80
    bits[8] = bits[8] & 0x3F | 0x80
    return uuid.UUID(bytes=bytes(bits))
