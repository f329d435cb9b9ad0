"""What a server does by itself: drift refreshes, a proposal asks people, a champion scores, dead runs are marked.

Applying them again changes nothing: each is known by its name, and what is no longer wanted is removed.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tasks.catalogue.retraining import DRIFT_EVENT
from tasks.notices import CHAMPION_EVENT, DRIFT_AUTOMATION, PROPOSED_EVENT, SCORING_AUTOMATION

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

#: of a webhook that is told of failed, crashed and late runs and of drift
WEBHOOK_URL = "CREDITNET_WEBHOOK_URL"
WEBHOOK_BLOCK = "creditnet-notices"
#: seconds between two signs of life of a run, the least Prefect allows, and how long without one means dead
HEARTBEAT, SILENCE = 30, 120
#: seconds after its time that a run which has not started is late; a busy worker takes a minute
LATE = 300

_PREFIX = "creditnet: "
_TOLD = {
    "prefect.flow-run.Failed": "failed",
    "prefect.flow-run.Crashed": "crashed",
    "prefect.flow-run.Late": "is late",
}
# Every value is rendered as JSON: a name may hold a quote.
_RUN_NOTICE = """{"text": {{ ("creditnet: " ~ flow_run.name ~ " %s") | tojson }}, "event": "%s",
 "run": {{ flow_run.id | string | tojson }}}"""
_DRIFT_NOTICE = """{"text": {{ ("creditnet: drift in " ~ event.payload.portfolio) | tojson }},
 "quarter": {{ event.payload.quarter | tojson }}, "event": {{ event.event | tojson }},
 "reason": {{ event.payload.trigger | tojson }},
 "report": {{ event.payload.report | tojson }}}"""
_WATCHED = ("quarterly_refresh", "drift_monitor", "outcomes_analysis", "score_portfolio")
_ENDED = ("Completed", "Failed", "Crashed", "Cancelled", "Cancelling", "Paused", "Scheduled")


def apply_automations() -> tuple[str, ...]:
    """Create or update every automation on the server that PREFECT_API_URL names; return their names."""
    from prefect.client.orchestration import get_client
    from prefect.events.schemas.automations import AutomationCore

    with get_client(sync_client=True) as client:
        # An update sends only the fields that were set, and the server then misses the others: all of them are set.
        # But an owner, which the server refuses even where it is nobody.
        wanted = {
            one.name: AutomationCore.model_validate(one.model_dump(mode="json", exclude={"owner_resource"}))
            for one in _wanted(client)
        }
        there = [one for one in client.read_automations() if one.name.startswith(_PREFIX)]
        kept: set[str] = set()
        for one in there:
            if one.name in wanted and one.name not in kept:
                client.update_automation(one.id, wanted[one.name])
                kept.add(one.name)
            else:
                client.delete_automation(one.id)
        for name in wanted.keys() - kept:
            client.create_automation(wanted[name])
    return tuple(sorted(wanted))


def _wanted(client: SyncPrefectClient) -> Iterator[AutomationCore]:
    from prefect.events.actions import ChangeFlowRunState, RunDeployment
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
    from prefect.states import StateType

    def deployment(name: str) -> UUID:
        found: UUID = client.read_deployment_by_name(f"{name}/served").id
        return found

    yield AutomationCore(
        name=DRIFT_AUTOMATION,
        description="What drifted, and by how much, is in the parameters of the run that it starts.",
        trigger=EventTrigger(expect={DRIFT_EVENT}, match={"prefect.resource.id": "creditnet.portfolio.*"}),
        actions=[
            RunDeployment(
                deployment_id=deployment("quarterly_refresh"),
                parameters={
                    "portfolio": _from_event("source"),
                    "quarter": _from_event("quarter"),
                    "data_dir": _from_event("data_dir"),
                    "trigger": _from_event("trigger"),
                },
            )
        ],
    )
    yield AutomationCore(
        name=f"{_PREFIX}a proposed version asks for approval",
        trigger=EventTrigger(expect={PROPOSED_EVENT}, match={"prefect.resource.id": "creditnet.portfolio.*"}),
        actions=[
            RunDeployment(
                deployment_id=deployment("promotion"),
                parameters={"portfolio": _from_event("portfolio"), "version": _from_event("version")},
            )
        ],
    )
    yield AutomationCore(
        name=SCORING_AUTOMATION,
        description="After an approval or a rollback; the scores are a folder of the lake.",
        trigger=EventTrigger(expect={CHAMPION_EVENT}, match={"prefect.resource.id": "creditnet.portfolio.*"}),
        actions=[
            RunDeployment(
                deployment_id=deployment("score_portfolio"), parameters={"portfolio": _from_event("portfolio")}
            )
        ],
    )
    heartbeat = "prefect.flow-run.heartbeat"
    yield AutomationCore(
        name=f"{_PREFIX}a run without a sign of life is dead",
        description=f"Runs give a sign of life every {HEARTBEAT} s; {SILENCE} s without one mark them as crashed.",
        trigger=EventTrigger(
            after={heartbeat},
            expect={heartbeat, *(f"prefect.flow-run.{state}" for state in _ENDED)},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            # Not of promotions: these suspend within moments of their first sign of life, and if the server takes the
            # two events in the other order, a question that waits for people would be taken for dead.
            match_related={"prefect.resource.role": "flow", "prefect.resource.name": list(_WATCHED)},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=dt.timedelta(seconds=SILENCE),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=f"No sign of life for {SILENCE} s.")],
    )
    yield from _notices()


def _notices() -> Iterator[AutomationCore]:
    """Yield the automations that tell people, if there is a webhook to tell them by."""
    url = os.environ.get(WEBHOOK_URL)
    if not url:
        return
    from prefect.blocks.webhook import Webhook
    from prefect.events.actions import CallWebhook
    from prefect.events.schemas.automations import AutomationCore, EventTrigger

    block = UUID(str(Webhook(method="POST", url=url).save(WEBHOOK_BLOCK, overwrite=True)))
    for event, word in _TOLD.items():
        yield AutomationCore(
            name=f"{_PREFIX}tell that a run {word}",
            trigger=EventTrigger(expect={event}, match={"prefect.resource.id": "prefect.flow-run.*"}),
            actions=[CallWebhook(block_document_id=block, payload=_RUN_NOTICE % (word, event))],
        )
    yield AutomationCore(
        name=f"{_PREFIX}tell of drift",
        trigger=EventTrigger(expect={DRIFT_EVENT}, match={"prefect.resource.id": "creditnet.portfolio.*"}),
        actions=[CallWebhook(block_document_id=block, payload=_DRIFT_NOTICE)],
    )


def _from_event(field: str) -> dict[str, Any]:
    # Rendered as JSON and read again, so that null stays null and no quote ends the text.
    template = f"{{{{ event.payload.{field} | tojson }}}}"
    return {"__prefect_kind": "json", "value": {"__prefect_kind": "jinja", "template": template}}


if __name__ == "__main__":
    # A process of its own, since Prefect reads the server's address once, when it is imported.
    sys.stdout.write("\n".join(apply_automations()) + "\n")
