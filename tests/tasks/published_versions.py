"""Model versions published in a home as a refresh would publish and register them, without running one."""

from __future__ import annotations

from monitoring.gates import gate
from monitoring.proposals import KINDS, proposal_check
from schemas.people import SYSTEM
from schemas.references import RefreshKey
from schemas.results import GraphStatistics, Manifest, Refresh, Verdict
from schemas.terms import Quarter
from tasks.catalogue import Decision, NewProposal, Score, open_catalogue
from tasks.lake import publish_folder, rebased, write_file
from tasks.registry import registered_name, registry_client
from tasks.settings import Settings, prepare_environment

FIRST = Quarter(2023, 1)
PASSED = tuple(gate(f"{start}: all", 0.0, 1.0, "at most") for start in KINDS.values())


def publish_version(
    chosen: Settings,
    version: int,
    *,
    by: str = SYSTEM,
    portfolio: str = "simulated",
    gates=PASSED,
    key: str = "",
    more: dict[str, bytes] | None = None,
    documents: tuple[str, ...] = (),
) -> str:
    """Register and publish a version for the version-th quarter; the first one is champion. Returns its key.

    `more` are files that it has beside its card, `documents` the names of those that it tells of.
    """
    prepare_environment(chosen)
    quarter, key = FIRST.shifted(version), key or f"key-{portfolio}-{version}"
    _register(portfolio)
    catalogue = open_catalogue(chosen.database_url)
    parts = {"input_fingerprint": "i", "code_digest": "c", "spec_hash": key}
    catalogue.claim(RefreshKey(portfolio=portfolio, quarter=quarter, key=key, **parts), "test")
    contents = {"documents/model_card.md": f"# Card of version {version}".encode()} | (more or {})
    files = [write_file(chosen.home, f"work/{key}/{name}", data) for name, data in sorted(contents.items())]
    manifest = Manifest(
        refresh=key, portfolio=portfolio, quarter=quarter, fingerprint=f"g{version}",
        files=tuple(rebased(file, f"work/{key}") for file in files), audit_head=catalogue.audit_head(),
    )  # fmt: skip
    folder = f"lake/{portfolio}/{quarter}/{key}"
    digest = publish_folder(chosen.home, f"work/{key}", folder, manifest)
    check = proposal_check(gates)
    decisions = [Decision(model_version=str(version), alias="challenger", made_by=SYSTEM, reason="refresh")]
    if not catalogue.had_champion(portfolio):
        decisions.append(Decision(model_version=str(version), alias="champion", made_by=SYSTEM, reason="bootstrap"))
    catalogue.publish(
        key,
        refresh=_refresh(portfolio, quarter, key, version, gates, documents),
        folder=folder,
        manifest_sha256=digest,
        graph_statistics=_statistics(quarter, version),
        scores=[Score("f1", 0.25, "0")],
        decisions=decisions,
        proposal=NewProposal(requested_by=by, reason="refresh", open_points=check.open_points)
        if check.may_be_proposed
        else None,
        model_name=registered_name(portfolio),
        model_version=str(version),
    )
    return key


def _register(portfolio: str) -> None:
    from mlflow.exceptions import MlflowException

    client, name = registry_client(), registered_name(portfolio)
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        assert error.error_code == "RESOURCE_ALREADY_EXISTS"
    client.create_model_version(name, source="nowhere")


def registry_aliases(portfolio: str = "simulated") -> dict[str, str]:
    """Return what MLflow shows."""
    found = registry_client().get_registered_model(registered_name(portfolio)).aliases
    return {alias: str(version) for alias, version in found.items()}


def _refresh(portfolio, quarter, key, version, gates, documents) -> Refresh:
    return Refresh(
        portfolio=portfolio, quarter=quarter, fingerprint=f"g{version}", refresh=key, candidates={},
        verdict=Verdict(outcome="passed", chosen="logistic", summary="good", graph_helped="no"),
        gates=gates, documents=tuple(f"documents/{name}" for name in documents), stages={},
        model_version=f"{registered_name(portfolio)} {version}",
        content_hashes={}, files=(),
    )  # fmt: skip


def _statistics(quarter, version) -> GraphStatistics:
    return GraphStatistics(
        quarter=quarter, firms=1, edges=0, features=1, fingerprint=f"g{version}", digests={}, relations=(),
        components=1, largest_component=1, clustering=0.0, largest_core=0, degree_quantiles={}, communities=1,
        modularity=0.0,
    )  # fmt: skip
