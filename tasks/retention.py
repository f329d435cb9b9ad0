"""Taking away what nothing needs any more: files of old refreshes go, what they were stays in the catalogue."""

from __future__ import annotations

import shutil
from pathlib import Path

from monitoring.retention import reasons_to_keep
from schemas.errors import SettingsError
from schemas.housekeeping import PruneEntry, PruneReport, RetainedRefresh
from tasks.catalogue import PublishedRefresh, open_catalogue
from tasks.contents import written_index
from tasks.lake import MANIFEST
from tasks.settings import settings

#: judging a quarter compares it with the one before
LEAST_KEPT = 2


def prune(portfolio: str, keep: int, *, really: bool) -> PruneReport:
    """Take away the files and scores of refreshes that neither the rule nor anybody needs.

    Kept are the newest `keep` quarters (of each the version published last), champions in use and those a rollback
    may lead to, open proposals, the challenger, and the evidence of open findings. Of the others everything goes but
    the manifest, which still says what there was and vouches for the audit log, and the row in the catalogue.

    Parameters
    ----------
    really
        Whether to do it; otherwise it is only told.

    Raises
    ------
    SettingsError
        If `keep` is less than 2: the next refresh needs a quarter to compare with.
    RefreshBusy
        If a refresh of the portfolio runs, or something is needed since a moment ago.
    """
    if keep < LEAST_KEPT:
        raise SettingsError(
            "Too few quarters would be left.",
            expected=f"--keep {LEAST_KEPT} or more: the next refresh is compared with the newest",
            found=f"--keep {keep}",
        )
    home = settings().home
    catalogue = open_catalogue(settings().database_url)
    published = catalogue.published_versions(portfolio)
    there = [one for one in published if one.pruned_at is None]
    reasons = reasons_to_keep(
        [
            RetainedRefresh(
                refresh=one.key, quarter=one.refresh.quarter, sequence=one.sequence, gates=one.refresh.gates
            )
            for one in there
        ],
        keep,
        catalogue.housekeeping.needed(portfolio),
    )
    entries = [_entry(home, one, reasons.get(one.key)) for one in there]
    going = [entry for entry in entries if entry.kept_because is None]
    if really:
        keys = [entry.refresh for entry in going]
        catalogue.housekeeping.mark_pruned(portfolio, keys, f"retention: the newest {keep} quarters are kept")
        # Also of those that a run marked before it died.
        marked = [one for one in catalogue.published_versions(portfolio) if one.pruned_at is not None]
        for one in marked:
            _empty(home / one.folder)
        written_index()
    return PruneReport(
        portfolio=portfolio,
        keep=keep,
        done=really,
        pruned=tuple(going),
        kept=tuple(entry for entry in entries if entry.kept_because is not None),
        freed_bytes=sum(entry.bytes for entry in going),
    )


def _entry(home: Path, one: PublishedRefresh, kept_because: str | None) -> PruneEntry:
    sizes = (path.lstat().st_size for path in (home / one.folder).rglob("*") if not path.is_dir())
    return PruneEntry(
        refresh=one.key,
        quarter=one.refresh.quarter,
        version=one.model_version,
        folder=one.folder,
        bytes=sum(sizes),
        kept_because=kept_because,
    )


def _empty(folder: Path) -> None:
    """Remove everything but the manifest; a link is removed, not followed."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != MANIFEST:
            path.unlink()
