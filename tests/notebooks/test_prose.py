"""Which numbers count as prose: what a reader reads does, what only the machine reads does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softbook.notebooks.prose import decimals, prose_numbers


def numbers(markdown: str) -> list[str]:
    return [number for number, _ in prose_numbers(markdown)]


@pytest.mark.parametrize(
    "text",
    [
        "`1.5`",
        "$1.5$ and $$\n1.5\n$$",
        "\\begin{align}\n1.5\n\\end{align}",
        "[here](https://example.org/1.5/2.5.html)",
        "```{code-cell} ipython3\n1.5\n```",
        "```python\n1.5\n```",
        "```{math}\n:label: a1.5\n1.5\n```",
        ":::{note}\n:class: a-1.5\n:::",
        "```{note}\n---\nwidth: 1.5\n---\n```",
        "{cite}`hu1.5`",
        "% a comment with 1.5",
        "<!-- 1.5 -->",
        "+++ 1.5",
        "v1.5 and 1.5.2 and x1.5 and 2 and 1,000",
    ],
)
def test_what_is_no_prose(text: str):
    assert numbers(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "It is 1.5.",
        "It is **1.5**, or so.",
        "# A heading of 1.5",
        "- a list\n  - with 1.5",
        "> a quotation of 1.5",
        "| a | b |\n|---|---|\n| 1.5 | 2 |",
        "term\n: defined as 1.5",
        "[1.5](there.html)",
        ":::{dropdown} An answer\nIt is 1.5.\n:::",
        ":::{dropdown} 1.5 it is\n:::",
        "````{exercise}\n:label: one\n\n```{hint}\nThink of 1.5.\n```\n````",
        "```{note}\n---\nclass: a\n---\n1.5\n```",
        "0.75<!-- quoted --> and 1.5",
        "1.5 and 0.75 s<!-- quoted -->",
        "1.5%",
        "x=1.5",
        "$a$1.5$b$",
    ],
)
def test_what_is_prose(text: str):
    assert numbers(text) == ["1.5"]


def test_the_words_around_a_number_are_told():
    assert prose_numbers("The gap is\n0.28 at most.")[0] == ("0.28", "The gap is 0.28 at most.")


@given(
    st.decimals(0, 10_000, places=4), st.sampled_from(["{}", "it is {}.", "({})", "**{}**", "{} %"])
)
def test_any_decimal_in_any_sentence_is_found(number: object, sentence: str):
    (found,) = numbers(sentence.format(number))
    assert found == str(number)


def test_thousands_and_exponents_are_one_number():
    assert decimals("1,234.5 and 1.2e-03") == decimals("1234.5, 1.2E-3")


def test_digits_count():
    assert decimals("0.50") != decimals("0.5")
