"""The sections of the EU AI Act's Annex IV, and where the model card answers each of them.

As listed in Regulation (EU) 2024/1689, Annex IV. Whether the annex applies is the scope decision, a question to
people; the sections are shown either way, so that the decision can be taken on them.
"""

from __future__ import annotations

from monitoring import rules
from schemas.base import Frozen
from schemas.questions import Topic


class AnnexSection(Frozen):
    """One section of the annex.

    Attributes
    ----------
    says
        What this card has to say on it, where a sentence is enough.
    sections
        Titles of the card's sections that answer it.
    topics
        What people have to add.
    """

    number: str
    asks: str
    says: str = ""
    sections: tuple[str, ...] = ()
    topics: tuple[Topic, ...] = ()


ANNEX_IV: tuple[AnnexSection, ...] = (
    AnnexSection(
        number="1",
        asks="Purpose, provider, version and lineage, software and hardware, instructions for use",
        sections=(rules.DECISION, rules.MODEL_RISK, rules.REPRODUCIBILITY),
        topics=(Topic.USE, Topic.ROLES),
    ),
    AnnexSection(
        number="2(a)",
        asks="Methods of development; pre-trained parts",
        says="No pre-trained part: every candidate is fitted on this portfolio's development sample.",
        sections=(rules.CANDIDATES,),
    ),
    AnnexSection(
        number="2(b)",
        asks="Logic, design choices, what is optimised, trade-offs",
        says="Candidates are fitted to likelihood and chosen by AUC on validation; a simpler one wins ties.",
        sections=(rules.MODEL_RISK, rules.GRAPH_HELP, rules.CANDIDATES),
    ),
    AnnexSection(
        number="2(c)",
        asks="Architecture and computing resources",
        says="Inputs, settings found and seconds of fitting of each candidate; threads and versions.",
        sections=(rules.CANDIDATES, rules.REPRODUCIBILITY),
    ),
    AnnexSection(
        number="2(d)",
        asks="Data sheets: origin, scope, selection, cleaning, labelling",
        sections=(rules.DATA, rules.GRAPH, rules.SAMPLES, rules.SHARING),
        topics=(Topic.DATA_SHARING,),
    ),
    AnnexSection(
        number="2(e)",
        asks="Human oversight",
        says="A version is proposed by a gate and approved by a person other than the one who asked.",
        sections=(rules.DECISION,),
        topics=(Topic.OVERSIGHT,),
    ),
    AnnexSection(number="2(f)", asks="Pre-determined changes", sections=(rules.CHANGES,)),
    AnnexSection(
        number="2(g)",
        asks="Validation data and metrics, discriminatory impact, dated and signed test logs",
        says="creditnet pack signs the documents where a key is set; the audit log is chained by hashes.",
        sections=(rules.SAMPLES, rules.DISCRIMINATION, rules.IRB, rules.FAIRNESS, rules.REPRODUCIBILITY),
    ),
    AnnexSection(
        number="2(h)",
        asks="Cybersecurity",
        says="Every stored byte has a recorded hash that is checked before it is read; weights are arrays and text, "
        "but for AutoGluon's, which are pickles; and changed edges are tried.",
        sections=(rules.EDGES, rules.REPRODUCIBILITY),
        topics=(Topic.CYBERSECURITY,),
    ),
    AnnexSection(
        number="3",
        asks="Capabilities and limits, accuracy for groups, unintended outcomes, specifications of input",
        sections=(rules.DECISION, rules.DISCRIMINATION, rules.FAIRNESS, rules.EDGES, rules.DATA),
    ),
    AnnexSection(
        number="4",
        asks="Why the metrics are appropriate",
        says="AUC ranks firms whatever the cut-off; calibration, grades and fairness are judged beside it.",
        sections=(rules.DISCRIMINATION, rules.IRB),
    ),
    AnnexSection(
        number="5",
        asks="Risk management",
        says="Limits, findings with owners, and what happens when a limit is crossed.",
        sections=(rules.FINDINGS, rules.MODEL_RISK),
        topics=(Topic.ESCALATION,),
    ),
    AnnexSection(
        number="6",
        asks="Changes through the lifecycle",
        says="Each refresh is a version of its own, with its data, code and settings by hash.",
        sections=(rules.CHANGES, rules.REPRODUCIBILITY),
    ),
    AnnexSection(
        number="7",
        asks="Standards applied",
        says="No standard is claimed; the rules that were read are listed with the day they were checked.",
        sections=(rules.CROSS_REFERENCE,),
        topics=(Topic.CONFORMITY,),
    ),
    AnnexSection(number="8", asks="Declaration of conformity", topics=(Topic.CONFORMITY,)),
    AnnexSection(
        number="9",
        asks="Plan for watching after release",
        says="Drift of features, graph and scores each quarter, outcomes when they are known.",
        sections=(rules.DRIFT,),
        topics=(Topic.CONFORMITY, Topic.ESCALATION),
    ),
)
