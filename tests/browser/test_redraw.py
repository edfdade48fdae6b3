"""A change is drawn by parts of plotly alone: what then stands is what it draws from nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from softbook.publish.browser import wait_for

from .harness import load_all, spoil, turn, turns

# Curves, points, bars, maps, lines and notes as they stand in the page. A line drawn anew stands after
# the others of its layer: they are compared by their places in the figure.
MARKS = """(key) => {
  const plot = softbook.explorables[key].plot;
  const all = (selector) => [...plot.querySelectorAll(selector)];
  const looks = (node) => node.style.cssText.split(";").map((one) => one.trim()).sort().join("; ");
  const given = (node, names) => names.map((name) => node.getAttribute(name));
  const layers = ".scatterlayer path, .scatterlayer text, .heatmaplayer image, .barlayer path, .heatmap-label text";
  // An area without points stays as a path that covers nothing.
  const marks = all(layers).filter((node) => node.getAttribute("d") !== "M0,0Z").map((node) => [node.textContent,
    ...given(node, ["d", "transform", "x", "y", "width", "height", "href", "xlink:href"]), looks(node)]);
  const place = (node) => Number(node.getAttribute("data-index"));
  const sorted = (selector) => all(selector).sort((a, b) => place(a) - place(b));
  const lines = sorted(".shapelayer path").map((node) => [...given(node, ["data-index", "d"]), looks(node)]);
  const notes = sorted(".annotation").map((node) => [node.textContent, place(node),
    ...[...node.querySelectorAll("g, rect, text, tspan")].flatMap((part) =>
      given(part, ["transform", "x", "y", "width", "height"]).concat(looks(part)))]);
  const words = all(".cbtitle, .legendtext, .xtick, .ytick, .xtitle, .ytitle, .gtitle").map((node) => node.textContent).sort();
  const axes = Object.entries(plot._fullLayout).filter(([name]) => /^[xy]axis\\d*$/.test(name));
  const frame = axes.flatMap(([, axis]) => [axis._offset, axis._length]);
  return { frame, marks, lines, notes, words };
}"""
ANEW = """async (key) => {
  const one = softbook.explorables[key];
  Plotly.purge(one.plot);
  await one.draw();
}"""
NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")


def alike(seen: Any, meant: Any, within: float) -> bool:
    """Compare two trees of marks; numbers inside of their texts by a distance."""
    if isinstance(meant, list):
        pairs = zip(seen, meant, strict=False)
        return len(seen) == len(meant) and all(alike(a, b, within) for a, b in pairs)
    if seen == meant or not (within and isinstance(seen, str) and isinstance(meant, str)):
        return bool(seen == meant)
    numbers = zip(NUMBER.findall(seen), NUMBER.findall(meant), strict=False)
    near = all(abs(float(a) - float(b)) <= within for a, b in numbers)
    return near and NUMBER.sub("#", seen) == NUMBER.sub("#", meant)


def unlike(page: Any, key: str) -> list[str]:
    """The kinds of marks of one figure that are not as in a drawing from nothing, after some turns."""
    knobs = page.evaluate("(key) => softbook.explorables[key].payload.knobs", key)
    if not knobs:
        return []
    for changes in turns(key, knobs):
        turn(page, key, changes)
    return off(page, key)


def off(page: Any, key: str) -> list[str]:
    """The kinds of marks of one figure that are not as in a drawing from nothing."""
    seen = page.evaluate(MARKS, key)
    page.evaluate(ANEW, key)
    meant = page.evaluate(MARKS, key)
    # plotly lets a margin stand that is off by no more than a pixel, and all marks with it.
    within = max(abs(a - b) for a, b in zip(seen.pop("frame"), meant.pop("frame"), strict=True))
    if within > 1:
        return [f"{key}: frame"]
    return [f"{key}: {kind}" for kind in meant if not alike(seen[kind], meant[kind], within)]


def test_what_stands_is_what_plotly_draws_from_nothing(where, html: Path, open_page):
    page, watch = open_page(f"{html.as_uri()}/{where[1]}.html")
    wrong = [kind for key in load_all(page) for kind in unlike(page, key)]
    assert not wrong
    assert not watch.errors


def test_a_hidden_curve_comes_back_where_it_is_now(mini_site, open_page):
    page, _ = open_page(f"{mini_site}/book/index.html")
    load_all(page)
    key = "explorable-mini-curves"
    show = "([key, visible]) => Plotly.restyle(softbook.explorables[key].plot, { visible }, [0])"
    page.evaluate(show, [key, "legendonly"])
    knobs = page.evaluate("(key) => softbook.explorables[key].payload.knobs", key)
    turn(page, key, [[k, len(knob["values"]) - 1] for k, knob in enumerate(knobs)])
    assert off(page, key)
    page.evaluate(show, [key, "legendonly"])
    turn(page, key, [[k, 0] for k in range(len(knobs))])
    page.evaluate(show, [key, True])
    assert not off(page, key)


def test_the_pointer_reads_new_numbers(mini_site, open_page):
    page, _ = open_page(f"{mini_site}/book/index.html")
    load_all(page)
    key = "explorable-mini-curves"
    turn(page, key, [[0, 0]])
    point = """(key) => {
      const { plot, figure } = softbook.explorables[key];
      const [{ curveNumber, pointNumber, x, y }] = plot._hoverdata || [{}];
      const { x: xs, y: ys } = figure.data[curveNumber] || { x: [], y: [] };
      return [[x, y], [xs[pointNumber], ys[pointNumber]]];
    }"""
    page.locator(f"#{key} .softbook-plot").scroll_into_view_if_needed()
    box = page.locator(f"#{key} .nsewdrag").bounding_box()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.4 * box["height"])
    wait_for(page, f"({point})('{key}')[0][0] !== undefined")
    said, drawn = page.evaluate(point, key)
    assert said == drawn


# What a line may be besides a plain one, written into the traces of a figure: a band of two lines,
# and two more.
LOOKS = {
    "plain": "() => {}",
    "bars of errors": "({ data }) => { data[3].error_y = { type: 'constant', value: 0.2 }; }",
    "splines": "({ data }) => { data[3].line.shape = 'spline'; }",
    "areas to zero": "({ data }) => { data[3].fill = 'tozeroy'; }",
    "areas that enclose": "({ data }) => { data[3].fill = 'toself'; }",
    "stacked": "({ data }) => { data[2].stackgroup = data[3].stackgroup = 'one'; }",
    "bridged": "({ data }) => { data.forEach((trace) => (trace.connectgaps = true)); }",
    "arrows": """({ data }) => { data[3].mode = 'lines+markers';
        data[3].marker = { symbol: 'arrow', size: 9, angleref: 'previous' }; }""",
    "points and lines": "({ data }) => { data[3].mode = 'lines+markers'; }",
    "words": "({ data }) => { data[3].mode = 'lines+text'; data[3].text = data[3].y.map(String); }",
    "an edge hidden": "({ data }) => { data[0].visible = 'legendonly'; }",
}
# What numbers may do from one setting to the next.
NUMBERS = {
    "as they are": "(y) => y",
    "gaps": "(y, at) => y.map((v, i) => ((i + 7 * at) % 23 < at ? null : v))",
    "ends": "(y, at) => y.map((v, i) => (i < 9 * at ? null : v))",
    "none": "(y, at) => (at % 2 ? y : y.map(() => null))",
    "far": "(y, at) => y.map((v, i) => (at % 2 && i % 11 === 0 ? 1e5 * v : v))",
}
STRANGE = """async ([key, look, numbers]) => {
  const one = softbook.explorables[key];
  const [dressed, changed] = [look, numbers].map((code) => new Function(`return ${code}`)());
  delete one.values;
  await one.settle();
  const values = one.values.bind(one);
  one.values = (chosen) => values(chosen).map((part) =>
    part.path[2] === "y" ? { ...part, value: changed(part.value, one.state[0]) } : part);
  dressed(one.figure);
  await one.draw();
}"""


@pytest.mark.parametrize("look", LOOKS)
def test_lines_of_all_kinds_are_drawn_anew(mini_site, open_page, look):
    page, _ = open_page(f"{mini_site}/book/index.html")
    load_all(page)
    key = "explorable-mini-curves"
    wrong = []
    for numbers, code in NUMBERS.items():
        page.evaluate(STRANGE, [key, LOOKS[look], code])
        for at in (3, 4, 9):
            turn(page, key, [[0, at], [1, at % 5]])
            if off(page, key):
                wrong.append((numbers, at))
    assert not wrong


# What axes may do from one setting to the next: for a setting's number their attributes and values.
AXES = {
    "ranges": "(at) => ({ 'yaxis.range': [-at, at], 'xaxis.range': [0, 1 + at] })",
    "a range": "(at) => ({ 'xaxis.range': [0, 1 + at] })",
    "a title": "(at) => ({ 'yaxis.title.text': `height ${at}` })",
    "a title with an index": "(at) => ({ 'yaxis.title.text': at % 2 ? `h<sub>${at}</sub>` : 'h' })",
    "distances of ticks": "(at) => ({ 'yaxis.dtick': at % 2 ? 0.5 : null, 'yaxis.range': [0, at] })",
    "ticks by name": """(at) => ({ 'xaxis.tickvals': [0, at / 9], 'xaxis.ticktext': ['none', `${at}`],
        'xaxis.range': [0, 1 + at] })""",
}
MOVING = """async ([key, axes]) => {
  const one = softbook.explorables[key];
  const values = one.values.bind(one);
  const moved = new Function(`return ${axes}`)();
  one.values = (chosen) => values(chosen).concat(Object.entries(moved(one.state[0])).map(([name, value]) =>
    ({ path: ["layout", ...name.split(".")], array: false, value })));
}"""


def astray(page: Any, case: str) -> list[int]:
    """The settings at which a figure with such axes is not as one drawn from nothing."""
    key = "explorable-mini-curves"
    page.evaluate(MOVING, [key, AXES[case]])
    found = []
    for at in (3, 4, 9, 2):
        turn(page, key, [[0, at]])
        found += [at] if off(page, key) else []
    return found


@pytest.mark.parametrize("case", AXES)
def test_axes_that_change_are_drawn_anew(mini_site, open_page, case):
    page, watch = open_page(f"{mini_site}/book/index.html")
    load_all(page)
    assert astray(page, case) == []
    assert not watch.errors


@pytest.mark.parametrize(
    ("case", "line"),
    [
        ("a title", "node.textContent = node.dataset.unformatted = text"),
        ("a range", "update[`${axis}.range`] = given.range"),
        ("distances of ticks", 'if (what !== "range") full[what] = value'),
    ],
)
def test_an_axis_that_stays_goes_red(spoiled, open_page, case, line):
    spoil(spoiled, "softbook.js", line, "undefined")
    page, _ = open_page(f"{spoiled.as_uri()}/book/index.html")
    load_all(page)
    assert astray(page, case)


@pytest.mark.parametrize(
    "line",
    [
        "_module.plot(plot, panel, alike, layer)",
        'node.setAttribute("d", `M${pieces[i].join("L")}`)',
        'node.setAttribute("d", `M${[...line[0], ...back[0].reverse()].join("L")}Z`)',
    ],
)
def test_a_curve_that_is_not_drawn_goes_red(spoiled, open_page, line):
    spoil(spoiled, "softbook.js", line, "undefined")
    page, _ = open_page(f"{spoiled.as_uri()}/book/index.html")
    load_all(page)
    key = "explorable-mini-curves"
    if "_module" in line:
        page.evaluate(STRANGE, [key, LOOKS["splines"], NUMBERS["as they are"]])
    assert unlike(page, key) == [f"{key}: marks"]


def test_a_plotly_without_these_names_draws_the_whole_figure(spoiled, open_page):
    spoil(spoiled, "softbook.js", "_zindices.length !== 1", "_zindices !== 1")
    page, watch = open_page(f"{spoiled.as_uri()}/book/index.html")
    load_all(page)
    assert not unlike(page, "explorable-mini-curves")
    assert not watch.errors
