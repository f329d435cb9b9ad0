"""Promotion: the run waits, without holding a worker, until people have decided in the Prefect UI."""

from __future__ import annotations

from itertools import count
from typing import Literal

from prefect import flow
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run
from pydantic import Field

from tasks.approval_form import Answered, apply_answer, show_proposal
from tasks.promotion import portfolio_name

_DAY = 24 * 60 * 60


class Answer(RunInput):
    """The form that a person fills in."""

    decision: Literal["approve", "reject"]
    name: str = Field(description="Your name, as it will stand in the audit log")
    comment: str = Field(description="Why; kept in the audit log")


def _run_name() -> str:
    return f"{flow_run.parameters['portfolio']} version {flow_run.parameters['version']}"


@flow(name="promotion", flow_run_name=_run_name, persist_result=True, result_serializer="json")
def promotion(portfolio: str, version: str, days: int = 14) -> Answered:
    """Ask people to approve or reject a proposed version, until the proposal is decided.

    It needs a deployment and a worker; `creditnet approve` and `creditnet reject` do the same without either, and
    a run whose proposal they have decided ends at the next answer.

    Parameters
    ----------
    portfolio
        Name or file of the portfolio.
    version
        The proposed version in the model registry.
    days
        How long each question waits for an answer; the run then fails and the proposal stays open.
    """
    proposal = show_proposal(portfolio_name(portfolio), version)
    told = f"{proposal.approvals_missing} approval(s) missing. The artifact of this run says what to read."
    for attempt in count(1):
        form = Answer.with_initial_data(description=told)
        answer = suspend_flow_run(wait_for_input=form, key=f"answer-{attempt}", timeout=days * _DAY)
        answered: Answered = apply_answer(proposal, attempt, answer.decision, answer.name, answer.comment)
        if answered.status != "open":
            return answered
        told = f"{answered.message}. Somebody else is asked now."
    raise AssertionError("counting never ends")
