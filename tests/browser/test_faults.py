"""Planted faults: each check of this folder is seen to go red."""

from __future__ import annotations

import json
import re
from pathlib import Path

from softbook.publish.offline import remote_addresses

from .harness import compare, load_all, move, turn_everything

CURVES = "explorable-mini-curves"


def _edit_payload(html: Path, id: str, change) -> None:
    """Rewrite a data file in place."""
    (file,) = (html / "_static" / "softbook" / "data").glob(f"{id}-*.js")
    head, body = re.fullmatch(
        r"(softbook\.receive\(.*?,)(\{.*\})\);\n", file.read_text(), re.S
    ).groups()
    payload = json.loads(body)
    change(payload)
    file.write_text(f"{head}{json.dumps(payload)});\n")


def _mistakes(html: Path, open_page, mini_entries) -> list[str]:
    page, _ = open_page(f"{html.as_uri()}/book/index.html")
    load_all(page)
    return turn_everything(page, CURVES, mini_entries["mini-curves"])


def test_a_shuffled_grid_goes_red(spoiled, open_page, mini_entries):
    def shuffle(payload):
        for channel in payload["channels"]:
            channel["axes"] = [k for k in (1, 0) if k in channel["axes"]]

    _edit_payload(spoiled, "mini-curves", shuffle)
    assert any("is off by" in line for line in _mistakes(spoiled, open_page, mini_entries))


def test_a_stale_curve_goes_red(spoiled, open_page, mini_entries):
    def stale(payload):
        payload["channels"] = [c for c in payload["channels"] if c["path"] != ["data", 3, "y"]] + [
            {**c, "low": c["low"] + 1e-3, "high": c["high"] + 1e-3}
            for c in payload["channels"]
            if c["path"] == ["data", 3, "y"]
        ]

    _edit_payload(spoiled, "mini-curves", stale)
    assert any("data.3.y is off by" in line for line in _mistakes(spoiled, open_page, mini_entries))


def test_a_wrong_label_goes_red(spoiled, open_page, mini_entries):
    def swap(payload):
        texts = payload["knobs"][0]["texts"]
        texts[0], texts[-1] = texts[-1], texts[0]

    _edit_payload(spoiled, "mini-curves", swap)
    assert any("beta says" in line for line in _mistakes(spoiled, open_page, mini_entries))


def test_a_wrong_summary_goes_red(spoiled, open_page, mini_entries):
    def swap(payload):
        payload["summaries"]["values"].reverse()

    _edit_payload(spoiled, "mini-curves", swap)
    assert any("says 'At β" in line for line in _mistakes(spoiled, open_page, mini_entries))


def test_a_remote_script_goes_red(spoiled, open_page):
    assert remote_addresses(spoiled) == []
    file = spoiled / "book" / "index.html"
    text = file.read_text("utf-8")
    planted = '<script src="https://cdn.example.org/plotly.js"></script></head>'
    file.write_text(text.replace("</head>", planted, 1), "utf-8")
    _, watch = open_page(f"{spoiled.as_uri()}/book/index.html")
    assert watch.outside == ["https://cdn.example.org/plotly.js"]
    assert len(remote_addresses(spoiled)) == 1


def test_a_missing_data_file_says_so_in_the_page(spoiled, open_page):
    for file in (spoiled / "_static" / "softbook" / "data").glob("mini-curves-*.js"):
        file.unlink()
    page, watch = open_page(f"{spoiled.as_uri()}/book/index.html")
    page.wait_for_selector(f"#{CURVES} .softbook-message")
    assert "could not be loaded" in page.locator(f"#{CURVES} .softbook-message").text_content()
    assert watch.errors


def test_an_error_in_the_console_goes_red(spoiled, open_page):
    file = spoiled / "book" / "index.html"
    text = file.read_text("utf-8")
    file.write_text(text.replace("</head>", "<script>nowhere();</script></head>", 1), "utf-8")
    _, watch = open_page(f"{spoiled.as_uri()}/book/index.html")
    assert watch.errors == ["nowhere is not defined"]


def test_an_unlabelled_control_goes_red(spoiled, open_page):
    from axe_playwright_python.sync_playwright import Axe

    file = spoiled / "book" / "index.html"
    text = file.read_text("utf-8")
    file.write_text(text.replace(f'<label for="{CURVES}-beta">', "<label>"), "utf-8")
    page, _ = open_page(f"{spoiled.as_uri()}/book/index.html")
    load_all(page)
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    assert "label" in [violation["id"] for violation in found.response["violations"]]


def test_a_dead_control_goes_red(spoiled, open_page, mini_entries):
    page, _ = open_page(f"{spoiled.as_uri()}/book/index.html")
    load_all(page)
    page.evaluate(f"softbook.explorables['{CURVES}'].apply = () => Promise.resolve()")
    knobs = page.evaluate(f"softbook.explorables['{CURVES}'].payload.knobs")
    move(page, CURVES, knobs[0], 0)
    assert any("is off by" in line for line in compare(page, CURVES, mini_entries["mini-curves"]))
