"""Formulas as readers get them: all are typeset, in MathJax's fonts, with and without JavaScript."""

from __future__ import annotations

import re
import shutil

import pytest

from .harness import served

# Formulas for which boxes or the form for the ear are missing, and what stands there as TeX.
LACKS = r"""() => {
  const article = document.querySelector("article");
  const formulas = [...article.querySelectorAll(".math")];
  const lacks = formulas.filter((one) => {
    const box = one.querySelector(":scope > mjx-container[jax='CHTML']");
    return !box || !box.querySelector("mjx-math") || !box.querySelector("mjx-assistive-mml math");
  });
  const written = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const raw = [];
  for (let node = written.nextNode(); node; node = written.nextNode())
    if (/\\\(|\\\[/.test(node.data) && !node.parentElement.closest("script, style, pre, code")) raw.push(node.data);
  return [...lacks.map((one) => one.outerHTML.slice(0, 200)), ...raw];
}"""
# A font is loaded where a letter of a formula is drawn in it. Each has the height of a line of letters.
FONTS = """async () => {
  await document.fonts.ready;
  return [...document.fonts].filter((one) => one.status === "loaded" && one.family.startsWith("MJX"))
    .map((one) => one.family);
}"""
HEIGHTS = """[...document.querySelectorAll("article mjx-container")]
  .filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect().height)"""


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_every_formula_is_typeset(where, site, open_page, scripts):
    page, watch = open_page(f"{site}/{where[1]}.html", java_script_enabled=scripts)
    assert page.evaluate(LACKS) == []
    heights = page.evaluate(HEIGHTS)
    assert all(height > 5 for height in heights)
    if heights:
        assert "MJXTEX" in " ".join(page.evaluate(FONTS))
    assert [url for url in watch.requests if re.search(r"mathjax.*\.js", url)] == []
    assert not watch.errors
    assert not watch.outside


def test_a_formula_that_was_left_as_tex_goes_red(spoiled, open_page):
    """The planted faults: a formula as it was before, one that lost its form for the ear, one in the prose."""
    file = spoiled / "book" / "second.html"
    text = file.read_text("utf-8")
    box = re.compile(r"<mjx-container.*?</mjx-container>", re.DOTALL)
    spoken = re.compile(r"<mjx-assistive-mml.*?</mjx-assistive-mml>", re.DOTALL)
    faults = {
        "as it was": box.sub(r"\\(x\\)", text, count=1),
        "no longer spoken": spoken.sub("", text, count=1),
        "in the prose": text.replace("</h1>", r" of \(x\)</h1>", 1),
    }
    for name, spoilt in faults.items():
        assert spoilt != text
        file.write_text(spoilt, "utf-8")
        page, _ = open_page(f"{spoiled.as_uri()}/book/second.html")
        assert page.evaluate(LACKS), name


def test_without_the_fonts_none_is_loaded(spoiled, open_page):
    """The planted fault: the folder of fonts is not there."""
    shutil.rmtree(spoiled / "_static" / "mathjax" / "fonts")
    with served(spoiled) as address:
        page, _ = open_page(f"{address}/book/second.html")
        assert page.evaluate(FONTS) == []


@pytest.mark.parametrize("size", [16, 22])
def test_letters_of_formulas_are_as_high_as_those_around_them(mini_site, open_page, size):
    page, _ = open_page(f"{mini_site}/book/second.html")
    page.evaluate(f"document.documentElement.style.fontSize = '{size}px'")
    high = page.evaluate(
        """() => {
          const box = document.querySelector("article p mjx-container");
          const rule = document.createElement("span");
          rule.style.cssText = "display: inline-block; width: 100ex";
          box.parentElement.parentElement.append(rule);
          return [0.442 * parseFloat(getComputedStyle(box).fontSize), rule.getBoundingClientRect().width / 100];
        }"""
    )
    assert high[0] == pytest.approx(high[1], rel=2e-3)
