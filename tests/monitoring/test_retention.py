"""Retention keeps what people need and the evidence of what is still open."""

from hypothesis import given
from hypothesis import strategies as st

from monitoring.gates import gate
from monitoring.retention import reasons_to_keep
from schemas.housekeeping import RetainedRefresh
from schemas.terms import Quarter

FIRST = Quarter(2022, 1)


def published(*specs):
    """Refreshes in the order of publication, each (quarter's number, {gate: kept?})."""
    return [
        RetainedRefresh(
            refresh=f"r{sequence}",
            quarter=FIRST.shifted(quarter),
            sequence=sequence,
            gates=tuple(gate(name, 0.0 if kept else 2.0, 1.0, "at most") for name, kept in gates.items()),
        )
        for sequence, (quarter, gates) in enumerate(specs, start=1)
    ]


def test_the_newest_quarters_stay_each_with_its_last_version():
    refreshes = published((0, {}), (1, {}), (2, {}), (1, {}))
    assert reasons_to_keep(refreshes, 2, {}) == {
        "r3": "one of the newest 2 quarters",
        "r4": "one of the newest 2 quarters",
    }


def test_what_people_need_stays_whatever_its_age():
    refreshes = published((0, {}), (1, {}), (2, {}), (3, {}))
    kept = reasons_to_keep(refreshes, 2, {"r1": "champion", "gone": "champion"})
    assert kept["r1"] == "champion"
    assert set(kept) == {"r1", "r3", "r4"}


def test_a_finding_is_open_until_a_later_refresh_passes_the_gate():
    failed, passed = {"fairness: region": False}, {"fairness: region": True}
    late = [(n, {}) for n in range(2, 5)]
    assert reasons_to_keep(published((0, failed), (1, {}), *late), 2, {})["r1"] == "open finding: fairness: region"
    assert "r1" not in reasons_to_keep(published((0, failed), (1, passed), *late), 2, {})
    assert "r1" not in reasons_to_keep(published((0, failed), (1, failed), *late), 2, {})
    assert "r2" in reasons_to_keep(published((0, failed), (1, failed), *late), 2, {})


@given(
    st.lists(st.tuples(st.integers(0, 5), st.dictionaries(st.sampled_from("ab"), st.booleans())), max_size=8),
    st.integers(2, 6),
)
def test_keeping_more_quarters_never_takes_more_away(specs, keep):
    refreshes = published(*specs)
    fewer, more = (set(reasons_to_keep(refreshes, n, {})) for n in (keep, keep + 1))
    assert fewer <= more <= {one.refresh for one in refreshes}
