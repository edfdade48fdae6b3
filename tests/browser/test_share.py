"""What a reader takes along: addresses that bring a setting back, lines of Python, numbers, pictures."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from softbook.explore import explorables
from softbook.publish.browser import wait_for

from .harness import compare, load_all, move, settle

CURVES, MAP = "explorable-mini-curves", "explorable-mini-map"
# A figure's data in short, in this process and in a fresh one.
MARK = """import hashlib, json
import numpy as np
from softbook.explore.parts import figure_parts
found = []
def mark(summary, figure):
    parts = sorted((str(path), repr(np.asarray(part).tolist())) for path, part in figure_parts(figure).items())
    return [summary, hashlib.sha256(repr(parts).encode()).hexdigest()]
"""
STATE = "(key) => softbook.explorables[key].state"


def take(page, key, what):
    """Open the folder of an explorable and press one of its buttons."""
    box = page.locator(f"#{key} .softbook-share")
    if box.get_attribute("open") is None:
        box.locator("summary").click()
    said = "(key) => document.querySelector(`#${key} .softbook-share [role=status]`)"
    page.evaluate(f"(key) => void (({said})(key).textContent = '')", key)
    box.locator(f"[data-take={what}]").click()
    # The script behind the buttons may still be on its way.
    wait_for(page, f"(key) => ({said})(key).textContent !== ''", key)
    return box


def numbers(page, key):
    """Save the numbers of an explorable; return the line above them, and the rows."""
    with page.expect_download() as found:
        take(page, key, "csv")
    assert found.value.suggested_filename.endswith(".csv")
    above, below = found.value.path().read_text("utf-8").split("\n", 1)
    return above.strip(), list(csv.DictReader(io.StringIO(below)))


@pytest.fixture
def index(mini_site, open_page):
    page, watch = open_page(f"{mini_site}/book/index.html")
    load_all(page)
    yield page
    assert not watch.errors
    assert not watch.outside


def turn(page, key, *indices):
    knobs = page.evaluate("(key) => softbook.explorables[key].payload.knobs", key)
    for knob, index in zip(knobs, indices, strict=True):
        move(page, key, knob, index)


def test_an_address_brings_the_setting_back(index, mini_site, open_page, mini_entries):
    turn(index, CURVES, 2, 0)
    wait_for(index, "location.hash.includes('mini-curves?')")
    other, watch = open_page(index.url)
    wait_for(other, f"document.getElementById('{CURVES}').dataset.state === 'ready'")
    settle(other, CURVES)
    assert other.evaluate(STATE, CURVES) == [2, 0]
    assert compare(other, CURVES, mini_entries["mini-curves"]) == []
    assert not watch.errors
    other.locator(f"#{CURVES} .softbook-reset").click()
    wait_for(other, "location.hash === ''")


def test_what_only_the_boxes_need_comes_when_one_is_opened(mini_site, open_page):
    page, watch = open_page(f"{mini_site}/book/index.html")
    load_all(page)
    assert not any(url.endswith("/boxes.js") for url in watch.requests)
    take(page, CURVES, "link")
    take(page, CURVES, "link")
    page.locator(f"#{CURVES} .softbook-data summary").click()
    page.locator(f"#{CURVES} .softbook-data table").wait_for()
    assert sum(url.endswith("/boxes.js") for url in watch.requests) == 1


def test_numbers_that_do_not_come_are_no_empty_box(spoiled, open_page):
    (spoiled / "_static" / "softbook" / "boxes.js").unlink()
    page, _ = open_page(f"{spoiled.as_uri()}/book/index.html")
    load_all(page)
    box = page.locator(f"#{CURVES} .softbook-data")
    box.locator("summary").click()
    wait_for(page, f"document.querySelector('#{CURVES} .softbook-table').textContent !== ''")
    assert "The numbers cannot be shown" in box.text_content()


def test_the_copied_address_does_so_too(index, open_page):
    turn(index, CURVES, 9, 1)
    box = take(index, CURVES, "link")
    address = box.locator("textarea").input_value()
    other, _ = open_page(address)
    load_all(other)
    settle(other, CURVES)
    assert other.evaluate(STATE, CURVES) == index.evaluate(STATE, CURVES)


@pytest.mark.parametrize(
    ("asked", "state"),
    [
        ("beta=8&shift=0", [6, 4]),
        ("beta=7.9", [6, 4]),
        ("beta=1e99&shift=-50", [12, 0]),
        ("beta=many&colour=red", [6, 4]),
        ("beta=&shift=NaN", [6, 4]),
    ],
)
def test_what_is_asked_is_met_or_left(mini_site, open_page, asked, state):
    page, watch = open_page(f"{mini_site}/book/index.html#mini-curves?{asked}")
    load_all(page)
    settle(page, CURVES)
    assert page.evaluate(STATE, CURVES) == state
    assert not watch.errors


def test_an_anchor_stays_an_anchor(mini_site, open_page):
    page, _ = open_page(f"{mini_site}/book/index.html#{CURVES}")
    load_all(page)
    page.wait_for_timeout(400)
    assert page.url.endswith(f"#{CURVES}")


def test_an_address_moves_a_page_that_is_open(index):
    index.evaluate("location.hash = '#mini-curves?beta=8&shift=-1'")
    wait_for(index, f"softbook.explorables['{CURVES}'].state[1] === 0")


def test_the_numbers_are_those_that_are_drawn(index):
    turn(index, CURVES, 4, 2)
    above, rows = numbers(index, CURVES)
    setting = index.evaluate(f"softbook.explorables['{CURVES}'].setting()")
    assert above == f"# Three curves over one axis; at {setting}"
    drawn = index.evaluate(
        f"softbook.explorables['{CURVES}'].figure.data.map((t) => [t.name, t.x, t.y])"
    )
    for one, edge in zip(drawn, ("lower", "upper"), strict=False):
        one[0] += f", {edge}"
    wanted = [(name, x, y) for name, xs, ys in drawn for x, y in zip(xs, ys, strict=True)]
    assert [(r["curve"], float(r["input x"]), float(r["output"])) for r in rows] == wanted


def test_a_map_gives_a_line_for_each_cell(mini_site, open_page):
    page, _ = open_page(f"{mini_site}/book/second.html")
    load_all(page)
    _, rows = numbers(page, MAP)
    shape = page.evaluate(
        f"(() => {{ const z = softbook.explorables['{MAP}'].figure.data[0].z; return [z.length, z[0].length]; }})()"
    )
    assert len(rows) == shape[0] * shape[1]
    assert all(row["height"] for row in rows)


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<svg")])
def test_pictures(index, kind, start):
    with index.expect_download() as found:
        take(index, CURVES, kind)
    assert found.value.suggested_filename == f"mini-curves.{kind}"
    content = found.value.path().read_bytes()
    assert content.startswith(start)
    assert len(content) > 5000
    if kind == "svg":
        text = " ".join(re.findall(r">([^<>]+)<", content.decode()))
        assert index.evaluate(f"softbook.explorables['{CURVES}'].setting()") in text


def test_every_figure_gives_address_numbers_and_drawing(where, html, open_page):
    """Two drawings as a page begins; then each figure at random: one address brings all back."""
    page, watch = open_page(f"{html.as_uri()}/{where[1]}.html")
    rng = np.random.default_rng(1)
    keys = load_all(page)
    for key in keys[:2]:
        with page.expect_download() as found:
            take(page, key, "svg")
        assert b"<path" in found.value.path().read_bytes()
    for key in keys:
        knobs = page.evaluate("(k) => softbook.explorables[k].payload.knobs", key)
        turn(page, key, *(int(rng.integers(len(knob["values"]))) for knob in knobs))
        above, rows = numbers(page, key)
        setting = page.evaluate("(k) => softbook.explorables[k].setting()", key)
        assert above.endswith(f"; at {setting}" if setting else "")
        count = page.evaluate(
            """(k) => softbook.explorables[k].figure.data.reduce((sum, { y, z }) =>
                 sum + (z ? z.length * z[0].length : y.length), 0)""",
            key,
        )
        assert len(rows) == count
        assert None not in rows[0]
        assert all(rows[0])
    page.wait_for_timeout(400)
    states = {key: page.evaluate(STATE, key) for key in keys}
    other, _ = open_page(page.url)
    load_all(other)
    for key, state in states.items():
        settle(other, key)
        assert other.evaluate(STATE, key) == state, key
    assert not watch.errors


def test_an_address_that_leaves_a_knob_out_is_noticed(index, open_page):
    """The planted fault: an address that forgets a knob brings another setting."""
    turn(index, CURVES, 2, 0)
    wait_for(index, "location.hash.includes('mini-curves?')")
    other, _ = open_page(index.url.replace("&shift=-1", "").replace("shift=-1&", ""))
    load_all(other)
    settle(other, CURVES)
    assert other.evaluate(STATE, CURVES) != [2, 0]


@pytest.mark.book
def test_copied_python_draws_the_same_numbers(where, html, open_page, tmp_path):
    """Every explorable of a page at a random setting: the copied lines, run, give the drawn data."""
    if where[0] == "mini":
        pytest.skip("the small book's figures are registered by no package")
    page, _ = open_page(f"{html.as_uri()}/{where[1]}.html")
    rng = np.random.default_rng(0)
    lines, drawn = [], []
    for key in load_all(page):
        entry = explorables().get(page.evaluate("(k) => softbook.explorables[k].payload.id", key))
        if entry is None:
            continue
        turn(page, key, *(int(rng.integers(len(knob.grid()))) for knob in entry.knobs.values()))
        lines.append(take(page, key, "python").locator("textarea").input_value())
        state = page.evaluate(STATE, key)
        settings = {n: k.grid()[at] for (n, k), at in zip(entry.knobs.items(), state, strict=True)}
        drawn.append((key, entry, settings))
    if not lines:
        pytest.skip("this page holds no explorable of the book")
    program = tmp_path / "copied.py"
    ends = [f"{line}found.append(mark(summary, figure))\n" for line in lines]
    program.write_text(MARK + "".join(ends) + "print(json.dumps(found))\n", "utf-8")
    run = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    names: dict[str, Any] = {}
    exec(MARK, names)
    wanted = [names["mark"](*reversed(entry(**settings))) for _, entry, settings in drawn]
    assert json.loads(run.stdout.strip().splitlines()[-1]) == wanted
    for key, entry, _ in drawn:
        assert compare(page, key, entry) == []
