"""The catalogue: the truth about deliveries, refreshes, decisions and scores, in SQLite or PostgreSQL."""

from tasks.catalogue.catalogue import Catalogue, open_catalogue
from tasks.catalogue.records import (
    Decision,
    NewProposal,
    PublishedRefresh,
    RecordedDecision,
    RecordedDelivery,
    Score,
)

__all__ = [
    "Catalogue",
    "Decision",
    "NewProposal",
    "PublishedRefresh",
    "RecordedDecision",
    "RecordedDelivery",
    "Score",
    "open_catalogue",
]
