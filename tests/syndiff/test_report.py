"""The report is one file that shows what it was given."""

import re

import numpy as np
import pytest

from syndiff.report.charts import bar_chart, line_chart
from syndiff.report.page import Page
from syndiff.report.sheets import color_tags, contact_sheet


def test_a_page_is_self_contained_and_escapes_what_it_shows(tmp_path):
    page = Page("Title <b>", "lead")
    page.table(["condition", "score"], [["rain-night", 12.345]])
    page.picture(np.zeros((8, 12, 3), np.uint8), "black & small")
    page.charts([line_chart("loss", "step", "L1", {"train": ([0, 1, 2], [3.0, 2.0, 1.0])})])
    page.write(tmp_path / "deep" / "report.html")
    text = (tmp_path / "deep" / "report.html").read_text()
    assert "Title &lt;b&gt;" in text
    assert "12.3" in text
    assert "black &amp; small" in text
    assert not re.findall(r'(?:src|href)="(?!data:)', text), "a page must not point outside itself"
    assert not list((tmp_path / "deep").glob("*.tmp"))


def test_a_line_goes_through_its_first_and_last_point():
    svg = line_chart("loss", "step", "L1", {"train": ([0, 10], [1.0, 0.0])})
    points = re.search(r'points="([^"]+)"', svg).group(1).split()
    (x0, y0), (x1, y1) = (tuple(map(float, p.split(","))) for p in points)
    assert x0 < x1
    assert y0 < y1, "a falling loss falls on the page too (SVG's y grows downward)"


def test_series_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match="train"):
        line_chart("loss", "step", "L1", {"train": ([0, 1], [1.0, float("nan")])})
    with pytest.raises(ValueError, match="finite"):
        bar_chart("score", "DS", {"clear-day": {"policy": -1.0}})


def test_bar_heights_are_proportional_to_their_values():
    svg = bar_chart("score", "DS", {"a": {"policy": 50.0}, "b": {"policy": 100.0}})
    heights = [float(h) for h in re.findall(r'<rect [^>]*height="([\d.]+)"', svg)]
    assert heights[1] == pytest.approx(2 * heights[0], rel=0.01)


def test_a_contact_sheet_shows_every_picture_in_its_cell():
    red = np.full((36, 64, 3), (200, 0, 0), np.uint8)
    blue = np.full((36, 64, 3), (0, 0, 200), np.uint8)
    sheet = contact_sheet([[("red", red), ("blue", blue)], [("red", red)]], tile_width_px=64)
    height, width = sheet.shape[0] // 2, sheet.shape[1] // 2
    assert tuple(sheet[height - 10, width // 2]) == (200, 0, 0)
    assert tuple(sheet[height - 10, width + width // 2]) == (0, 0, 200)
    assert sheet[-10, width + width // 2].max() < 40, "an empty cell stays dark"


def test_tags_are_shown_in_carla_s_colours():
    seg = np.array([[1, 14, 11]], np.uint8)
    assert color_tags(seg).tolist() == [[[128, 64, 128], [0, 0, 142], [70, 130, 180]]]
