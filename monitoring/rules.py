"""The one table of regulatory sources that the documents refer to.

Rules change: every row says where it stands and when that was checked. What a document does not
cover is said as plainly as what it does.
"""

from __future__ import annotations

import datetime as dt

from schemas.base import Frozen

#: The day the sources below were last checked; a new check is a new version of the table.
RULES_VERSION = dt.date(2026, 11, 21)


class Rule(Frozen):
    """One rule and where a document answers it.

    `sections` are titles of the document's sections: the model card's in `RULES`, the fair-lending report's in
    `FAIR_LENDING_RULES`. `gap` is what the rule asks for and the document does not hold.
    `secondary` marks an entry that rests, in whole or part, on secondary sources.
    """

    rule: str
    asks: str
    source: str
    as_of: dt.date = RULES_VERSION
    secondary: bool = False
    sections: tuple[str, ...] = ()
    gap: str


DECISION = "Decision"
FINDINGS = "Open findings"
MODEL_RISK = "Model risk fields"
DATA = "Data and admission"
SHARING = "Data sharing and localisation"
GRAPH = "Graph as data"
SAMPLES = "Samples and split"
GRAPH_HELP = "Gain from the graph"
CANDIDATES = "Candidates"
DISCRIMINATION = "Discrimination and calibration"
IRB = "IRB validation tests"
FAIRNESS = "Fairness"
OVER_TIME = "Fairness over time"
EDGES = "Stability under changed edges"
REASONS = "Reason codes"
DRIFT = "Drift"
CHANGES = "Pre-determined changes"
ANNEX_IV = "EU AI Act, Annex IV"
REPRODUCIBILITY = "Reproducibility"
CROSS_REFERENCE = "Regulatory cross-reference"

RULES: tuple[Rule, ...] = (
    Rule(
        rule="Model risk management (United States)",
        asks="Purpose, design, data, assumptions and limits, monitoring thresholds, outcomes analysis, findings with "
        "owners, approvals, inventory and third-party components.",
        source="SR 26-2 / OCC Bulletin 2026-13 / FDIC FIL-15-2026",
        sections=(DECISION, FINDINGS, MODEL_RISK, DATA, CANDIDATES, DRIFT, CHANGES, REPRODUCIBILITY),
        gap="Materiality, validation, roles and inventory are people's answers: a missing one is an open finding.",
    ),
    Rule(
        rule="Model risk management, former guidance",
        asks="Rescinded on 17 April 2026; listed for readers who still ask for it.",
        source="SR 11-7 / OCC 2011-12",
        sections=(DECISION,),
        gap="Read the row of SR 26-2 instead.",
    ),
    Rule(
        rule="EU AI Act, technical documentation",
        asks="Purpose and versions, methods and design choices, data sheets, pre-determined changes (2 f), validation "
        "and discriminatory impact (2 g), limits, metrics, lifecycle.",
        source="Regulation (EU) 2024/1689, Annex IV; duties from 2 December 2027 and retention of 10 years",
        secondary=True,
        sections=(ANNEX_IV,),
        gap="A declaration of conformity and signed test logs are documents of their own.",
    ),
    Rule(
        rule="EU AI Act, scope",
        asks="Whether natural persons are scored (sole traders, guarantors), a decision to record.",
        source="Regulation (EU) 2024/1689, Annex III 5(b)",
        secondary=True,
        sections=(ANNEX_IV,),
        gap="The scope decision is people's: without an answer it is an open finding.",
    ),
    Rule(
        rule="Adverse action notices",
        asks="Specific, principal reasons from the route that decided, with date, model version and notice kept.",
        source="Regulation B, 12 CFR 1002.9",
        sections=(MODEL_RISK, REASONS),
        gap="A refresh takes no credit decision: its reason codes are what a notice can be made of. Action, date and "
        "notice are the bank's to keep.",
    ),
    Rule(
        rule="Validation of a PD model",
        asks="Discrimination, calibration and stability; realised default rates against estimates for each grade.",
        source="BCBS (2006), paragraph 501; Basel Framework, CRE36",
        sections=(IRB, DISCRIMINATION, CANDIDATES, DRIFT),
        gap="Margins of conservatism and overrides of grades are not in this document.",
    ),
    Rule(
        rule="Validation reporting",
        asks="Jeffreys test by grade, current against initial AUC, migrations, concentration in grades.",
        source="ECB instructions for reporting the validation results of internal models (February 2019), section 2.5",
        secondary=True,
        sections=(IRB,),
        gap="Outliers, missing ratings and exposures are not counted; LGD and CCF models are not in this document.",
    ),
    Rule(
        rule="PD and LGD estimation",
        asks="Representative data, documented estimation and review.",
        source="EBA/GL/2017/16",
        sections=(DATA, SAMPLES),
        gap="Margins of conservatism and LGD are not in this document.",
    ),
    Rule(
        rule="Automated models in loan origination",
        asks="Understanding, traceability, interpretability where explanations are needed, bias detection, monitoring.",
        source="EBA/GL/2020/06, section 4.3.3",
        sections=(DATA, GRAPH, FAIRNESS, REASONS, DRIFT, REPRODUCIBILITY),
        gap="Explanations of single scores are pages of their own, made when somebody asks (creditnet explain).",
    ),
    Rule(
        rule="IRB validation practice",
        asks="First and later validations, with their data and their independence.",
        source="EBA IRB validation handbook (2023)",
        sections=(SAMPLES, DISCRIMINATION, MODEL_RISK),
        gap="Who validated, and how independently, is people's answer under the model risk fields.",
    ),
    Rule(
        rule="Machine learning in internal models",
        asks="Replicable methods, human oversight, explainability, and complexity justified by a demonstrable gain.",
        source="ECB guide to internal models (July 2025)",
        sections=(DECISION, MODEL_RISK, GRAPH_HELP, CANDIDATES, EDGES, REPRODUCIBILITY),
        gap="Overrides by analysts are kept where they are made; the model risk fields ask who may make them.",
    ),
    *(
        Rule(
            rule=rule,
            asks=asks,
            source=source,
            sections=sections,
            gap="Cross-reference only: this card was not compared with it requirement by requirement.",
        )
        for rule, asks, source, sections in (
            ("Model risk (United Kingdom)", "Model risk management principles for banks.", "PRA SS1/23", (MODEL_RISK,)),
            ("Model risk (Canada)", "Model risk management.", "OSFI E-23", (MODEL_RISK,)),
            (
                "Capital adequacy (Vietnam)",
                "Capital requirements for banks.",
                "State Bank of Vietnam Circular 41/2016",
                (MODEL_RISK,),
            ),
            (
                "Data protection and localisation (Vietnam)",
                "Data sharing and localisation of payment graphs.",
                "Decree 13/2023 and Decree 53/2022",
                (SHARING,),
            ),
            (
                "Automated decisions (European Union)",
                "Human review of automated decisions.",
                "GDPR, Article 22",
                (MODEL_RISK,),
            ),
        )
    ),
)

COMBINED_SCORE = "Groups by the combined score"
NETWORK_PART = "Groups by the network-derived part"
INTERSECTIONS = "Intersections of two attributes"
SMALL_GROUPS = "Groups too small to judge"
PROXY_RISK = "Homophily and proxy risk"
ALTERNATIVES = "Less discriminatory alternatives"
#: The day stored copies of the sources below that `RULES` does not have were read.
_READ = dt.date(2026, 11, 22)

FAIR_LENDING_RULES: tuple[Rule, ...] = (
    Rule(
        rule="Equal credit opportunity (United States)",
        asks="No discrimination against an applicant on a prohibited basis in any aspect of a credit transaction, "
        "business credit included.",
        source="ECOA, 15 U.S.C. 1691; Regulation B, 12 CFR 1002.4(a)",
        as_of=_READ,
        secondary=True,
        sections=(COMBINED_SCORE, INTERSECTIONS),
        gap="Which of the attributes here are prohibited bases, and of whom (owners, principals), is counsel's to say.",
    ),
    Rule(
        rule="Effects test",
        asks="Deleted from Regulation B with effect from 21 July 2026 (final rule published 22 April 2026). Criteria "
        "that are neutral on their face still count where they are proxies designed or applied to discriminate.",
        source="Regulation B as amended, 12 CFR 1002.6(a)",
        as_of=_READ,
        secondary=True,
        sections=(NETWORK_PART, PROXY_RISK, ALTERNATIVES),
        gap="Ratios are kept as a test of model risk. State law and other statutes may ask for more: counsel's to say.",
    ),
    Rule(
        rule="Adverse action notices",
        asks="Specific and principal reasons, of factors that were scored; no counterparty is named.",
        source="Regulation B, 12 CFR 1002.9",
        gap="This report has no reasons and no notices.",
    ),
    Rule(
        rule="Four-fifths rule",
        asks="A rate below four fifths of the highest group's is generally taken as evidence of adverse impact in "
        "employment; significance and numbers matter beside it.",
        source="29 CFR 1607.4 D (1978)",
        as_of=_READ,
        secondary=True,
        sections=(COMBINED_SCORE, SMALL_GROUPS),
        gap="Borrowed as a rule of thumb, not a rule of credit law; groups are compared with the declared reference "
        "group, not with the one of the highest rate.",
    ),
    Rule(
        rule="Model risk management (United States)",
        asks="Outcomes analysis, limits, monitoring thresholds and escalation.",
        source="SR 26-2 / OCC Bulletin 2026-13 / FDIC FIL-15-2026",
        sections=(COMBINED_SCORE, OVER_TIME),
        gap="Escalation and remediation are the bank's to record.",
    ),
    Rule(
        rule="EU AI Act, scope",
        asks="Creditworthiness of natural persons is high-risk; whether any are scored (sole traders, guarantors) is a "
        "decision to record.",
        source="Regulation (EU) 2024/1689, Annex III 5(b); duties from 2 December 2027",
        secondary=True,
        gap="The scope decision is people's: see the open questions.",
    ),
    Rule(
        rule="EU AI Act, technical documentation",
        asks="Discriminatory impact in validation (2 g), accuracy for groups and unintended outcomes (3).",
        source="Regulation (EU) 2024/1689, Annex IV",
        secondary=True,
        sections=(COMBINED_SCORE, NETWORK_PART, INTERSECTIONS),
        gap="Test logs are not signed here.",
    ),
    Rule(
        rule="Automated models in loan origination",
        asks="Bias detection, and monitoring with remediation.",
        source="EBA/GL/2020/06, section 4.3.3",
        sections=(COMBINED_SCORE, OVER_TIME),
        gap="Remediation is the bank's to decide and record.",
    ),
)
