"""The documents of a refresh: model card, monitoring report and the note on the Prefect page.

One set of templates says what is written; two sets of blocks (`templates/html`,
`templates/markdown`) say how. The environment makes every printed value harmless, so that no
template can forget to: what is not `Markup` loses its invisible characters and is escaped.
"""

from __future__ import annotations

import base64
import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Literal

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from models.discrimination import METRICS
from monitoring import charts, fairness_charts, filters, graph_charts, performance_charts, rules, score_charts
from monitoring.annex_iv import ANNEX_IV
from monitoring.canvas import Chart
from monitoring.charts import SampleCurves
from monitoring.less_discriminatory import alternative_sentence, found_alternatives
from monitoring.logic import LOGIC
from monitoring.questions import owner_of, settled
from schemas.base import Frozen
from schemas.fair_lending import FairLending, FairnessTrend
from schemas.hidden_layers import HiddenLayers
from schemas.irb import IrbValidation
from schemas.performance import Performance
from schemas.portfolio import PortfolioSpec
from schemas.portrait import GraphPortrait
from schemas.questions import Topic
from schemas.reasons import ReasonSummary
from schemas.references import RefreshKey
from schemas.results import (
    AdmissionResult,
    Evaluation,
    GateResult,
    GraphStatistics,
    Interval,
    Judged,
    QuarantinedRow,
    RankAgreement,
    SplitResult,
)
from schemas.setting_curves import SettingCurve
from schemas.stability import Change
from schemas.terms import TEST_SAMPLES, Family, Judgement, Sample

Form = Literal["html", "markdown"]

#: What raises a finding where a gate failed.
GATE = "gate of this refresh"
#: How the findings begin that a question left open raises.
UNANSWERED = "unanswered question"
ALTERNATIVES = "search for less discriminatory alternatives"
#: How `monitoring.gates` begins the names of the gates on drift.
DRIFT_GATES = ("feature drift", "graph drift")


class Dossier(Frozen):
    """Everything the documents of one refresh are written from.

    Attributes
    ----------
    portrait
        What the graph page shows and the card shows a part of.
    curves
        What is drawn of each sample (see `charts`); may be empty.
    environment
        Library versions, Python and the number of threads, by name.
    audit_head
        Head of the audit log's hash chain when the documents were written.
    registration
        One sentence on where the chosen model stands in the registry and who approved it.
    trigger
        Why the refresh was started: by hand, on schedule, or by which drift.
    publication_dates_known
        False if at least one table has no publication dates and counts as known at the quarter's end.
    hidden_layers
        What the networks make of firms; None if there is no network, or nothing to show of it.
    setting_curves
        What became of networks whose settings the portfolio has varied.
    irb
        The chosen candidate as a rating system.
    performance
        What earlier refreshes scored against what became of it.
    movers
        Ids of the firms of `judged.score_drift.largest`, in their order.
    fair_lending
        How groups fare; None if no attribute is protected or watched. `fairness_trends` over the published quarters.
    reasons
        How often each reason code was given.
    """

    portfolio: PortfolioSpec
    key: RefreshKey
    admission: AdmissionResult
    quarantine_examples: tuple[QuarantinedRow, ...]
    graph: GraphStatistics
    portrait: GraphPortrait
    split: SplitResult
    evaluation: Evaluation
    judged: Judged
    curves: dict[Sample, SampleCurves]
    environment: dict[str, str]
    audit_head: str
    registration: str
    trigger: str
    written_at: dt.datetime
    publication_dates_known: bool
    hidden_layers: HiddenLayers | None = None
    setting_curves: tuple[SettingCurve, ...] = ()
    irb: IrbValidation | None = None
    performance: Performance | None = None
    movers: tuple[str, ...] = ()
    fair_lending: FairLending | None = None
    fairness_trends: tuple[FairnessTrend, ...] = ()
    reasons: ReasonSummary | None = None


class Finding(Frozen):
    """Something that is open when the card is written: what raised it, whose it is, and when it is looked at again."""

    finding: str
    raised_by: str
    owner: str
    retest: str


def model_card_html(dossier: Dossier) -> str:
    """Write the model card as one self-contained page."""
    return written("model_card.j2", dossier, "html")


def model_card_markdown(dossier: Dossier) -> str:
    """Write the model card as Markdown; charts become sentences."""
    return written("model_card.j2", dossier, "markdown")


def monitoring_report_html(dossier: Dossier) -> str:
    """Write the monitoring report as one self-contained page."""
    return written("monitoring_report.j2", dossier, "html")


def monitoring_report_markdown(dossier: Dossier) -> str:
    """Write the monitoring report as Markdown; charts become sentences."""
    return written("monitoring_report.j2", dossier, "markdown")


def artifact_markdown(dossier: Dossier) -> str:
    """Write the short note for the Prefect page, whose Markdown shows PNG but neither SVG nor HTML."""
    return written("artifact.j2", dossier, "markdown")


def open_findings(dossier: Dossier) -> list[Finding]:
    """List every gate that failed, every less discriminatory alternative, then every question that is left open."""
    questions = [
        Finding(
            finding=one.question,
            raised_by=f"{UNANSWERED}: {one.source}",
            owner=one.owner,
            retest="at the first refresh with an answer",
        )
        for one in settled(dossier.portfolio)
        if not one.answer
    ]
    gates = [
        Finding(
            finding=f"Gate failed: {filters.words(gate.gate)}. {gate.reason}".strip(),
            raised_by=GATE,
            owner=owner_of(dossier.portfolio, Topic.ESCALATION),
            retest="at the next refresh",
        )
        for gate in dossier.judged.gates
        if gate.verdict is Judgement.FAIL
    ]
    return [*gates, *less_discriminatory_findings(dossier), *questions]


def findings_in_short(findings: Sequence[Finding]) -> str:
    """Count the findings by who raised them."""
    if not findings:
        return "no open finding"
    gates = sum(one.raised_by == GATE for one in findings)
    questions = sum(one.raised_by.startswith(UNANSWERED) for one in findings)
    found = sum(one.raised_by == ALTERNATIVES for one in findings)
    rest = len(findings) - gates - found - questions
    parts = {
        "failed gate": gates,
        "less discriminatory alternative": found,
        "unanswered question": questions,
        "other": rest,
    }
    told = [f"{count} {name}{'s' if count > 1 and name != 'other' else ''}" for name, count in parts.items() if count]
    return f"{len(findings)} open finding{'s' if len(findings) > 1 else ''}: {', '.join(told)}"


def gates_in_short(judged: Judged) -> str:
    """Count the gates by verdict."""
    counts = {kind: sum(gate.verdict is kind for gate in judged.gates) for kind in Judgement}
    names = {Judgement.PASS: "passed", Judgement.FAIL: "failed", Judgement.NOT_ASSESSABLE: "not assessable"}
    return ", ".join(f"{count} {names[kind]}" for kind, count in counts.items())


def less_discriminatory_findings(dossier: Dossier) -> list[Finding]:
    """List the candidates that would do as well and favour the least favoured group more."""
    fair = dossier.fair_lending
    if fair is None:
        return []
    return [
        Finding(
            finding=alternative_sentence(one, fair),
            raised_by=ALTERNATIVES,
            owner=owner_of(dossier.portfolio, Topic.FAIR_LENDING),
            retest="at the next refresh",
        )
        for one in found_alternatives(fair, dossier.portfolio.gates.minimum_impact_ratio)
    ]


def drift_gates(judged: Judged) -> list[GateResult]:
    """Return the gates that judge drift, known by how their names begin.

    The word alone would not do: a gate on fairness ends in the name of a column, which may hold it.
    """
    return [gate for gate in judged.gates if filters.words(gate.gate).startswith(DRIFT_GATES)]


def drift_verdict(judged: Judged) -> Judgement:
    """Return the worst verdict of the drift gates; a pass takes at least one gate that passed."""
    verdicts = {gate.verdict for gate in drift_gates(judged)}
    worst_first = (Judgement.FAIL, Judgement.PASS)
    return next((verdict for verdict in worst_first if verdict in verdicts), Judgement.NOT_ASSESSABLE)


def samples_shown(found: Iterable[Sample]) -> list[Sample]:
    """Put the samples that count first: held out, then validation, then development."""
    order = (*TEST_SAMPLES, Sample.VALIDATION, Sample.DEVELOPMENT, Sample.EXCLUDED)
    return sorted(set(found), key=order.index)


def graph_recommendation(evaluation: Evaluation) -> str:
    """Say which candidate is recommended: the simplest that is not worse on validation, with the graph or without."""
    chosen = next(candidate for candidate in evaluation.candidates if candidate.name == evaluation.chosen)
    has = "without the graph" if chosen.family is Family.TABULAR else "with the graph"
    return f"Recommended: {evaluation.chosen}, {has}, the simplest candidate that is not worse on validation."


def least_agreement(agreement: Iterable[RankAgreement]) -> list[RankAgreement]:
    """Return, for each sample, the two networks whose scores are least alike; those without a value last."""
    least: dict[Sample, RankAgreement] = {}
    for one in agreement:
        so_far = least.get(one.sample)
        if so_far is None or _rank(one) < _rank(so_far):
            least[one.sample] = one
    return [least[sample] for sample in samples_shown(least)]


def _rank(one: RankAgreement) -> float:
    return math.inf if one.correlation.value is None else one.correlation.value


def _samples_of(evaluation: Evaluation) -> list[Sample]:
    return samples_shown(sample for candidate in evaluation.candidates for sample in candidate.samples)


def _metrics_of(evaluation: Evaluation, sample: Sample) -> list[str]:
    found = [candidate.samples[sample] for candidate in evaluation.candidates if sample in candidate.samples]
    return [metric for metric in METRICS if any(metric in result.metrics for result in found)]


def _any_value(evaluation: Evaluation, metric: str) -> bool:
    """Tell whether a metric is defined anywhere; a chart of nothing would show an invented axis."""
    every = [sample.metrics.get(metric) for one in evaluation.candidates for sample in one.samples.values()]
    return any(found is not None and found.value is not None for found in every)


def _across(evaluation: Evaluation, sample: Sample, metric: str) -> list[Interval | None]:
    """Return one metric on one sample for every candidate, simple to complex."""
    results = [candidate.samples.get(sample) for candidate in charts.ranked(evaluation)]
    return [result.metrics.get(metric) if result else None for result in results]


def _svg_uri(chart: Chart) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(chart.svg().encode()).decode()


def _png_uri(chart: Chart) -> str:
    return "data:image/png;base64," + base64.b64encode(chart.png()).decode()


def _harmless(form: Form) -> Callable[[object], object]:
    """Return what every printed value passes through; HTML's own escape follows in the environment."""

    def printed(value: object) -> object:
        if isinstance(value, Markup | int | StrictUndefined):
            return value
        if value is None:
            return filters.NOTHING
        return filters.markdown(value) if form == "markdown" else filters.prose(value)

    return printed


@cache
def template_environment(form: Form) -> Environment:
    """Return the environment that every document is rendered in: all that is printed is escaped or made inert.

    There is one a form, so that a template is compiled once a process; it keeps nothing of a document.
    """
    loader = ChoiceLoader([PackageLoader("monitoring", f"templates/{form}"), PackageLoader("monitoring", "templates")])
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless(form),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(filters.FILTERS, svg_uri=_svg_uri, png_uri=_png_uri)
    tools: dict[str, Any] = {
        function.__name__.lstrip("_"): function
        for function in (
            open_findings,
            findings_in_short,
            gates_in_short,
            settled,
            drift_gates,
            drift_verdict,
            graph_recommendation,
            least_agreement,
            less_discriminatory_findings,
            samples_shown,
            _samples_of,
            _metrics_of,
            _any_value,
            _across,
        )
    }
    environment.globals.update(
        tools,
        charts=charts,
        fairness_charts=fairness_charts,
        graph_charts=graph_charts,
        performance_charts=performance_charts,
        score_charts=score_charts,
        rules=rules,
        annex_iv=ANNEX_IV,
        logic=LOGIC,
        edge_changes=Change,
        judgements=Judgement,
        form=form,
    )
    return environment


def rendered(template: str, form: Form, **fields: object) -> str:
    """Render a template, without the blank lines that its blocks leave behind."""
    text = template_environment(form).get_template(template).render(fields)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def written(template: str, dossier: Dossier, form: Form, **more: object) -> str:
    """Render a document from the fields of a dossier and whatever else its templates ask for."""
    fields = {name: getattr(dossier, name) for name in Dossier.model_fields}
    return rendered(template, form, dossier=dossier, **fields, **more)
