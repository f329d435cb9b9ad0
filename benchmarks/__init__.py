"""Measurements against targets and peers; each writes JSON beside a table that people read."""
