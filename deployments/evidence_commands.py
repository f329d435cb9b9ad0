"""The commands by which a validator checks and reads what was published: verify, reproduce, pack, pdf, index.

Nothing heavy is imported at the top, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.console import JsonOption, PortfolioOption, stdout_kept

if TYPE_CHECKING:
    from schemas.reproduction import Reproduction, VerifyReport

#: of `verify`, as for every stored byte that is not what was recorded
DAMAGED = 8
#: of `reproduce`; a difference is a finding, not an error
DIFFERENT = 12
_SHOWN = 12
_CODES = "Exit codes: 0 {done}, 1 unexpected, 2 wrong usage, "
VersionArgument = Annotated[str, typer.Argument(help="The version in the model registry, such as 3.")]


def add_evidence_commands(app: typer.Typer) -> None:
    """Make the commands known to the command line."""
    app.command(
        epilog="Example: creditnet verify --json\n\n"
        "Checked are the audit log; each published refresh (hash in the catalogue, manifest, every file: graphs, "
        "models, documents, scores), and the catalogue's scores, verdict and gates against its files; each delivery; "
        "each difference and audit of splits; the registry's copies. Files that nothing names are listed, and are no "
        "damage: a killed run leaves such.\n\n"
        + _CODES.format(done="everything is what was recorded")
        + "8 something is not, 9 a setting cannot be used."
    )(verify)
    app.command(
        epilog="Example: creditnet reproduce 3 --portfolio interbank --json\n\n"
        "The refresh is made again in a scratch home below work/, from the delivery that the home holds: no data "
        "folder, database or network is needed. Only documents, which bear a time, are not made again.\n\n"
        + _CODES.format(done="the same")
        + "3 portfolio unknown or with mistakes, 6 no such version, or it cannot be made again, 8 stored bytes are not "
        "what was recorded, 9 a setting cannot be used, 12 something is different."
    )(reproduce)
    app.command(
        epilog="Example: CREDITNET_SIGNING_KEY=key.pem creditnet pack 3 --portfolio interbank --to package.tar.gz\n\n"
        "In it: documents, weights, settings, manifests, lock file, bill of materials, licences, audit excerpt, "
        "SHA256SUMS and, with a key, a detached Ed25519 signature of it. Its README.txt says how to verify it with "
        "sha256sum and openssl. No table with a row a firm is in it.\n\n"
        + _CODES.format(done="written")
        + "3 portfolio unknown or with mistakes, 6 no such version, or its files were pruned, 8 stored bytes are not "
        "what was recorded, 9 the key or another setting cannot be used, or the archive cannot be written."
    )(pack)
    app.command(
        epilog="Example: creditnet pdf 3 --portfolio interbank --to printed\n\n"
        "Chromium prints them, found on PATH or named by CREDITNET_CHROMIUM. They lie beside what was published, whose "
        "hashes do not change; the same browser prints the same bytes.\n\n"
        + _CODES.format(done="printed")
        + "3 portfolio unknown or with mistakes, 6 no such version, or its files were pruned, 8 stored bytes are not "
        "what was recorded, 9 there is no browser, or the PDFs cannot be written."
    )(pdf)
    app.command(
        epilog="Example: creditnet index\n\nEvery refresh, decision and pruning writes it too.\n\n"
        + _CODES.format(done="written")
        + "8 a row of the catalogue cannot be read, 9 a setting cannot be used."
    )(index)


def verify(
    registry: Annotated[bool, typer.Option(help="Look at the model registry's copies too (some seconds).")] = True,
    as_json: JsonOption = False,
) -> None:
    """Check every stored byte of the home against what was recorded of it, and name what does not fit."""
    with stdout_kept() as stdout:
        from tasks.settings import prepare_environment, settings
        from tasks.verifying import verified_home

        prepare_environment(settings())
        report = verified_home(registry=registry)
        stdout.write(json.dumps(report.model_dump(mode="json")) + "\n" if as_json else _verified(report))
    if not report.whole:
        raise typer.Exit(DAMAGED)


def reproduce(
    version: VersionArgument,
    portfolio: PortfolioOption = "simulated",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Make it again even if code, lock or settings are not the same.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a published refresh again from its stored delivery and say whether it comes out the same."""
    with stdout_kept() as stdout:
        from tasks.promotion import portfolio_name
        from tasks.settings import prepare_environment, settings

        prepare_environment(settings())
        name = portfolio_name(portfolio)
        sys.stderr.write(f"creditnet reproduce {name} version {version}; state in {settings().home}\n")
        from deployments.embedded import starting_server

        with starting_server() as ready:
            from flows.reproduction import reproduction

            ready()
            result = reproduction(name, version, anyway)
        first = result.first_difference
        if as_json:
            told = result.model_dump(mode="json") | {"first_difference": first and first.model_dump(mode="json")}
            stdout.write(json.dumps(told) + "\n")
        else:
            stdout.write(_reproduced(result))
    if first is not None:
        raise typer.Exit(DIFFERENT)


def pack(
    version: VersionArgument,
    portfolio: PortfolioOption = "simulated",
    to: Annotated[
        Path | None, typer.Option("--to", help="The archive to write; packs/ in the home by default.")
    ] = None,
    with_pdf: Annotated[bool, typer.Option("--pdf", help="Put the documents in as PDF too (needs Chromium).")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put a published version into one archive that a validator can verify without this software."""
    with stdout_kept() as stdout:
        from tasks.packing import packed
        from tasks.promotion import portfolio_name
        from tasks.settings import prepare_environment, settings

        prepare_environment(settings())
        package = packed(portfolio_name(portfolio), version, to, with_pdf=with_pdf)
        if as_json:
            stdout.write(json.dumps(package.model_dump(mode="json")) + "\n")
            return
        signed = f"signed with the key {package.signed_by}" if package.signed_by else "UNSIGNED"
        stdout.write(
            f"{package.file}\n"
            f"  {package.files} files, {package.bytes / 1024**2:.1f} MB, {signed}\n"
            f"  SHA-256 {package.sha256}\n"
        )


def pdf(
    version: VersionArgument,
    portfolio: PortfolioOption = "simulated",
    to: Annotated[
        Path | None, typer.Option("--to", help="The folder to write to; one below pdfs/ in the home by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the documents of a published version as PDF, where this machine has Chromium."""
    with stdout_kept() as stdout:
        from tasks.printing import printed
        from tasks.promotion import portfolio_name
        from tasks.settings import prepare_environment, settings

        prepare_environment(settings())
        result = printed(portfolio_name(portfolio), version, to)
        told = "".join(f"{file}\n" for file in result.files)
        stdout.write(json.dumps(result.model_dump(mode="json")) + "\n" if as_json else told)


def index(as_json: JsonOption = False) -> None:
    """Write index.html of the home: all portfolios and quarters with their documents, and a search."""
    with stdout_kept() as stdout:
        from tasks.contents import written_index
        from tasks.settings import prepare_environment, settings

        prepare_environment(settings())
        path = written_index()
        stdout.write(json.dumps({"file": str(path)}) + "\n" if as_json else f"{path}\n")


def _verified(report: VerifyReport) -> str:
    lines = [
        "The home is what was recorded."
        if report.whole
        else f"{len(report.damages)} things are not what was recorded:",
        *(f"  ✗ {damage.where} {damage.problem}" for damage in report.damages),
        f"  {report.files:,} files read: {report.refreshes} refreshes ({report.pruned} pruned), "
        f"{report.deliveries} deliveries, {report.pages} differences and audits",
    ]
    if report.audit is not None:
        lines.append(f"  audit log: {report.audit.rows} rows, head {report.audit.head}")
    lines += [f"  not recorded: {name}" for name in report.unrecorded[:_SHOWN]]
    if len(report.unrecorded) > _SHOWN:
        lines.append(f"  and {len(report.unrecorded) - _SHOWN} more files that nothing records")
    return "\n".join(lines) + "\n"


def _reproduced(result: Reproduction) -> str:
    first = result.first_difference
    lines = [
        f"{result.portfolio} version {result.version}, {result.quarter}: {'same' if first is None else 'different'}"
    ]
    if first is not None:
        lines += [
            f"  differs first in {first.stage}: {first.subject}",
            f"    recorded  {first.recorded}",
            f"    found     {first.found}",
        ]
        lines += [f"    {first.reason}"] if first.reason else []
    for stage in dict.fromkeys(one.stage for one in result.compared):
        every = [one for one in result.compared if one.stage == stage]
        different, unknown = (sum(one.same is kind for one in every) for kind in (False, None))
        told = f"{different} of {len(every)} different" if different else f"{len(every)} compared, all the same"
        lines.append(f"  {stage:<14} {every[0].reason if unknown else told}")
    shown = result.remarks if first is not None else ()
    lines += [f"  {remark}" for remark in shown[:_SHOWN]]
    if len(shown) > _SHOWN:
        lines.append(f"  and {len(shown) - _SHOWN} more differences of packages")
    return "\n".join(lines) + "\n"
