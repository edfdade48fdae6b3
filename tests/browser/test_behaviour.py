"""What a reader does with one explorable: keyboard, theme, table, reset; and how fast it answers."""

from __future__ import annotations

import pytest

from softbook.publish.browser import wait_for

from .harness import compare, load_all, move, settle

CURVES = "explorable-mini-curves"
MAP = "explorable-mini-map"


@pytest.fixture
def index(mini_site, open_page):
    page, watch = open_page(f"{mini_site}/book/index.html")
    load_all(page)
    yield page
    assert not watch.errors


def test_arrow_keys_move_the_slider_and_its_spoken_value(index):
    slider = index.locator(f"#{CURVES}-beta")
    before = slider.get_attribute("aria-valuetext")
    slider.focus()
    index.keyboard.press("ArrowRight")
    settle(index, CURVES)
    after = slider.get_attribute("aria-valuetext")
    assert after != before
    assert index.locator(f"output[for='{CURVES}-beta']").text_content() == after
    assert index.evaluate(f"softbook.explorables['{CURVES}'].state[0]") == 7


def test_a_knob_s_keys_are_not_looked_up_in_the_whole_page(index):
    index.evaluate(
        """() => {
          window.heard = [];
          document.addEventListener("keydown", ({ key }) => heard.push(key), true);
        }"""
    )
    before = index.evaluate(f"softbook.explorables['{CURVES}'].state[0]")
    index.locator(f"#{CURVES}-beta").focus()
    for key in ("ArrowRight", "Escape", "Tab", "ArrowRight"):
        index.keyboard.press(key)
    settle(index, CURVES)
    assert index.evaluate(f"softbook.explorables['{CURVES}'].state[0]") == before + 1
    # The next stop of Tab is the other slider.
    assert index.evaluate(f"softbook.explorables['{CURVES}'].state[1]") == 5
    assert index.evaluate("heard") == ["Escape", "Tab"]


def test_the_theme_s_icons_are_drawn_once(index):
    icons = "document.querySelectorAll('svg.svg-inline--fa').length"
    assert index.evaluate(icons) > 0
    index.evaluate(
        "document.body.append(Object.assign(document.createElement('i'), { className: 'fa-solid fa-moon' }))"
    )
    index.wait_for_timeout(200)
    assert index.locator("body > i.fa-moon").count() == 1


def test_a_move_changes_the_drawn_paths_and_the_note(index):
    paths = "(key) => [...document.querySelectorAll(`#${key} .js-line`)].map((p) => p.getAttribute('d'))"
    note = f"#{CURVES} .annotation-text"
    before, said = index.evaluate(paths, CURVES), index.locator(note).text_content()
    knobs = index.evaluate(f"softbook.explorables['{CURVES}'].payload.knobs")
    move(index, CURVES, knobs[0], 0)
    after = index.evaluate(paths, CURVES)
    assert sum(a != b for a, b in zip(before, after, strict=True)) >= 3
    assert index.locator(note).text_content() != said == "κ/β = 0.0348"


def test_summary_is_in_the_page_before_any_script(mini):
    html = (mini / "book" / "index.html").read_text("utf-8")
    assert "At β = 8 and shift 0 the gap is at most 0.0348." in html
    assert "min-height:420px" in html


def test_reset_returns_to_the_first_frame(index, mini_entries):
    knobs = index.evaluate(f"softbook.explorables['{CURVES}'].payload.knobs")
    move(index, CURVES, knobs[0], 12)
    index.locator(f"#{CURVES} .softbook-reset").click()
    settle(index, CURVES)
    assert index.locator(f"#{CURVES}-beta").input_value() == "6"
    assert compare(index, CURVES, mini_entries["mini-curves"]) == []


def test_a_move_in_one_panel_leaves_the_curves_of_the_other(mini_site, open_page):
    page, _ = open_page(f"{mini_site}/book/second.html")
    load_all(page)
    key = "explorable-mini-panels"
    paths = f"[...document.querySelectorAll('#{key} .scatterlayer .js-line')].map((p) => p.getAttribute('d'))"
    before = page.evaluate(paths)
    knobs = page.evaluate(f"softbook.explorables['{key}'].payload.knobs")
    move(page, key, knobs[0], 0)
    after = page.evaluate(paths)
    assert len(before) == len(after) == 2
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_of_two_maps_both_have_a_table(mini_site, open_page):
    page, _ = open_page(f"{mini_site}/book/second.html")
    load_all(page)
    folder = page.locator("#explorable-mini-maps details.softbook-data")
    folder.locator("summary").click()
    folder.locator("table").nth(1).wait_for()
    said = folder.locator("caption").all_text_contents()
    assert said == [f"Two maps, panel {k} of 2: height; at height: 3" for k in (1, 2)]
    assert folder.locator("thead th").first.text_content() == "y ↓, x →"
    assert folder.locator("tbody").nth(1).locator("td").last.text_content() == "4"


def test_a_map_hides_no_curve_and_each_has_a_name(mini_site, open_page):
    page, _ = open_page(f"{mini_site}/book/second.html")
    load_all(page)
    key = "explorable-mini-maps"
    page.evaluate(
        """(key) => {
          const { data, layout } = softbook.explorables[key].figure;
          const cut = { mode: "lines", name: "cut", x: [0, 1], y: [1, 2], xaxis: "x2", yaxis: "y2" };
          data.push(cut, { ...cut }, { ...cut, mode: "markers" });
          layout.annotations = [{ text: "<b>sum</b>", xref: "paper", yref: "paper", x: 0.55, y: 1.01 }];
          layout.yaxis2.tickvals = [1, 2];
          layout.yaxis2.ticktext = ["one", "two"];
        }""",
        key,
    )
    folder = page.locator(f"#{key} details.softbook-data")
    folder.locator("summary").click()
    folder.locator("table").nth(2).wait_for()
    said = folder.locator("caption").all_text_contents()
    assert said[1:] == [f"Two maps, sum: {what}; at height: 3" for what in ("height", "y")]
    table = folder.locator("table").nth(2)
    heads = table.locator("thead th").all_text_contents()
    assert heads == ["x", "cut 1", "cut 2", "cut, points"]
    assert table.locator("tbody tr").first.locator("td").all_text_contents() == ["one"] * 3


def test_the_theme_button_recolours_the_figure_in_place(index):
    colour = (
        f"getComputedStyle(document.querySelector('#{CURVES} .trace:last-child .js-line')).stroke"
    )
    assert index.evaluate(colour) == "rgb(11, 92, 173)"
    for _ in range(3):
        if index.evaluate("document.documentElement.dataset.theme") == "dark":
            break
        index.locator(".theme-switch-button").first.click()
    wait_for(index, f"{colour} === 'rgb(108, 182, 255)'", timeout=5000)


def test_colours_of_a_heat_map_stay_in_the_dark(mini_site, open_page):
    page, _ = open_page(f"{mini_site}/book/second.html", color_scheme="dark")
    load_all(page)
    scale = page.evaluate(f"softbook.explorables['{MAP}'].plot.data[0].colorscale")
    assert [stop[1] for stop in scale] == ["#b3370f", "#f2f2f2", "#0b5cad"]


def test_the_table_shows_the_drawn_numbers_of_the_present_setting(index):
    folder = index.locator(f"#{CURVES} .softbook-data")
    assert folder.locator("table").count() == 0
    folder.locator("summary").click()
    table = folder.locator("table")
    table.wait_for()
    assert table.locator("thead th[scope=col]").all_text_contents() == [
        "input x",
        "promised, lower",
        "promised, upper",
        "ReLU",
        "attention",
    ]
    assert table.locator("tbody tr").count() == 161
    last = table.locator("tbody tr").last
    assert last.locator("th[scope=row]").text_content() == "3"
    assert "sharpness β: 8" in table.locator("caption").text_content()
    knobs = index.evaluate(f"softbook.explorables['{CURVES}'].payload.knobs")
    move(index, CURVES, knobs[1], 0)
    assert float(last.locator("td").nth(2).text_content()) == pytest.approx(4, abs=1e-4)
    assert "shift: −1" in table.locator("caption").text_content().replace("-1", "−1")


def test_data_and_plotly_come_only_near_the_view(mini_site, open_page):
    page, watch = open_page(f"{mini_site}/book/ledger.html")
    assert not any("plotly" in url or "softbook.js" in url for url in watch.requests)
    page, watch = open_page(f"{mini_site}/book/index.html", viewport={"width": 360, "height": 300})
    wait_for(page, f"document.getElementById('{CURVES}').dataset.state === 'ready'")
    kinds = page.locator("#explorable-mini-kinds")
    assert kinds.get_attribute("data-state") is None
    assert not any("mini-kinds" in url for url in watch.requests)
    kinds.scroll_into_view_if_needed()
    wait_for(page, "document.getElementById('explorable-mini-kinds').dataset.state === 'ready'")
    assert sum("plotly.min.js" in url for url in watch.requests) == 1


def test_the_last_of_many_values_wins(index, mini_entries):
    index.evaluate(
        f"""() => {{ const slider = document.getElementById('{CURVES}-beta');
          for (let k = 0; k < 40; k++) {{ slider.value = k % 13; slider.dispatchEvent(new Event('input')); }}
          slider.value = 3; slider.dispatchEvent(new Event('input')); }}"""
    )
    settle(index, CURVES)
    assert index.evaluate(f"softbook.explorables['{CURVES}'].state[0]") == 3
    assert index.evaluate(f"softbook.explorables['{CURVES}'].timings.length") <= 3
    assert compare(index, CURVES, mini_entries["mini-curves"]) == []


def test_the_figure_follows_the_width(index):
    index.set_viewport_size({"width": 700, "height": 900})
    width = f"document.querySelector('#{CURVES} .main-svg').getBoundingClientRect().width"
    room = f"document.querySelector('#{CURVES} .softbook-plot').clientWidth"
    wait_for(index, f"Math.abs({width} - {room}) < 2", timeout=5000)


def test_a_browser_that_cannot_unpack_says_so(mini_site, browser):
    context = browser.new_context()
    context.add_init_script("delete window.DecompressionStream")
    page = context.new_page()
    page.goto(f"{mini_site}/book/index.html")
    page.wait_for_selector(".softbook-message")
    assert "DecompressionStream" in page.locator(".softbook-message").first.text_content()
    context.close()


def _press(page, slider, key):
    slider.focus()
    for _ in range(6):
        for press in ["ArrowLeft"] * 4 + ["ArrowRight"] * 4:
            page.keyboard.press(press)
            settle(page, key)


def _drag(page, slider, key):
    box = slider.bounding_box()
    left, room, height = box["x"] + 8, box["width"] - 16, box["y"] + box["height"] / 2
    page.mouse.move(left, height)
    page.mouse.down()
    for step in range(121):
        page.mouse.move(left + room * abs((step / 40) % 2 - 1), height)
        page.wait_for_timeout(8)
    page.mouse.up()
    settle(page, key)


@pytest.mark.parametrize("way", [_drag, _press], ids=["drag", "keys"])
@pytest.mark.parametrize(
    ("place", "key", "knob", "limit"),
    [("index", CURVES, "beta", 17), ("second", MAP, "phase", 33)],
)
def test_from_input_to_paint(mini_site, open_page, report, place, key, knob, limit, way):
    page, _ = open_page(f"{mini_site}/book/{place}.html")
    load_all(page)
    slider = page.locator(f"#{key}-{knob}")
    slider.scroll_into_view_if_needed()
    way(page, slider, key)
    times = sorted(page.evaluate("(key) => softbook.explorables[key].timings", key))
    assert len(times) >= 15
    middle, late = times[len(times) // 2], times[int(0.95 * len(times))]
    # A key waits for the next frame of the screen (0 to 17 ms), a drag comes in step with it.
    report.append(
        f"input to paint, {key}, {way.__name__.strip('_')}: p50 {middle:.1f} ms, p95 {late:.1f} ms "
        f"({len(times)} moves; the aim is p95 <= {limit} ms)"
    )
    # A machine that runs other tests too is no stopwatch: this only catches a wrong path.
    assert middle < 5 * limit
