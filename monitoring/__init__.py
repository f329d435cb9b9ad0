"""Judgement, also pure: drift, fairness, gates, and the documents that say what was found."""
