"""Typesetting without a page: what is made of a formula, of a wrong one, and by another process."""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys

import pytest

from softbook.publish import typeset, vendored

ROWS = r"\begin{aligned}a&<b\\c&=\tfrac12\end{aligned}"


def test_a_formula_has_boxes_and_a_form_for_the_ear():
    html = typeset.chtml(ROWS, display=True)
    assert html.count("<mjx-container") == html.count("</mjx-container>") == 1
    assert 'display="true"' in html
    assert 'display="true"' not in typeset.chtml(ROWS)
    spoken = re.search(r"<mjx-assistive-mml .*?>(<math .*</math>)</mjx-assistive-mml>", html)
    assert spoken is not None
    assert "<mo>&lt;</mo>" in spoken[1]
    assert spoken[1].count("<mtr>") == 2


def test_signs_of_html_in_a_formula_are_no_html():
    html = typeset.chtml(r"a < b \& c, \text{<script>}")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert '<mi mathvariant="normal">&amp;</mi>' in html


@pytest.mark.parametrize(
    ("tex", "sentence"),
    [
        (r"x + \nonsense{y}", r"Undefined control sequence \nonsense"),
        (r"\frac{1", "Missing close brace"),
        (r"\begin{cases} x", r"Missing \end{cases}"),
        ("x^2^3", "Double exponent: use braces to clarify"),
        ("a & b", "Misplaced &"),
    ],
)
def test_a_wrong_formula_is_named_with_what_is_wrong(tex, sentence):
    for make in (typeset.chtml, typeset.mathml):
        with pytest.raises(ValueError, match=re.escape(f"the formula {tex}: {sentence}")):
            make(tex)


def test_nothing_of_one_formula_lasts_into_the_next():
    named = r"\begin{equation}x\label{one}\end{equation}"
    assert typeset.chtml(named, display=True) == typeset.chtml(named + " ", display=True)
    assert typeset.mathml(named)
    for macro in (r"\def\own{x}", r"\newcommand{\own}{x}"):
        with pytest.raises(ValueError, match="Undefined control sequence"):
            typeset.chtml(macro)


def test_the_sheet_has_every_letter_that_a_formula_asks_for():
    sheet = typeset.stylesheet("fonts")
    asked = set(
        re.findall(r"mjx-c[0-9A-F]+", typeset.chtml(r"\sum_{i\ne j} \mathcal Q^\ast \aleph"))
    )
    assert len(asked) == 7
    assert all(f".{name}::before" in sheet or f".{name}." in sheet for name in asked)
    assert "127.0.0.1" not in sheet
    assert not re.search(r"url\(\"(?!fonts/)", sheet)


def _made(tex: str) -> str:
    return typeset.chtml(tex)


def test_a_process_forked_from_one_that_has_typeset_does_so_too():
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system does not fork")
    tex = r"\theta_{\rm forked}"
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert set(pool.map(_made, [tex] * 4)) == {typeset.chtml(tex)}


def test_a_process_that_has_typeset_ends():
    code = "from softbook.publish.typeset import chtml; print(chtml('x')[:4])"
    for _ in range(3):
        run = [sys.executable, "-c", code]
        done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout == "<mjx\n"


def test_what_v8_says_is_cut_to_a_line(monkeypatch, tmp_path):
    """The planted fault: a file of MathJax that is one long line and no JavaScript."""
    monkeypatch.setattr(typeset, "mathjax_folder", lambda: tmp_path)
    monkeypatch.setattr(typeset, "PARTS", ("spoiled.js",))
    (tmp_path / "spoiled.js").write_text("x = 1; " * 30_000 + "x = ;")
    with pytest.raises(RuntimeError, match=r"MathJax does not run: .*SyntaxError") as caught:
        typeset._engine.__wrapped__(os.getpid())
    assert len(str(caught.value)) < 300


def test_a_missing_package_is_named():
    with pytest.raises(FileNotFoundError, match="the package no_such_package is not installed"):
        vendored.package_file("no_such_package", "x")
    with pytest.raises(FileNotFoundError, match=r"plotly holds no x\.js"):
        vendored.package_file("plotly", "x.js")
