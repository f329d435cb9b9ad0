"""Finding a published refresh by the version that the model registry knows it by."""

from __future__ import annotations

from schemas.errors import CreditnetError, NotEnoughData, examples
from tasks.catalogue import Catalogue, PublishedRefresh


def published_version(
    catalogue: Catalogue, portfolio: str, version: str, refusal: type[CreditnetError] = NotEnoughData
) -> PublishedRefresh:
    """Return the published refresh that registered a version; `refusal` if there is none, or more than one."""
    found = catalogue.published_versions(portfolio)
    matching = [refresh for refresh in found if refresh.model_version == version]
    if len(matching) != 1:
        raise refusal(
            f"Version {version} of {portfolio} "
            + ("has not been published." if not matching else f"was published {len(matching)} times."),
            expected="a version that one published refresh registered",
            found=f"versions {examples(refresh.model_version for refresh in found)}" if found else "no version",
            way_out="see `creditnet refreshes`",
        )
    return matching[0]


def unpruned_version(catalogue: Catalogue, portfolio: str, version: str) -> PublishedRefresh:
    """Return the same, unless its files were pruned.

    Raises
    ------
    NotEnoughData
        If there is no such version, or retention took its files away.
    """
    published = published_version(catalogue, portfolio, version)
    if published.pruned_at is not None:
        raise NotEnoughData(
            f"The files of version {version} of {portfolio} were taken away by retention.",
            expected="a version whose files are still there",
            found=f"pruned on {published.pruned_at:%Y-%m-%d}",
            way_out="choose a version that `creditnet refreshes` does not show as pruned, or restore a backup",
        )
    return published
