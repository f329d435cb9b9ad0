"""A published refresh made again from what its home holds, and compared with what was published."""

from __future__ import annotations

from prefect import flow

from flows.evidence import gather_evidence
from schemas.reproduction import Reproduction
from tasks.evaluation import evaluate
from tasks.judging import judge
from tasks.progress import clocked
from tasks.reproducing import compared_first, compared_results, concluded, made_in_scratch, recorded_refresh


@flow(name="reproduction", flow_run_name="{portfolio} version {version}", persist_result=False)
def reproduction(portfolio: str, version: str, anyway: bool = False) -> Reproduction:
    """Make a published refresh again in a scratch home; the home itself is not changed.

    Parameters
    ----------
    portfolio
        The name under which it is in the catalogue.
    version
        The version in the model registry, such as 3.
    anyway
        Make it again although code, lock or settings are not those it was made with.
    """
    with clocked():
        recorded = recorded_refresh(portfolio, version)
        compared = compared_first(recorded)
        if anyway or all(one.same for one in compared):
            with made_in_scratch(recorded) as run:
                evidence = gather_evidence(run)
                judgement = judge(run, evidence, evaluate(run, evidence))
                compared += compared_results(run, recorded, evidence, judgement)
        return concluded(recorded, compared)
