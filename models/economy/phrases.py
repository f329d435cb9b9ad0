"""What managers write about: openings, and for each theme subjects and predicates that fit each other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """Any subject followed by any predicate is a sentence."""

    subjects: tuple[str, ...]
    predicates: tuple[str, ...]


OPENINGS = (
    *("In the reporting year", "In the fourth quarter", "Over the past twelve months", "As in the year before"),
    *("Compared with the previous year", "According to the management board", "In the period under review"),
    *("Since the last report", "Taken as a whole", "As expected", "Contrary to plan", "In our segment"),
    *("At group level", "Towards the end of the year", "Measured against the budget", "In day-to-day business"),
)
SITE_OPENING = "At our site in"

_TRADED = (
    *("was in line with the order book", "was reorganised", "remained the core of our business", "was reviewed"),
    *("followed the usual season", "changed little", "took up most of our capacity", "was moved to a new schedule"),
    *("was covered by framework contracts", "was tendered again", "was documented in the quality system"),
)
#: What each industry talks about, in the alphabetical order of the industries.
TRADES = {
    "agriculture": Theme(
        (
            *("the grain harvest", "our dairy herd", "the seed business", "the orchard acreage", "feed procurement"),
            *("irrigation of the fields", "the rapeseed crop", "the fertiliser budget", "the livestock unit"),
        ),
        _TRADED,
    ),
    "construction": Theme(
        (
            *("the civil engineering division", "the housing project", "our crane fleet", "the scaffolding business"),
            *("the road building contract", "concrete delivery", "the roofing crew", "the building permit portfolio"),
        ),
        _TRADED,
    ),
    "energy": Theme(
        (
            *("the wind park", "the district heating grid", "power procurement", "our solar plant", "grid maintenance"),
            *("the biogas unit", "the metering service", "the transformer station", "feed-in of electricity"),
        ),
        _TRADED,
    ),
    "hospitality": Theme(
        (
            *("the hotel in the old town", "room occupancy", "our catering kitchen", "the conference business"),
            *("the restaurant terrace", "the booking platform", "the spa area", "the banqueting calendar"),
        ),
        _TRADED,
    ),
    "manufacturing": Theme(
        (
            *("the machining centre", "series production", "our foundry", "the tool shop", "assembly of gearboxes"),
            *("the injection moulding line", "the welding shop", "sheet metal processing", "the spare parts store"),
        ),
        _TRADED,
    ),
    "technology": Theme(
        (
            *("the software platform", "our cloud service", "sensor development", "the licence business"),
            *("the data centre", "the robotics team", "the maintenance subscription", "release planning"),
        ),
        _TRADED,
    ),
    "trade": Theme(
        (
            *("the wholesale warehouse", "our store network", "the import business", "the online shop"),
            *("the product range", "the seasonal assortment", "the purchasing association", "the showroom"),
        ),
        _TRADED,
    ),
    "transport": Theme(
        (
            *("the truck fleet", "our freight forwarding desk", "the warehouse terminal", "container handling"),
            *("the courier route", "the night shift at the depot", "the toll settlement", "intermodal loading"),
        ),
        _TRADED,
    ),
}

#: What all industries talk about. What drives each theme is set where the narratives are drawn.
THEMES = {
    "growth": Theme(
        (
            *("order intake", "our operating margin", "investment from own funds", "the equity base"),
            *("the number of new customers", "the cash position", "the dividend", "the development pipeline"),
        ),
        (
            *("increased again", "reached a record level", "exceeded our expectations", "was strengthened"),
            *("grew steadily", "made further expansion possible", "was raised with confidence"),
        ),
    ),
    "routine": Theme(
        (
            *("the annual general meeting", "the audit of the accounts", "the insurance programme", "staff training"),
            *("the data protection officer", "the works council", "occupational safety", "the parking area"),
            *("the company anniversary", "the intranet", "the sponsoring of the local club", "the archive"),
        ),
        (
            *("took place as planned", "gave no cause for remarks", "was continued", "was extended by a year"),
            *("was reported to the supervisory board", "met with general approval", "required no decision"),
        ),
    ),
    "liquidity": Theme(
        (
            *(
                "the overdraft facility",
                "the trade credit of our suppliers",
                "working capital",
                "the credit line",
            ),
            *("short-term liquidity", "the deferral of tax payments", "the collection of receivables"),
        ),
        (
            *("had to be renegotiated", "was drawn almost in full", "came under strain", "remained tight"),
            *("was a constant concern", "could only be secured at short notice", "was stretched further"),
        ),
    ),
    "solvency": Theme(
        (
            *(
                "the covenant on equity",
                "the going concern assessment",
                "the restructuring plan",
                "the loss carried forward",
            ),
            *("the waiver granted by the bank", "the impairment of goodwill", "the guarantee of the shareholder"),
        ),
        (
            *("was subject to material uncertainty", "was reassessed at the balance sheet date", "weighed on equity"),
            *("depended on further negotiations", "was discussed with the lenders", "left little headroom"),
        ),
    ),
    "demand": Theme(
        (
            *("demand in our industry", "the order situation of the sector", "capacity utilisation", "price pressure"),
            *("competition for new contracts", "the sector outlook", "the cancellation rate"),
        ),
        (
            *("deteriorated", "was weaker than the association had forecast", "forced us to cut shifts"),
            *("left stocks unsold", "eroded prices across the sector", "kept the sector waiting for a turn"),
        ),
    ),
    "economy": Theme(
        (
            *("the general economic situation", "the recession", "the public lockdown", "consumer confidence"),
            *("the slump in export markets", "short-time work", "the government support scheme"),
        ),
        (
            *(
                "dominated the year",
                "affected all of our markets",
                "made planning impossible",
                "came without warning",
            ),
            *("had to be absorbed", "was felt in every department"),
        ),
    ),
}
