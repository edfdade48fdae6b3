"""Contrast inside the figures, measured from the colours that the browser computes.

Curves and marks that carry data need 3 : 1 against the page, text 4.5 : 1 (WCAG 2.2, 1.4.11 and
1.4.3). Axe sees neither, since both are SVG.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .harness import load_all

COLOURS = """async () => {
  const ground = getComputedStyle(document.body).backgroundColor;
  const found = [];
  const add = (kind, node, paint, opacity) =>
    found.push({ kind, paint, opacity: Number(opacity), where: node.closest(".softbook-explorable").id });
  // The colour of a heat map's cell under the middle of a text, where there is one.
  const below = async (text) => {
    const box = text.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    for (const map of text.closest(".softbook-plot").querySelectorAll(".heatmaplayer image")) {
      const area = map.getBoundingClientRect();
      if (x < area.left || x > area.right || y < area.top || y > area.bottom) continue;
      const picture = new Image();
      picture.src = map.getAttribute("href") || map.getAttribute("xlink:href");
      await picture.decode();
      const canvas = new OffscreenCanvas(picture.naturalWidth, picture.naturalHeight);
      const pen = canvas.getContext("2d");
      pen.drawImage(picture, 0, 0);
      const place = [(x - area.left) / area.width * canvas.width, (y - area.top) / area.height * canvas.height];
      const [red, green, blue, share] = pen.getImageData(...place.map(Math.floor), 1, 1).data;
      return share ? `rgb(${red}, ${green}, ${blue})` : null;
    }
    return null;
  };
  const seen = (node) => node.getClientRects().length && getComputedStyle(node).visibility !== "hidden";
  for (const node of document.querySelectorAll(".softbook-plot .scatterlayer .js-line")) {
    const style = getComputedStyle(node);
    if (seen(node) && parseFloat(style.strokeWidth) > 0) add("curve", node, style.stroke, style.strokeOpacity * style.opacity);
  }
  for (const node of document.querySelectorAll(".softbook-plot .scatterlayer .point")) {
    const style = getComputedStyle(node);
    if (seen(node)) add("mark", node, style.fill, style.fillOpacity * style.opacity);
  }
  for (const node of document.querySelectorAll(".softbook-plot :is(.xtick, .ytick, .xtitle, .ytitle, .legendtext, .annotation-text)")) {
    const text = node.matches("text") ? node : node.querySelector("text");
    if (!text || !seen(text) || !text.textContent.trim()) continue;
    const style = getComputedStyle(text);
    add("text", text, style.fill, style.fillOpacity * style.opacity);
    // A map is wider than the axes, which cut it: what stands beside them stands on the page.
    if (text.matches(".annotation-text")) found[found.length - 1].ground = await below(text);
  }
  // A scale of two colours draws ink on paper: its end is what carries the data.
  for (const explorable of Object.values(softbook.explorables)) {
    for (const trace of explorable.plot.data) {
      if (trace.type !== "heatmap" || !Array.isArray(trace.colorscale) || trace.colorscale.length !== 2) continue;
      const [red, green, blue] = trace.colorscale[1][1].match(/\\w\\w/g).map((two) => parseInt(two, 16));
      found.push({ kind: "mark", paint: `rgb(${red}, ${green}, ${blue})`, opacity: 1, where: explorable.payload.id });
    }
  }
  return { ground, found };
}"""
NEEDED = {"curve": 3.0, "mark": 3.0, "text": 4.5}


def parts(colour: str) -> list[float]:
    """Return red, green, blue (0 to 1) and opacity of a computed colour."""
    numbers = [float(n) for n in colour[colour.index("(") + 1 : -1].split(",")]
    return [n / 255 for n in numbers[:3]] + [numbers[3] if len(numbers) > 3 else 1.0]


def luminance(rgb: list[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(paint: str, opacity: float, ground: str) -> float:
    """Return the ratio of a paint laid with its opacity on an opaque ground.

    >>> round(contrast("rgb(0, 0, 0)", 1, "rgb(255, 255, 255)"), 6)
    21.0
    """
    below, above = parts(ground), parts(paint)
    share = above[3] * opacity
    mixed = [share * a + (1 - share) * b for a, b in zip(above[:3], below[:3], strict=True)]
    light, dark = sorted((luminance(mixed), luminance(below[:3])), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def pale(page: Any) -> tuple[list[str], float]:
    """Return what is too pale, once each, and the least ratio of a curve."""
    state = page.evaluate(COLOURS)
    wrong, least = {}, 21.0
    for one in state["found"]:
        if not one["paint"].startswith("rgb"):
            continue
        ratio = contrast(one["paint"], one["opacity"], one.get("ground") or state["ground"])
        if one["kind"] == "curve":
            least = min(least, ratio)
        if ratio < NEEDED[one["kind"]]:
            wrong[
                f"{one['where']}: a {one['kind']} in {one['paint']}, {one['opacity']}: {ratio:.2f}"
            ] = 1
    return list(wrong), least


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_curves_marks_and_text_stand_out(where, html: Path, theme, open_page, report):
    page, _ = open_page(f"{html.as_uri()}/{where[1]}.html", color_scheme=theme)
    if not load_all(page):
        return
    wrong, least = pale(page)
    assert not wrong, "\n".join(wrong)
    if where[0] == "book":
        report.append(f"{where[1]}, {theme}: the palest curve has a contrast of {least:.1f} : 1")


def test_a_pale_curve_and_a_pale_word_go_red(mini_site, open_page):
    page, _ = open_page(f"{mini_site}/book/index.html")
    load_all(page)
    assert pale(page)[0] == []
    page.evaluate(
        """() => {
          document.querySelector(".softbook-plot .js-line").style.stroke = "rgb(200, 200, 255)";
          document.querySelector(".softbook-plot .ytitle").style.fillOpacity = "0.4";
        }"""
    )
    assert sorted(line.split(" a ")[1].split(" ")[0] for line in pale(page)[0]) == ["curve", "text"]


def test_pale_ink_goes_red(mini_site, open_page):
    page, _ = open_page(f"{mini_site}/book/second.html")
    load_all(page)
    before = pale(page)[0]
    page.evaluate(
        """() => {
          const traces = Object.values(softbook.explorables).flatMap((one) => one.plot.data);
          traces.find((one) => one.type === "heatmap").colorscale = [[0, "#ffffff"], [1, "#eeeeee"]];
        }"""
    )
    (ink,) = set(pale(page)[0]) - set(before)
    assert "a mark in rgb(238, 238, 238)" in ink
