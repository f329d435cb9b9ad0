"""The model registry (MLflow): one version a refresh, found again by the fingerprint of its graph.

The catalogue decides, MLflow shows: an alias in MLflow is a copy of a decision in the catalogue and
is put right whenever the two differ.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.references import DocumentRef, Evidence, JudgementRef, ModelRef, PanelRef, RefreshRun, RegistrationRef
from schemas.results import Evaluation, Judged
from tasks.catalogue import Decision, open_catalogue
from tasks.lake import checked_path, read_json
from tasks.progress import note
from tasks.settings import settings
from tasks.stage import stage

if TYPE_CHECKING:
    from mlflow import MlflowClient

_REFRESH_TAG = "creditnet.refresh"
AUDIT_HEAD_TAG = "creditnet.audit_head"
#: aliases that follow the catalogue
OURS = {"challenger", "champion"}


def registered_name(portfolio: str) -> str:
    """Return the name of a portfolio's model in the registry."""
    return f"creditnet-{portfolio}"


def registry_client() -> MlflowClient:
    """Connect to the registry that the settings name."""
    from mlflow import MlflowClient

    uri = settings().tracking_uri
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@stage("register")
def register(
    run: RefreshRun, evidence: Evidence, judgement: JudgementRef, documents: Sequence[DocumentRef]
) -> RegistrationRef:
    """Log the refresh and register its chosen model; aliases follow once it is published."""
    home = Path(run.home)
    evaluation = read_json(home, judgement.evaluation, Evaluation)
    judged = read_json(home, judgement.judged, Judged)
    client = registry_client()
    name = registered_name(run.portfolio.name)
    known = _known_version(client, name, run.key.key)
    if known is not None:
        note(f"{name} version {known.version} (registered by an earlier run)")
        return known
    chosen = evidence.model(evaluation.chosen, run.portfolio.primary_scheme)
    tags = _tags(run, evidence.panel, chosen, judged)
    run_id = _logged_run(client, home, run, evaluation, tags)
    for file in chosen.files:
        folder = Path(file.path).parent.relative_to(Path(chosen.description.path).parent)
        client.log_artifact(run_id, str(checked_path(home, file)), (Path("model") / folder).as_posix())
    for document in documents:
        client.log_artifact(run_id, str(checked_path(home, document.file)), "documents")
    client.set_terminated(run_id)
    version = client.create_model_version(
        name, source=f"{client.get_run(run_id).info.artifact_uri}/model", run_id=run_id, tags=tags
    )
    note(f"{name} version {version.version}")
    return RegistrationRef(model=name, version=str(version.version), run_id=run_id)


def alias_decisions(run: RefreshRun, judged: Judged, version: str) -> list[Decision]:
    """Return the decisions that publishing makes: always a challenger; the first that passes is champion too."""
    decisions = [
        Decision(model_version=version, alias="challenger", made_by="system", reason=f"refresh of {run.quarter}")
    ]
    if judged.verdict.outcome == "passed" and not open_catalogue(settings().database_url).had_champion(
        run.portfolio.name
    ):
        decisions.append(
            Decision(
                model_version=version,
                alias="champion",
                made_by="system",
                reason="bootstrap: the first version whose gates pass; nobody has approved it yet",
            )
        )
    return decisions


def sync_aliases(portfolio: str) -> None:
    """Set MLflow's aliases to what the catalogue decided, until nothing else was decided meanwhile, and note it.

    The versions also get the audit log's head as a tag: one more place that remembers it.
    """
    catalogue = open_catalogue(settings().database_url)
    client = registry_client()
    name = registered_name(portfolio)
    decided: dict[str, str] = {}
    while not decided or not catalogue.mark_registry_synced(portfolio, decided):
        decided = catalogue.aliases(portfolio)
        if not decided:
            return  # nothing of this portfolio has been published
        head = catalogue.audit_head()
        for alias, version in decided.items():
            client.set_registered_model_alias(name, alias, version)
            client.set_model_version_tag(name, version, AUDIT_HEAD_TAG, head)
        # A champion that was rejected or rolled back; aliases that people made themselves are theirs.
        for alias in OURS - decided.keys():
            client.delete_registered_model_alias(name, alias)


def noted_heads(portfolios: Iterable[str]) -> dict[str, str]:
    """Return the heads of the audit log that the registry remembers, each with where."""
    client = registry_client()
    heads: dict[str, str] = {}
    for portfolio in portfolios:
        name = registered_name(portfolio)
        for version in client.search_model_versions(f"name = '{name}'"):
            if AUDIT_HEAD_TAG in version.tags:
                heads.setdefault(version.tags[AUDIT_HEAD_TAG], f"registry, {name} {version.version}")
    return heads


def _tags(run: RefreshRun, panel_ref: PanelRef, chosen: ModelRef, judged: Judged) -> dict[str, str]:
    return {
        _REFRESH_TAG: run.key.key,
        "graph.fingerprint": panel_ref.current.fingerprint,
        "quarter": str(run.quarter),
        "candidate": chosen.name,
        "content_hash": chosen.content_hash,
        "input_fingerprint": run.key.input_fingerprint,
        "code_digest": run.key.code_digest,
        "verdict": judged.verdict.outcome,
    }


def _known_version(client: MlflowClient, name: str, key: str) -> RegistrationRef | None:
    """Find the version that a run of the same refresh registered before it died."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    found = client.search_model_versions(f"name = '{name}' and tags.`{_REFRESH_TAG}` = '{key}'")
    if not found:
        return None
    return RegistrationRef(model=name, version=str(found[0].version), run_id=str(found[0].run_id))


def _logged_run(client: MlflowClient, home: Path, run: RefreshRun, evaluation: Evaluation, tags: dict[str, str]) -> str:
    from mlflow.entities import Metric, Param, RunTag

    name = registered_name(run.portfolio.name)
    experiment = client.get_experiment_by_name(name)
    experiment_id = (
        experiment.experiment_id
        if experiment
        else client.create_experiment(name, artifact_location=(home / "mlflow" / "artifacts" / name).as_uri())
    )
    created = client.create_run(experiment_id, run_name=f"{run.portfolio.name} {run.quarter}")
    now = int(time.time() * 1000)
    client.log_batch(
        created.info.run_id,
        metrics=[Metric(key, value, now, 0) for key, value in _metrics(evaluation)],
        params=[Param("candidate", evaluation.chosen), Param("quarter", str(run.quarter))],
        tags=[RunTag(key, value) for key, value in tags.items()],
    )
    return str(created.info.run_id)


def _metrics(evaluation: Evaluation) -> Iterator[tuple[str, float]]:
    for candidate in evaluation.candidates:
        for sample, result in candidate.samples.items():
            for metric, interval in result.metrics.items():
                if interval.value is not None:
                    yield f"{candidate.name}/{sample}/{metric}", interval.value
