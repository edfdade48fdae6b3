"""The cost figure on a measurement made up with known exponents, and its formulas against counting."""

from __future__ import annotations

import re

import numpy as np
import pytest

from softbook.explore.parts import array_of
from softbook.provenance import write_result
from softbook.ssd.figures import cost

LAWS = {"loop": 1.0, "quadratic": 2.0, "chunked": 1.1, "compiled": 1.05, "sdpa": 1.9}


def made_up(file, device="cpu"):
    rows = [
        {
            "T": tokens,
            "form": form,
            "pass": kind,
            "seconds": factor * 1e-6 * tokens**power,
            "peak_bytes": 1000 * tokens if form != "loop" else None,
        }
        for form, power in LAWS.items()
        for kind, factor in (("forward", 1), ("both", 3))
        for tokens in (4096, 1024, 2048)
    ]
    result = {"machine": {"device": device}, "rows": rows}
    write_result(file, result, settings={}, seeds=[0], seconds=1.0)
    return cost.measured(file)


def test_the_sentence_gives_the_exponents_of_the_measured_points(tmp_path):
    result = made_up(tmp_path / "cost.json")
    for kind, factor in (("forward", 1), ("both", 3)):
        figure, words = cost.cost_figure(result, cost.TIME, kind)
        found = {
            form: float(said[1])
            for form, look in cost.FORMS.items()
            if (said := re.search(rf"[:,] {re.escape(look.name)} (\d+\.\d+)", words))
        }
        assert found == LAWS
        for place, form in enumerate(cost.FORMS):
            trace = figure.to_plotly_json()["data"][2 * place]
            x, y = array_of(trace["x"])[:3], array_of(trace["y"])[:3]
            assert x.tolist() == [1024, 2048, 4096]
            np.testing.assert_allclose(y, factor * 1e-6 * x ** LAWS[form])
        assert words.endswith("No GPU has measured it yet.")


def test_what_was_not_measured_is_left_out(tmp_path):
    result = made_up(tmp_path / "cost.json")
    figure, words = cost.cost_figure(result, cost.MEMORY, "forward")
    place = 2 * list(cost.FORMS).index("loop")
    assert np.isnan(array_of(figure.to_plotly_json()["data"][place]["y"])).all()
    assert "loop" not in words
    empty = {"machine": {}, "rows": []}
    assert "was not measured" in cost.cost_figure(empty, cost.TIME, "both")[1]


def test_another_device_is_named(tmp_path):
    result = made_up(tmp_path / "cost.json", device="H200")
    assert cost.cost_figure(result, cost.TIME, "both")[1].endswith("Measured on H200.")


@pytest.mark.parametrize("tokens", [1, 64, 100, 192])
def test_the_formulas_count_what_loops_count(tokens):
    """Count each product of two numbers, pair by pair and step by step."""
    n = p = 64
    loop = sum(n * p + n * p + n * p for _ in range(tokens))
    pairs = sum(n + p for j in range(tokens) for _ in range(j + 1))
    assert cost.multiply_adds("loop", tokens) == loop
    assert cost.multiply_adds("quadratic", tokens) == cost.multiply_adds("sdpa", tokens) == pairs
    chunks = [min(64, tokens - start) for start in range(0, tokens, 64)]
    inside = sum(n + p for length in chunks for j in range(length) for _ in range(j + 1))
    states = tokens * n * p + tokens * n * p + len(chunks) * n * p
    assert cost.multiply_adds("chunked", tokens) == inside + states


def test_the_sentence_on_counts_is_right():
    _, words = cost.cost_figure({"rows": []}, cost.WORK, "forward")
    longest = 2**20
    inside, states = longest * 65 / 2 * 128, 2 * longest * 4096 + longest / 64 * 4096
    loop, pairs = 3 * longest * 4096, longest * (longest + 1) / 2 * 128
    assert f"chunks take {(inside + states) / loop:.2f} times the loop's" in words
    assert f"T × T takes {pairs / (inside + states):,.0f} times the chunks'" in words


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="form: 'fft' is given"):
        cost.multiply_adds("fft", 8)
