"""The options of charts: what is drawn where, in which colour, and what is a gap."""

from itertools import combinations

import pytest

from movies_assets.dashboard import charts
from movies_assets.dashboard.charts import Point
from movies_assets.serving import theme


def points(values: list[float | None]) -> list[Point]:
    return [Point(value, "") for value in values]


def drawn(values: list[float | None]) -> list[dict]:
    """Return the items of a line over as many names."""
    options = charts.lines([str(place) for place in range(len(values))], {"A": points(values)})
    (line,) = options["series"]
    assert line["showSymbol"]
    assert line["showAllSymbol"]
    return line["data"]


class TestLines:
    """Every point is visible; what is missing is a gap."""

    @pytest.mark.parametrize("length", [1, 60, 61, 1_000])
    def test_a_point_without_a_neighbour_has_a_full_mark_at_any_length(self, length):
        values: list[float | None] = [1.0, None, *[2.0] * length, None, 3.0]
        options = charts.lines([str(place) for place in range(len(values))], {"A": points(values)})
        (line,) = options["series"]
        marks = {
            tuple(item["value"]): item.get("symbolSize", line["symbolSize"])
            for item in line["data"]
        }  # fmt: skip
        alone = {(0, 1.0): charts.SYMBOL, (len(values) - 1, 3.0): charts.SYMBOL}
        assert alone.items() <= marks.items()
        assert min(marks.values()) > 0

    def test_missing_values_are_one_gap_and_not_drawn(self):
        items = drawn([None, 5.0, 6.0, None, None, 7.0, None])
        assert [item["value"] for item in items] == [[1, 5.0], [2, 6.0], [4, None], [5, 7.0]]

    def test_points_are_at_their_numbers_on_an_axis_of_whole_numbers(self):
        options = charts.numbered_lines(
            {"A": {3: Point(1.0, ""), 4: Point(2.0, ""), 9: Point(3.0, "")}},
            name="Episode",
            ends=(1, 20),
        )
        axis = options["xAxis"]
        assert (axis["type"], axis["min"], axis["max"], axis["minInterval"]) == ("value", 1, 20, 1)
        (line,) = options["series"]
        assert [item["value"] for item in line["data"]] == [[3, 1.0], [4, 2.0], [8, None], [9, 3.0]]

    def test_a_line_is_faded_where_all_its_points_are(self):
        faded = {1: Point(1.0, "", faded=True), 2: Point(None, "", faded=True)}
        lines = {"A": faded, "B": {1: Point(1.0, "")}}
        series = charts.numbered_lines(lines, name="x", ends=(1, 2))["series"]
        assert [one["lineStyle"]["opacity"] for one in series] == [charts.FADED, 1]


class TestAxes:
    """Counts have whole-number ticks, other figures have not."""

    @pytest.mark.parametrize(
        "options",
        [
            charts.bars(["a"], points([1])),
            charts.stacked(["a"], {"A": points([1])}),
            charts.lines(["a"], {"A": points([1])}),
        ],
    )
    def test_counts(self, options):
        assert options["yAxis"]["minInterval"] == 1

    def test_shares_and_ratings(self):
        shares = charts.stacked(["a"], {"A": points([1])}, formatter=charts.SHARE)
        ratings = charts.lines(["a"], {"A": points([1])}, formatter=charts.DECIMAL)
        assert "minInterval" not in shares["yAxis"]
        assert "minInterval" not in ratings["yAxis"]


def cells(values: list[float | None], scale: tuple[float, float], **more) -> list[dict]:
    options = charts.heat(
        [str(place) for place in range(len(values))],
        ["row"],
        [Point([place, 0, value], "") for place, value in enumerate(values)],
        scale=scale,
        label=lambda value: f"{value:g}",
        **more,
    )
    return options["series"][0]["data"]


class TestHeat:
    """Cells have their value, on a scale that separates all of them."""

    def test_on_a_log_scale_each_power_of_ten_is_one_step(self):
        found = cells([1, 10, 1_000], (1, 1_000), is_log=True)
        assert [cell["value"][2] for cell in found] == [0, 1, 3]
        assert [cell["label"]["formatter"] for cell in found] == ["1", "10", "1000"]

    def test_a_cell_without_a_value_is_hollow_and_of_no_scale(self):
        hollow, full = cells([None, 5.0], (1, 10))
        assert hollow["visualMap"] is False
        assert hollow["itemStyle"]["color"] == "transparent"
        assert hollow["label"] == {"show": False}
        assert "visualMap" not in full

    @pytest.mark.parametrize("colors", [theme.HEAT, theme.GRADES])
    def test_labels_are_readable_on_every_colour(self, colors):
        steps = [1 + step / 10 for step in range(91)]
        for cell, background in zip(
            cells(steps, (1, 10), colors=colors), charts.shades(colors, len(steps)), strict=True
        ):
            assert contrast(cell["label"]["color"], background) >= 4.5

    @pytest.mark.parametrize("color", [*theme.HEAT, *theme.SEASONS])
    def test_no_colour_of_a_scale_is_lost_on_the_cards_of_a_theme(self, color):
        assert contrast(color, theme.SURFACE) > 1.6
        assert contrast(color, "#ffffff") > 1.6


def luminance(color: str) -> float:
    """Return the relative luminance of WCAG 2."""
    shares = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares]
    return sum(x * weight for x, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


class TestColours:
    """A colour means one thing."""

    def test_every_genre_has_a_colour_of_its_own(self):
        assert len({*theme.GENRES.values(), theme.REST}) == len(theme.GENRES) + 1
        for one, other in combinations(list(theme.GENRES.values())[:12], 2):
            assert distance(one, other) > 60, f"{one} and {other}"

    def test_red_is_the_brand_only(self):
        used = {*theme.SEQUENCE, *theme.HEAT, *theme.SEASONS, *theme.GENRES.values()}
        assert all(distance(color, theme.ACCENT) > 80 for color in used)

    def test_the_others_of_a_stack_are_muted_and_named_layers_have_their_colour(self):
        layers = {"A": points([1]), charts.OTHER: points([1])}
        options = charts.stacked(["a"], layers, colors={"A": "#123456"})
        assert [one["color"] for one in options["series"]] == ["#123456", theme.REST]
        assert "decal" not in options["aria"]


def distance(one: str, other: str) -> float:
    """Return how far two colours are from each other, in the cube of red, green and blue."""
    pairs = [(int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5)]
    return sum((a - b) ** 2 for a, b in pairs) ** 0.5


@pytest.mark.parametrize("number", [1, 2, 7])
def test_shades_begin_and_end_with_the_ends_of_a_scale(number):
    found = charts.shades(theme.SEASONS, number)
    assert len(found) == number
    assert found[0] == theme.SEASONS[0]
    assert number == 1 or found[-1] == theme.SEASONS[-1]
