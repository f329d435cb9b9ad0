"""A corrected delivery of a published quarter: a new version beside the old one, and what changed between them."""

from __future__ import annotations

from schemas.references import RefreshRun
from tasks.catalogue import PublishedRefresh, open_catalogue
from tasks.diffing import written_diff
from tasks.progress import note
from tasks.settings import settings
from tasks.stage import stage


def show_correction(run: RefreshRun) -> None:
    """Write the difference to the version that this refresh corrects, if it corrects one."""
    before = open_catalogue(settings().database_url).corrects(run.key.key)
    if before is not None:
        compare_versions(run, before)


@stage("compare versions")
def compare_versions(run: RefreshRun, before: PublishedRefresh) -> None:
    """Write the difference between two versions of one quarter to the lake.

    Raises
    ------
    IntegrityError
        If a published file is not what was recorded.
    """
    after = open_catalogue(settings().database_url).published_refresh(run.key.key)
    if after is None:
        return  # it was published a moment ago; without it there is nothing to compare
    written = written_diff(run.portfolio, before, after)
    note(f"version {before.model_version} of {run.quarter} stays readable; the difference is in {written.files[1]}")
