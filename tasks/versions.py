"""Finding a published refresh by its quarter, or by the version that the model registry knows it by."""

from __future__ import annotations

from schemas.errors import CreditnetError, NotEnoughData, examples
from schemas.terms import Quarter
from tasks.catalogue import Catalogue, PublishedRefresh


def published_quarter(
    catalogue: Catalogue, portfolio: str, quarter: Quarter | None, *, lacking: str, otherwise: str
) -> PublishedRefresh:
    """Return the version that a quarter has now, or that of the newest quarter.

    Parameters
    ----------
    lacking, otherwise
        Words for the error: what there is none of without it, and what else can be done.

    Raises
    ------
    NotEnoughData
        If it has not been published.
    """
    newest = catalogue.latest_published(portfolio)
    found = newest if quarter is None else catalogue.current(portfolio, quarter)
    if found is None:
        named = f" --quarter {quarter}" if quarter else ""
        raise NotEnoughData(
            f"{quarter} of {portfolio} has not been published: there is no {lacking}."
            if quarter
            else f"No quarter of {portfolio} has been published: there is no {lacking}.",
            expected=f"a published refresh of {portfolio}" + (f" for {quarter}" if quarter else ""),
            found=f"the newest published quarter is {newest.refresh.quarter}"
            if newest
            else "no published refresh at all",
            way_out=f"run `creditnet refresh --portfolio {portfolio}{named}`, or {otherwise}",
        )
    return found


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
