"""A corrected delivery of a published quarter: a new version beside the old one, and what changed between them."""

from __future__ import annotations

from pathlib import Path

from schemas.references import RefreshRun
from tasks.catalogue import PublishedRefresh, open_catalogue
from tasks.diffing import correction_shown, written_diff
from tasks.progress import note
from tasks.settings import settings
from tasks.stage import stage


def show_correction(run: RefreshRun) -> None:
    """Write the difference to the version that this refresh corrects, if it corrects one."""
    catalogue = open_catalogue(settings().database_url)
    before, after = catalogue.corrects(run.key.key), catalogue.published_refresh(run.key.key)
    # Without `after`, which was published a moment ago, there is nothing to compare.
    if before is not None and after is not None and not correction_shown(Path(run.home), after):
        compare_versions(run, before, after)


@stage("compare versions")
def compare_versions(run: RefreshRun, before: PublishedRefresh, after: PublishedRefresh) -> None:
    """Write the difference between two versions of one quarter to the lake.

    Raises
    ------
    IntegrityError
        If a published file is not what was recorded.
    """
    written = written_diff(run.portfolio, before, after)
    note(f"version {before.model_version} of {run.quarter} stays readable; the difference is in {written.files[1]}")
