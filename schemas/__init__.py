"""Nouns: what creditnet speaks of, with no mathematics and no outside world.

This package is imported before every other one, so the switches that keep third-party
libraries from reporting home are set here, before any of those libraries is imported.
"""

from schemas.telemetry import silence_telemetry

silence_telemetry()
