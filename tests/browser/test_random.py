"""A thousand settings drawn over the book's explorables, and all of every small grid."""

from __future__ import annotations

import itertools
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softbook.explore import explorables

from .harness import ROOT, compare, load_all, toc_pages, turn

SETTINGS = 1000
SMALL = 24


def shown_in_the_book() -> list[str]:
    """The ids that the chapters show, once for each place."""
    text = "".join(
        (ROOT / f"{page}.md").read_text("utf-8") for page in toc_pages(ROOT / "_toc.yml")
    )
    return [id for id in re.findall(r'^explore\("([\w-]+)"\)', text, re.MULTILINE)]


def chosen(entry: Any, count: int) -> list[list[int]]:
    """All settings of a small grid; else `count` of them, drawn with the id as the seed."""
    sizes = [len(knob.grid()) for knob in entry.knobs.values()]
    if entry.size() <= SMALL:
        return [list(state) for state in itertools.product(*map(range, sizes))]
    rng = np.random.default_rng(zlib.crc32(entry.id.encode()))
    return [[int(rng.integers(size)) for size in sizes] for _ in range(count)]


def each() -> int:
    """How many settings of a large grid make a thousand together with all those of the small."""
    entries = [explorables()[id] for id in shown_in_the_book()]
    small = sum(entry.size() for entry in entries if entry.size() <= SMALL)
    large = sum(entry.size() > SMALL for entry in entries)
    return -(-(SETTINGS - small) // large)


def differences(page: Any, key: str, entry: Any, count: int) -> tuple[int, list[str]]:
    """Turn all knobs at once to each chosen setting; return how many there were and what is wrong."""
    wrong: list[str] = []
    states = chosen(entry, count)
    for state in states:
        turn(page, key, list(enumerate(state)))
        wrong += compare(page, key, entry)
    return len(states), wrong


def test_a_thousand_settings_are_drawn():
    entries = [explorables()[id] for id in shown_in_the_book()]
    assert sum(len(chosen(entry, each())) for entry in entries) >= SETTINGS


def test_random_settings_draw_what_python_computes(where, html: Path, entries, open_page, report):
    page, watch = open_page(f"{html.as_uri()}/{where[1]}.html")
    wrong, total = [], 0
    for key in load_all(page):
        id = page.evaluate("(key) => softbook.explorables[key].payload.id", key)
        if id in entries:
            count, found = differences(page, key, entries[id], each())
            total, wrong = total + count, wrong + found
    assert not wrong, f"{len(wrong)} differences, the first of them:\n" + "\n".join(wrong[:12])
    assert not watch.errors
    if total:
        report.append(f"{where[0]}:{where[1]}: {total} random settings draw what Python computes")


def test_one_wrong_cell_of_a_grid_goes_red(spoiled, open_page, mini_entries):
    """One summary of one setting is another's: a walk along each knob alone would pass it by."""
    (file,) = (spoiled / "_static" / "softbook" / "data").glob("mini-curves-*.js")
    head, body = re.fullmatch(
        r"(softbook\.receive\(.*?,)(\{.*\})\);\n", file.read_text(), re.DOTALL
    ).groups()
    payload = json.loads(body)
    index = payload["summaries"]["index"]
    sizes = [len(knob["values"]) for knob in payload["knobs"]]
    state = next(s for s in chosen(mini_entries["mini-curves"], 16) if 0 < s[0] < 12 and s[1] > 0)
    place = int(np.ravel_multi_index(state, sizes))
    index[place] = index[0]
    file.write_text(f"{head}{json.dumps(payload)});\n")
    page, _ = open_page(f"{spoiled.as_uri()}/book/index.html")
    load_all(page)
    _, wrong = differences(page, "explorable-mini-curves", mini_entries["mini-curves"], 16)
    assert len(wrong) == 1


@pytest.mark.parametrize("id", ["two-keys"])
def test_draws_are_the_same_each_time(id):
    entry = explorables()[id]
    assert chosen(entry, 20) == chosen(entry, 20)
