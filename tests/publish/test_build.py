"""Whole builds of the small book: what the second one keeps, and which faults stop one."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from softbook.publish.offline import remote_addresses

from ..browser.harness import build, copy_mini

HEAD = "---\nkernelspec:\n  display_name: Python 3\n  language: python\n  name: python3\njupytext:\n  text_representation:\n    format_name: myst\n---\n"
CELL = "```{{code-cell}} ipython3\n{}\n```\n"


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = copy_mini(tmp_path_factory.mktemp("book"))
    outcome = build(source)
    assert outcome.returncode == 0, outcome.stderr[-1500:]
    return source


def _small(folder: Path, text: str, **settings: str) -> Path:
    """A book of one page."""
    copy_mini(folder, **settings)
    (folder / "_toc.yml").write_text("format: jb-book\nroot: book/index\n")
    (folder / "book" / "index.md").write_text(HEAD + "# One page\n\n" + text)
    return folder


def _data(source: Path) -> set[str]:
    return {file.name for file in (source / "_build/html/_static/softbook/data").glob("*.js")}


def test_no_page_asks_another_host_and_thebe_is_gone(book):
    html = book / "_build" / "html"
    assert remote_addresses(html) == []
    for page in html.rglob("*.html"):
        assert "THEBE_JS_URL" not in page.read_text("utf-8")


def test_only_pages_with_a_figure_load_the_script(book):
    folder = book / "_build" / "html" / "book"
    loads = {p.stem: "softbook.js" in p.read_text("utf-8") for p in folder.glob("*.html")}
    assert loads == {"index": True, "second": True, "ledger": False}


def test_blocks_and_ledger_point_at_each_other(book):
    folder = book / "_build" / "html" / "book"
    second, ledger = (folder / f"{name}.html" for name in ("second", "ledger"))
    block = second.read_text("utf-8")
    assert 'class="softbook-claim softbook-proved" id="claim-mini-double"' in block
    assert 'href="ledger.html#ledger-mini-double"' in block
    assert "not known to be needed" in block
    page = ledger.read_text("utf-8")
    assert 'id="ledger-mini-double"' in page
    assert 'href="second.html#claim-mini-double"' in page
    assert "−2 is measured where −3 is promised" in page


def test_a_warm_build_keeps_data_and_runs_nothing(book):
    before = _data(book)
    names = {name.rsplit("-", 1)[0] for name in before}
    assert {name for name in names if name.startswith("mini-")} == {
        "mini-curves", "mini-kinds", "mini-map", "mini-maps", "mini-panels",
    }  # fmt: skip
    assert len(before) == len(names) == 6  # and one plain figure
    page = book / "book" / "second.md"
    page.write_text(page.read_text("utf-8") + "\nOne more sentence.\n", "utf-8")
    # What was built is thrown away, what was read is not.
    for file in (book / "_build/html/_static/softbook/data").glob("*.js"):
        file.unlink()
    outcome = build(book)
    assert outcome.returncode == 0
    assert _data(book) == before
    assert "Executing notebook" not in outcome.stdout + outcome.stderr
    assert "second.md: Using cached notebook" in outcome.stdout + outcome.stderr


def test_another_builder_gets_the_summary(tmp_path):
    cell = CELL.format("import minifigures\nminifigures.curves")
    source = _small(tmp_path, cell + "\n```{claim} mini-double\n```\n")
    outcome = build(source, "--builder", "custom", "--custom-builder", "text")
    assert outcome.returncode == 0, outcome.stderr[-1500:]
    (page,) = (source / "_build").rglob("index.txt")
    text = page.read_text("utf-8")
    assert "At β = 8 and shift 0 the gap is at most 0.0348." in text
    assert "Theorem 1. Twice is less than thrice proved" in text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (CELL.format("1 / 0"), "ZeroDivisionError"),
        ("```{claim} nobody\n```\n", "'nobody' is no claim; there are mini-double"),
        (
            "```{claim} mini-said\n```\n\n```{claim} mini-said\n```\n",
            "stands on book/index already",
        ),
        ("```{ledger}\n```\n", "the book shows no theorem block for: mini-double, mini-square"),
        ("```{ledger} book/none\n```\n", "{ledger} book/none: the book has no such page"),
        (CELL.format("from figures_of_faults import grown\ngrown"), "give the knobs fewer points"),
        (
            "Words\nand $x$.\n\nMore of $\\nonsense{x}$.\n",
            r"index.md:16: WARNING: the formula \nonsense{x}: Undefined control sequence \nonsense",
        ),
        (
            "Words.\n\n$$\na = \\frac{1\n$$\n",
            "index.md:15: WARNING: the formula a = \\frac{1: Missing close brace",
        ),
        (
            "```{claim} mini-said\n```\n\n- one $x^2^3$\n",
            "index.md:16: WARNING: the formula x^2^3: Double exponent",
        ),
    ],
    ids=[
        "failing-cell",
        "unknown-claim",
        "claim-twice",
        "claim-nowhere",
        "ledger-of-no-page",
        "grid-over-budget",
        "wrong-formula",
        "wrong-display",
        "wrong-formula-in-a-list",
    ],
)
def test_a_fault_stops_the_build_with_a_sentence(tmp_path, text, sentence):
    source = _small(tmp_path, text)
    (source / "book" / "figures_of_faults.py").write_text(
        "from softbook.explore import explore\n"
        "from softbook.knobs import Linear\n"
        "from minifigures import plain_figure\n"
        "knobs = {n: Linear(0, 1, default=0, points=81) for n in 'ab'}\n"
        "grown = explore(lambda a, b: plain_figure(), **knobs)\n"
    )
    outcome = build(source)
    assert outcome.returncode != 0
    assert sentence in outcome.stdout + outcome.stderr


FORMULAS = r"""
Of $a < b \& c$ and {eq}`one`, {eq}`two`, {eq}`rows`.

$$ a = \mathrm{one} $$ (one)

```{math}
:label: two

a &= \mathrm{two} \\
b &= c

d = e
```

\begin{align}
a &= \mathrm{three} \\
b &= c
\end{align}

```{math}
:label: rows
a = \mathrm{four}
```

```{math}
:nowrap:

\begin{equation*} a = \mathrm{whole} \end{equation*}
```

A wrong $\nonsense{<}$.
"""


def test_formulas_keep_numbers_links_lines_and_classes(tmp_path):
    """A wrong one stays as it is written, and stops a build in which warnings do."""
    source = _small(tmp_path, FORMULAS)
    outcome = build(source)
    assert outcome.returncode != 0
    page = (source / "_build/html/book/index.html").read_text("utf-8")
    displays = re.findall(r'<div class="((?:amsmath )?math notranslate .*?</div>)', page, re.DOTALL)
    assert [one.startswith("amsmath") for one in displays] == [False, False, True, False, False]
    assert [one.count("<mjx-container") for one in displays] == [1] * 5
    # Two paragraphs, of which the first has two lines, in one row; then two lines.
    assert [one.count("<mtr>") for one in displays] == [0, 5, 2, 0, 0]
    link = r'<span class="eqno">\((\d)\)<a class="headerlink" href="#([\w-]+)" title='
    numbers = [re.findall(link, one) for one in displays]
    assert [[number for number, _ in found] for found in numbers] == [
        ["1"],
        ["2"],
        ["3"],
        ["4"],
        [],
    ]
    for found, display in zip(numbers, displays, strict=True):
        assert all(f'id="{id}"' in display for _, id in found)
    for number, label in (("1", "one"), ("2", "two"), ("4", "rows")):
        assert f'href="#equation-{label}">({number})</a>' in page
    assert page.count('<span class="math notranslate nohighlight"><mjx-container') == 1
    assert "<mo>&lt;</mo>" in page
    assert r'<span class="math notranslate nohighlight"><code>\nonsense{&lt;}</code></span>' in page


def test_a_claim_without_a_line_stops_the_build(tmp_path):
    source = copy_mini(tmp_path)
    page = source / "book" / "ledger.md"
    page.write_text("# The ledger\n\n```{ledger} book/index\n```\n")
    outcome = build(source)
    assert outcome.returncode != 0
    assert "no line of the ledger for: " in outcome.stdout + outcome.stderr


def test_a_false_claim_stops_the_ledger(tmp_path):
    source = _small(
        tmp_path, "```{claim} false\n```\n\n```{ledger}\n```\n", softbook_ledger="faulty:ledger"
    )
    (source / "book" / "faulty.py").write_text(
        "from softbook.claims import Claim\n"
        "def ledger():\n"
        "    return [Claim(id='false', title='False', statement='No.', evidence='proved', source='own',\n"
        "                  predicted=lambda: 1.0, measured=lambda: 2.0)]\n"
    )
    outcome = build(source)
    assert outcome.returncode != 0
    assert "claim false: it does not hold at" in outcome.stdout + outcome.stderr


def test_an_unknown_source_stops_the_build(tmp_path):
    source = _small(tmp_path, "```{claim} said\n```\n", softbook_ledger="faulty:ledger")
    (source / "book" / "faulty.py").write_text(
        "from softbook.claims import Claim\n"
        "def ledger():\n"
        "    return [Claim(id='said', title='Said', statement='So.', evidence='quoted', source='nobody2020')]\n"
    )
    outcome = build(source)
    assert outcome.returncode != 0
    assert "its source 'nobody2020' is not in the bibliography" in outcome.stdout + outcome.stderr


def test_kernels_know_that_the_book_is_built():
    # The extension sets the variable in the builder's process only, never in a reader's.
    assert "SOFTBOOK_BUILD" not in os.environ
