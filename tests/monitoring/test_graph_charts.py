"""Charts of the graph page: the same bytes, words that say what is drawn, and no delivered text obeyed."""

import re
import xml.etree.ElementTree as ET

import pytest

from monitoring.graph_charts import VALUES, community_chart, composition_chart, spectrum_chart, tail_chart
from schemas.portrait import CommunitiesPortrait, CommunityLink, CommunityPortrait, Tail
from schemas.terms import Quarter

EVIL = "<script>alert(1)</script> $x^{$ \u202e"


def community(number, firms, **changes):
    fields = {
        "name": f"F{number:03d}",
        "firms": firms,
        "inner_edges": 2 * firms,
        "outer_edges": 3,
        "outcomes": 100,
        "unfavourable": 5 * number,
        "sample": "development",
        "composition": {},
        "place": (40.0 * number, 5.0 * (number % 2)),
    }
    return CommunityPortrait(**(fields | changes))


def portrait(communities, **changes):
    fields = {
        "vintages": (Quarter(2024, 1),),
        "communities": 500,
        "alone": 3,
        "firms": 9000,
        "edges": 100,
        "outcomes": 100,
        "unfavourable": 10,
        "largest": tuple(communities),
        "links": (),
        "linked_pairs": 0,
        "category": None,
        "values": (),
        "sizes": Tail(name="sizes", values=(1, 20), shares=(1.0, 0.1)),
    }
    return CommunitiesPortrait(**(fields | changes))


def discs(chart):
    """The circles of a map; other patches of a figure have straight sides."""
    from matplotlib.patches import Circle

    return [patch for patch in chart.figure.axes[0].patches if isinstance(patch, Circle)]


def test_the_map_has_a_disc_a_community_with_an_area_by_its_firms():
    found = discs(community_chart(portrait([community(0, 400), community(1, 100)])))
    assert [disc.radius for disc in found] == [20, 10]
    assert [disc.center for disc in found] == [(0, 0), (40, 5)]


def test_a_higher_rate_is_darker_and_no_known_outcome_is_hatched():
    dark, light, blank = discs(
        community_chart(
            portrait([community(3, 100), community(1, 100, place=(0, 60)), community(2, 100, outcomes=0, place=(0, 0))])
        )
    )
    assert sum(dark.get_facecolor()[:3]) < sum(light.get_facecolor()[:3])
    assert (blank.get_facecolor()[:3], blank.get_hatch()) == ((1, 1, 1), "....")
    assert not dark.get_hatch()


def test_rates_near_each_other_are_told_apart_by_colour():
    near = [community(n, 100, outcomes=1000, unfavourable=400 + 10 * n) for n in range(4)]
    shades = {disc.get_facecolor() for disc in discs(community_chart(portrait(near)))}
    brightness = [sum(shade[:3]) for shade in shades]
    assert len(shades) == 4
    assert max(brightness) - min(brightness) > 1


@pytest.mark.parametrize("sample", ["development", "validation", "out_of_community", "published_test", "several", ""])
def test_each_sample_has_a_rim_of_its_own_and_a_word_in_the_legend(sample):
    chart = community_chart(portrait([community(0, 100, sample=sample), community(1, 90, sample="development")]))
    first, second = discs(chart)
    rims = [(disc.get_linewidth(), disc.get_linestyle()) for disc in (first, second)]
    assert (rims[0] == rims[1]) == (sample == "development")
    labels = [text.get_text() for text in chart.figure.legends[0].get_texts()]
    assert len(labels) == len({sample, "development"})


def test_a_heavier_link_is_a_wider_line():
    links = (CommunityLink(first="F000", second="F001", edges=50), CommunityLink(first="F001", second="F002", edges=5))
    drawn = portrait([community(n, 100) for n in range(3)], links=links, linked_pairs=2)
    widths = [line.get_linewidth() for line in community_chart(drawn).figure.axes[0].lines]
    assert widths[0] > widths[1] > 0


@pytest.mark.parametrize("count", [1, 3, 40])
def test_a_map_of_any_size_is_drawn_the_same_way_twice(count):
    drawn = portrait([community(n, 300 - n, place=(37.0 * (n % 8), 37.0 * (n // 8))) for n in range(count)])
    chart = community_chart(drawn)
    assert chart.svg() == community_chart(drawn).svg()
    assert f"the {count} largest of 500 communities" in chart.alt
    # Numbers stand in every disc; which community a number is stands in the table.
    texts = [text.get_text().split("\n")[0] for text in chart.figure.axes[0].texts]
    assert texts == [str(rank) for rank in range(1, count + 1)]


def test_names_in_a_chart_are_letters_and_nothing_else():
    hostile = [community(n, 100, name=EVIL, composition={EVIL: 3, "b": 2}) for n in range(2)]
    chart = composition_chart(portrait(hostile, category=EVIL, values=(EVIL, "b")))
    svg = chart.svg()
    assert "<script" not in svg
    assert "\u202e" not in svg
    ET.fromstring(svg)


def test_bars_are_shares_of_the_firms_whose_value_is_known():
    one = community(0, 100, composition={"a": 30, "b": 10})
    other = community(1, 90, composition={"a": 0, "b": 0})
    axes = composition_chart(portrait([one, other], category="c", values=("a", "b"))).figure.axes[0]
    assert [[bar.get_width() for bar in bars] for bars in axes.containers] == [[75, 0], [25, 0]]


def test_more_values_than_colours_share_the_last_bar():
    values = tuple("abcdefghij")
    one = community(0, 100, composition=dict.fromkeys(values, 10))
    axes = composition_chart(portrait([one], category="c", values=values)).figure.axes[0]
    widths = [bars[0].get_width() for bars in axes.containers]
    assert len(widths) == VALUES + 1
    assert widths[-1] == pytest.approx(10 * (len(values) - VALUES))


def test_tails_and_spectra_say_their_numbers_in_words():
    found = tail_chart([Tail(name="partners out", values=(1, 40), shares=(0.5, 0.01))], "partners", "firms, %")
    assert "50.0 % reach 1, the largest is 40" in found.alt
    assert found.figure.axes[0].get_xscale() == found.figure.axes[0].get_yscale() == "log"
    empty = tail_chart([Tail(name="partners out", values=(), shares=())], "partners", "firms, %")
    assert "partners out: none" in empty.alt
    chart = spectrum_chart([("2024Q3", (1.0, 0.9)), ("2024Q4", (1.0, 0.8))])
    assert re.search(r"2024Q3: 1.000, 0.900; 2024Q4: 1.000, 0.800", chart.alt)
    assert len(chart.figure.axes[0].lines) == 2
