"""Making a published refresh again from what its home holds, and comparing the two stage by stage.

Files are compared byte by byte where the refresh writes the same bytes each time. Where it also notes how long a fit
took, or keeps a library's own files, it is the content that is compared.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import IntegrityError, examples
from schemas.references import DeliveryRef, Evidence, FileRef, JudgementRef, RefreshKey, RefreshRun
from schemas.reproduction import Comparison, Provenance, Reproduction
from schemas.results import GraphStatistics, Manifest
from tasks.catalogue import PublishedRefresh, open_catalogue
from tasks.diffing import STATISTICS
from tasks.environment import environment
from tasks.identity import LOCK, code_files, digest_of_code, key_of_parts, spec_hash
from tasks.lake import discard, published_file, read_file, read_frame, read_json, rebased, verify_folder, write_file
from tasks.monitored_quarters import RECALLED
from tasks.progress import note
from tasks.provenance import PROVENANCE, installed_packages, read_provenance
from tasks.receiving import raw_fingerprint
from tasks.settings import prepare_environment, settings
from tasks.stage import stage
from tasks.versions import unpruned_version

_NOTHING = "nothing"
_TIMES = {"seconds", "fit_seconds"}


@dataclass(frozen=True)
class Recorded:
    """A published refresh whose files are what was recorded, and what it was made from.

    `earlier` are the refreshes that drift was measured against and that limits came from, the oldest quarter first;
    none of them, and `earlier_missing` says why, if the files of one are gone.
    """

    home: Path
    published: PublishedRefresh
    manifest: Manifest
    provenance: Provenance
    earlier: tuple[PublishedRefresh, ...]
    earlier_missing: str = ""


@stage("read the record")
def recorded_refresh(portfolio: str, version: str) -> Recorded:
    """Find a published refresh and check every file of it and of its delivery.

    Raises
    ------
    NotEnoughData
        If there is no such version, its files were pruned, or it was published before provenance was kept.
    IntegrityError
        If a file is not what was recorded.
    """
    chosen = settings()
    catalogue = open_catalogue(chosen.database_url)
    published = unpruned_version(catalogue, portfolio, version)
    manifest = verify_folder(chosen.home, published.folder, published.manifest_sha256)
    provenance = read_provenance(chosen.home, published, manifest)
    _refuse_other_key(published, provenance)
    earlier, missing = _compared_with(catalogue.published_versions(portfolio), published)
    note(f"{published.refresh.quarter}, refresh {published.key[:12]}, published {published.published_at:%Y-%m-%d}")
    return Recorded(chosen.home, published, manifest, provenance, earlier, missing)


def compared_first(recorded: Recorded) -> tuple[Comparison, ...]:
    """Compare what the refresh would be made from now: code, lock, settings, delivery."""
    provenance, key, now = recorded.provenance, recorded.provenance.key, code_files()
    differing = [path for path in sorted(provenance.code.keys() | now) if provenance.code.get(path) != now.get(path)]
    sources = [path for path in differing if path != LOCK]
    tables = {
        name: raw_fingerprint(read_frame(recorded.home, ref))
        for name, ref in sorted(provenance.delivery.tables.items())
    }
    fingerprint = hashlib.sha256("\n".join(f"{name} {value}" for name, value in tables.items()).encode()).hexdigest()
    old, new = ({path: sha for path, sha in files.items() if path != LOCK} for files in (provenance.code, now))
    return (
        _compared("code", "five folders", digest_of_code(old), digest_of_code(new), _naming(sources)),
        _compared("lock", LOCK, provenance.code.get(LOCK, _NOTHING), now[LOCK]),
        _compared("settings", "portfolio", key.spec_hash, spec_hash(provenance.portfolio)),
        _compared("delivery", f"{len(tables)} tables", key.input_fingerprint, fingerprint),
    )


@contextmanager
def made_in_scratch(recorded: Recorded) -> Iterator[RefreshRun]:
    """Give the reproduction a home of its own, with the delivery and the quarters before; it is gone afterwards.

    It lies below the home's work folder, since it holds the same data and needs the same room and permissions. While it
    is there, the settings of this process name it: one process makes one refresh at a time.
    """
    scratch = recorded.home / "work" / f"reproduce-{uuid.uuid4().hex[:16]}"
    names = ("CREDITNET_HOME", "CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI")
    kept = {name: os.environ.get(name) for name in names}
    try:
        _set({"CREDITNET_HOME": str(scratch), "CREDITNET_DATABASE_URL": None, "MLFLOW_TRACKING_URI": None})
        prepare_environment(settings())
        delivery = _copied_delivery(recorded, scratch)
        _linked_quarters_before(recorded, scratch)
        key = recorded.provenance.key
        (scratch / "work" / key.key[:32]).mkdir()
        yield RefreshRun(
            home=str(scratch),
            portfolio=recorded.provenance.portfolio,
            delivery=delivery,
            key=key,
            work=f"work/{key.key[:32]}",
            work_id=uuid.uuid4().hex,  # nothing that was made before may be found again
            trigger="reproduce",
        )
    finally:
        _set(kept)
        discard(recorded.home, scratch.relative_to(recorded.home).as_posix())


def compared_results(
    run: RefreshRun, recorded: Recorded, evidence: Evidence, judgement: JudgementRef
) -> tuple[Comparison, ...]:
    """Compare every file that was made again with the published one, in the order of the refresh."""
    pair = _Pair(run, recorded)
    admission, panel, split = evidence.admission, evidence.panel, evidence.split
    of_graph = (*(one.file for one in panel.vintages), panel.outcomes, panel.attributes, panel.statistics)
    found = [
        *(
            pair.file("admission", ref)
            for ref in (*admission.tables.values(), admission.quarantine, admission.evidence)
        ),
        _compared("graph", "fingerprint", recorded.manifest.fingerprint, panel.current.fingerprint),
        *(pair.file("graph", ref) for ref in {ref.path: ref for ref in (panel.current.file, *of_graph)}.values()),
        *(pair.file("split", ref) for ref in (split.file, split.summary)),
    ]
    for model in evidence.models:
        found.append(pair.content_hash(f"{model.name} ({model.scheme})", model.description))
        found += [pair.file("probabilities", ref) for ref in (model.panel_probabilities, model.quarter_probabilities)]
    found += [pair.timeless("evaluation", judgement.evaluation), pair.file("scores", judgement.scores)]
    found += [pair.file("reason codes", ref) for ref in (judgement.reasons, judgement.reason_summary)]
    if recorded.earlier_missing:
        reason = recorded.earlier_missing
        found.append(Comparison(stage="judgement", subject="", recorded="", found="", same=None, reason=reason))
    else:
        found.append(pair.file("judgement", judgement.judged))
        found += [pair.file("score drift", ref) for ref in filter(None, [judgement.score_drift])]
    return tuple(found)


def concluded(recorded: Recorded, compared: Sequence[Comparison]) -> Reproduction:
    """Say what it came to."""
    published = recorded.published
    same = all(one.same is not False for one in compared)
    return Reproduction(
        portfolio=published.refresh.portfolio,
        quarter=published.refresh.quarter,
        version=str(published.model_version),
        refresh=published.key,
        outcome="same" if same else "different",
        compared=tuple(compared),
        remarks=tuple(_remarks(recorded.provenance)),
    )


class _Pair:
    """A file that was made again and the published one of the same name."""

    def __init__(self, run: RefreshRun, recorded: Recorded) -> None:
        self._run = run
        self._recorded = recorded
        self._listed = {file.path: file.sha256 for file in recorded.manifest.files}

    def file(self, stage: str, made: FileRef) -> Comparison:
        """Compare the bytes."""
        name = rebased(made, self._run.work).path
        return _compared(stage, name, self._listed.get(name, _NOTHING), made.sha256)

    def content_hash(self, subject: str, made: FileRef) -> Comparison:
        """Compare what the model is, whatever its files are."""
        old, new = self._contents(made)
        return _compared("model", subject, str((old or {}).get("content_hash", _NOTHING)), str(new["content_hash"]))

    def timeless(self, stage: str, made: FileRef) -> Comparison:
        """Compare JSON without the times that are noted in it."""
        old, new = self._contents(made)
        name = rebased(made, self._run.work).path
        return _compared(stage, name, _NOTHING if old is None else _digest(old), _digest(new))

    def _contents(self, made: FileRef) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        name = rebased(made, self._run.work).path
        new = read_json(Path(self._run.home), made, dict[str, Any])
        if name not in self._listed:
            return None, new
        folder, manifest = self._recorded.published.folder, self._recorded.manifest
        return read_json(self._recorded.home, published_file(folder, manifest, name), dict[str, Any]), new


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(_without_times(content), sort_keys=True).encode()).hexdigest()


def _without_times(content: object) -> object:
    if isinstance(content, dict):
        return {name: _without_times(value) for name, value in content.items() if name not in _TIMES}
    return [_without_times(value) for value in content] if isinstance(content, list) else content


def _compared(stage: str, subject: str, recorded: str, found: str, reason: str = "") -> Comparison:
    same = recorded == found
    return Comparison(
        stage=stage, subject=subject, recorded=recorded, found=found, same=same, reason="" if same else reason
    )


def _naming(paths: Sequence[str]) -> str:
    return f"not the same: {examples(paths)}" if paths else ""


def _refuse_other_key(published: PublishedRefresh, provenance: Provenance) -> None:
    key = provenance.key
    told = (key.key, key.input_fingerprint, key.code_digest, key.spec_hash)
    held = (published.key, published.input_fingerprint, published.code_digest, published.spec_hash)
    recomputed = (key_of_parts(key), provenance.delivery.fingerprint, digest_of_code(provenance.code), key.spec_hash)
    if not told == held == recomputed:
        raise IntegrityError(
            f"{PROVENANCE} of {published.folder} is not that of the refresh it lies with.",
            expected=f"key, input, code and settings {', '.join(digest[:12] for digest in held)}",
            found=f"{', '.join(digest[:12] for digest in told)}, recomputed {', '.join(d[:12] for d in recomputed)}",
            way_out="restore the catalogue or the refresh from a backup",
        )


def _compared_with(
    versions: Sequence[PublishedRefresh], published: PublishedRefresh
) -> tuple[tuple[PublishedRefresh, ...], str]:
    """Return the newest version of each earlier quarter when this one was published, the oldest quarter first."""
    newest = {
        one.refresh.quarter: one
        for one in sorted(versions, key=lambda one: one.sequence)
        if one.sequence < published.sequence
        and one.refresh.quarter < published.refresh.quarter
        and (one.pruned_at is None or one.pruned_at > published.published_at)
    }
    quarters = sorted(newest)[-RECALLED - 1 :]
    gone = [str(quarter) for quarter in quarters if newest[quarter].pruned_at is not None]
    if gone:
        return (), f"{examples(gone)}, which drift was measured against, has been pruned since"
    return tuple(newest[quarter] for quarter in quarters), ""


def _copied_delivery(recorded: Recorded, scratch: Path) -> DeliveryRef:
    delivery = recorded.provenance.delivery
    for ref in delivery.tables.values():
        write_file(scratch, ref.path, read_file(recorded.home, ref))
    open_catalogue(settings().database_url).record_delivery(delivery)
    return delivery


def _linked_quarters_before(recorded: Recorded, scratch: Path) -> None:
    """Let the reproduction know the earlier quarters: their files are linked, since they are many and only read."""
    catalogue = open_catalogue(settings().database_url)
    for one in recorded.earlier:
        manifest = verify_folder(recorded.home, one.folder, one.manifest_sha256)
        shutil.copytree(recorded.home / one.folder, scratch / one.folder, copy_function=_linked)
        key = RefreshKey(
            portfolio=one.refresh.portfolio,
            quarter=one.refresh.quarter,
            key=one.key,
            input_fingerprint=one.input_fingerprint,
            code_digest=one.code_digest,
            spec_hash=one.spec_hash,
        )
        catalogue.claim(key, "reproduce")
        catalogue.publish(
            one.key,
            refresh=one.refresh,
            folder=one.folder,
            manifest_sha256=one.manifest_sha256,
            graph_statistics=read_json(scratch, published_file(one.folder, manifest, STATISTICS), GraphStatistics),
            scores=(),
        )


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system that has no links
        shutil.copy2(source, target)


def _set(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _remarks(provenance: Provenance) -> Iterator[str]:
    now = environment(provenance.portfolio)
    for name in sorted(provenance.environment.keys() | now):
        old, new = provenance.environment.get(name, _NOTHING), now.get(name, _NOTHING)
        if old != new:
            yield f"{name}: {old} then, {new} now"
    packages = installed_packages()
    for name in sorted(provenance.packages.keys() | packages):
        old, new = provenance.packages.get(name, _NOTHING), packages.get(name, _NOTHING)
        if old != new and name not in now:
            yield f"package {name}: {old} then, {new} now"
