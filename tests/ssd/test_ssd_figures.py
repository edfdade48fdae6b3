"""What the figures of chapter 2 draw and say, against computations that share nothing with them."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import pytest

from softbook.explore.parts import array_of
from softbook.plotting import chart, curve, note, rule, side_by_side
from softbook.ssd.figures import breaks, duals, matrices, ranks
from softbook.ssd.figures.panels import matrix_map

NUMBER = r"[-−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"


LOWERED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def plain(words):
    """Write powers of ten as Python reads them: 1.4·10⁻⁵ as 1.4e-5."""
    return re.sub(
        r"(?:(\d)·)?10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)",
        lambda found: f"{found[1] or 1}e{found[2].translate(LOWERED)}",
        words,
    )


def numbers(words):
    return [float(found.replace("−", "-")) for found in re.findall(NUMBER, plain(words))]


def drawn(frame, trace, key="z"):
    return array_of(frame.figure.to_plotly_json()["data"][trace][key])


def rounds_to(said, exact, digits):
    return float(f"{exact:.{digits}g}") == said


def kernel(q, k, a):
    """The matrix of a diagonal SSM, entry by entry: sums of products of decays."""
    tokens = len(q)
    matrix = np.zeros((tokens, tokens))
    for j in range(tokens):
        for i in range(j + 1):
            matrix[j, i] = sum(
                q[j, n] * np.prod(a[i + 1 : j + 1, n]) * k[i, n] for n in range(q.shape[1])
            )
    return matrix


@pytest.mark.parametrize(("decay", "states", "tokens"), [(0.0, 1, 4), (0.8, 2, 16), (1.0, 4, 8)])
def test_the_matrix_is_that_of_the_products_of_decays(decay, states, tokens):
    frame = matrices.ssd_matrix(decay=decay, states=states, tokens=tokens)
    q, k = (entry[:tokens].numpy() for entry in matrices.drawn(16, states))
    exact = kernel(q, k, np.full((tokens, states), decay))
    lower = np.tril(np.ones((tokens, tokens))) > 0
    for trace in (0, 1):
        seen = drawn(frame, trace)[:tokens, :tokens]
        np.testing.assert_allclose(seen[lower], exact[lower], atol=1e-14)
        assert np.isnan(seen[~lower]).all()
    t, n, a, difference, largest = numbers(frame.summary)
    assert (t, n, a) == (tokens, states, decay)
    assert difference < 1e-14
    assert rounds_to(largest, np.abs(exact).max(), 3)


def test_the_right_panel_shows_either_factor():
    q, k = (entry[:8].numpy() for entry in matrices.drawn(16, 2))
    scores = matrices.ssd_matrix(tokens=8, right=matrices.SCORES)
    np.testing.assert_allclose(drawn(scores, 1)[:8, :8], q @ k.T, atol=1e-14)
    mask = drawn(matrices.ssd_matrix(tokens=8, decay=0.5, right=matrices.MASK), 1)
    assert mask[7, 4] == 0.125
    assert mask[3, 3] == 1


@pytest.mark.parametrize(("t", "decay"), [(1, 0.8), (7, 0.0), (12, 0.8), (16, 1.0)])
def test_state_and_row_give_the_same_output(t, decay):
    frame = matrices.ssd_recurrence(t=t, decay=decay)
    q, k, v, _ = (entry.numpy() for entry in matrices.states_over_time(decay))
    state = sum(decay ** (t - 1 - i) * np.outer(k[i], v[i]) for i in range(t))
    row = np.array([decay ** (t - 1 - i) * (q[t - 1] @ k[i]) for i in range(t)])
    np.testing.assert_allclose(drawn(frame, 0), state, atol=1e-14)
    weights = drawn(frame, 2, "y")
    np.testing.assert_allclose(weights[:t], row, atol=1e-14)
    assert np.isnan(weights[t:]).all()
    said = re.search(
        rf"is ({NUMBER}) from the state's 24 numbers and ({NUMBER}) from", frame.summary
    )
    assert said
    for found in said.groups():
        assert abs(float(found.replace("−", "-")) - (row @ v[:t])[0]) <= 5e-4
    assert numbers(frame.summary)[-1] < 1e-14


@pytest.mark.parametrize("decays", [matrices.EVERYWHERE, matrices.CUT])
def test_what_the_first_heads_leave(decays):
    q, k = (entry.numpy() for entry in matrices.drawn(12, 8, seed=3))
    a = np.tile(np.linspace(0.3, 0.99, 8), (12, 1))
    if decays == matrices.CUT:
        a[6, 4:] = 0
    whole = kernel(q, k, a)
    for heads in (0, 3, 8):
        frame = matrices.ssd_heads(heads=heads, decays=decays)
        part = kernel(q[:, :heads], k[:, :heads], a[:, :heads])
        lower = np.tril(np.ones((12, 12))) > 0
        np.testing.assert_allclose(drawn(frame, 0)[lower], part[lower], atol=1e-14)
        said, counted, error, largest = numbers(frame.summary)
        assert (said, counted) == (heads, 8)
        assert rounds_to(largest, np.abs(whole).max(), 3)
        if heads < 8:
            assert rounds_to(error, np.abs(whole - part).max(), 2)
        else:
            assert error < 1e-14


def rank(block):
    """Rank over the rationals of a small 0/1 block: floating point decides it with room to spare."""
    return int(np.linalg.matrix_rank(block, tol=1e-6)) if block.size else 0


def expected(matrix):
    """Blocks, new columns, order and least width of a 0/1 matrix, counted from 1."""
    tokens = len(matrix)
    cuts = [0, *(t for t in range(1, tokens) if not matrix[t:, :t].any()), tokens]
    new = [t for t in range(tokens) if rank(matrix[t:, : t + 1]) > rank(matrix[t:, :t])]
    width = max(sum(start <= t < end for t in new) for start, end in pairwise(cuts))
    order = max(rank(matrix[t:, : t + 1]) for t in range(tokens))
    blocks = [(a + 1, b) for a, b in pairwise(cuts)]
    return blocks, [t + 1 for t in new], order, width


def check_dual(matrix, frame):
    """Hold the sentence and both panels of a dual to `expected`; return whether it says found."""
    tokens = len(matrix)
    blocks, new, order, width = expected(matrix)
    spans = ", ".join(f"{a}–{b}" if a < b else str(a) for a, b in blocks)
    listed = ", ".join(map(str, new)) or "none"
    verdict = "found" if width <= order else "refused"
    assert frame.summary.startswith(
        f"Blocks {spans}; new columns {listed}; order N = {order}; the least width of a dual is {width}. "
        f"A dual of width N is {verdict}."
    )
    marks = drawn(frame, 2, "y")
    assert (np.flatnonzero(~np.isnan(marks)) + 1).tolist() == new
    scores = drawn(frame, 3)
    assert rank(scores) <= width
    for start, end in blocks:
        inside = np.tril(np.ones((end - start + 1,) * 2)) > 0
        square = slice(start - 1, end), slice(start - 1, end)
        np.testing.assert_allclose(scores[square][inside], matrix[square][inside], atol=1e-12)
    assert drawn(frame, 0).shape == (tokens, tokens)
    return verdict == "found"


def test_the_editor_decides_every_seventh_matrix_rightly():
    found = 0
    everything = list(duals.ssd_dual.grid())
    assert len(everything) == 1024
    for setting in everything[::7]:
        rows = (setting[name].split() for name in ("first", "second", "third", "fourth"))
        matrix = np.array([[int(e) for e in row] + [0] * (4 - len(row)) for row in rows], float)
        found += check_dual(matrix, duals.ssd_dual(**setting))
    assert 0 < found < len(everything[::7])


def test_the_random_draws_are_decided_rightly_and_counted():
    found = 0
    for seed in range(1, 25):
        matrix = duals.random_matrix(seed, 0.3).astype(float)
        frame = duals.ssd_dual_random(seed=seed, density=0.3)
        found += check_dual(matrix, frame)
    assert frame.summary.endswith(f"{found} of the 24 draws have one.")


def test_a_wrong_verdict_and_a_wrong_dual_go_red():
    frame = duals.ssd_dual(fourth="1 0 0 1")
    matrix = np.eye(4)
    matrix[3, 0] = 1
    check_dual(matrix, frame)
    with pytest.raises(AssertionError):
        check_dual(matrix, frame._replace(summary=frame.summary.replace("refused", "found")))
    tree = frame.figure.to_plotly_json()
    tree["data"][3]["z"] = drawn(frame, 3) + np.eye(4)
    with pytest.raises(AssertionError):
        check_dual(matrix, frame._replace(figure=go.Figure(tree)))


def rank_modulo(matrix, prime=2**61 - 1):
    """Rank of an integer matrix modulo a prime: never above the true rank."""
    rows, found = [[int(e) % prime for e in row] for row in matrix], 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((r for r in range(found, len(rows)) if rows[r][column]), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        inverse = pow(rows[found][column], -1, prime)
        for r in range(found + 1, len(rows)):
            share = rows[r][column] * inverse % prime
            rows[r] = [(x - share * y) % prime for x, y in zip(rows[r], rows[found], strict=True)]
        found += 1
    return found


@pytest.mark.parametrize("tokens", [2, 5, 12, 16])
def test_softmax_ranks_are_those_of_whole_numbers(tokens):
    """Rows scaled by 8^(jT) are integers, and scaling rows leaves ranks alone."""
    matrix = [
        [9 ** (j * i) * 8 ** (j * (tokens - i)) if i <= j else 0 for i in range(1, tokens + 1)]
        for j in range(1, tokens + 1)
    ]
    exact = [rank_modulo([row[: t + 1] for row in matrix[t:]]) for t in range(tokens)]
    assert exact == [min(t, tokens - t + 1) for t in range(1, tokens + 1)]
    for states in (1, 4):
        frame = ranks.ssd_ranks(tokens=tokens, states=states)
        assert drawn(frame, 0, "y")[:tokens].tolist() == exact
        order = min(states, (tokens + 1) // 2)
        assert drawn(frame, 2, "y")[:tokens].tolist() == [
            min(t, tokens - t + 1, states) for t in range(1, tokens + 1)
        ]
        said = numbers(frame.summary)
        assert said[0] == tokens
        assert said[-1] == order
        assert f"reach {max(exact)}" in frame.summary
        assert frame.figure.layout.shapes[0].y0 == (tokens + 1) // 2


@pytest.mark.parametrize("counted", list(ranks.COUNTED)[1:])
def test_numerical_ranks_are_counts_of_singular_values(counted):
    scores = np.outer(np.arange(1, 13), np.arange(1, 13)) * np.log(9 / 8)
    weights = np.tril(np.exp(scores - scores.max(axis=1, keepdims=True)))
    weights /= weights.sum(axis=1, keepdims=True)
    least = ranks.COUNTED[counted]
    blocks = [np.linalg.svd(weights[t:, : t + 1], compute_uv=False) for t in range(12)]
    exact = [int((s > least * s[0]).sum()) for s in blocks]
    frame = ranks.ssd_ranks(tokens=12, counted=counted)
    assert drawn(frame, 0, "y")[:12].tolist() == exact
    assert f"at most {max(exact)} a block" in frame.summary


@pytest.mark.parametrize("where", [breaks.ALL, breaks.ONE])
def test_the_absorbed_keys_are_quotients_and_the_widths_ranks(where):
    q, k = (entry.astype(float) for entry in breaks.whole_numbers())
    columns = slice(None) if where == breaks.ALL else slice(0, 1)
    for label in ("10⁻³", "10⁻³⁰"):
        a = np.ones((8, 2))
        a[4, columns] = 10.0 ** -breaks.LABELS[label]
        products = np.cumprod(a, axis=0)
        for precision, breaks_at in (("float16", 65504), ("float32", 3.4e38)):
            frame = breaks.break_zero(decay=label, where=where, precision=precision)
            largest = np.abs(k / products).max()
            said = re.search(rf"keys up to ({NUMBER});", plain(frame.summary))
            assert said
            assert rounds_to(float(said[1]), largest, 2)
            assert ("inf or NaN" in frame.summary) == (largest > breaks_at)
            at = breaks.EXPONENTS.index(breaks.LABELS[label])
            assert drawn(frame, 0, "y")[at] == pytest.approx(largest)
    a = np.ones((8, 2))
    a[4, columns] = 0
    _, new, _, width = expected(kernel(q, k, a))
    said = breaks.break_zero(decay="0", where=where).summary
    assert f"of a dual is {len(new)} instead of 2" in said
    assert ("does not help" in said) == (width == len(new))
    assert len(new) > 2
    assert width == (2 if where == breaks.ALL else 3)


def test_the_error_in_a_format_is_that_of_rounding():
    frame = breaks.break_zero(decay="10⁻²", where=breaks.ALL, precision="float16")
    q, k = (entry.astype(float) for entry in breaks.whole_numbers())
    products = np.where(np.arange(8) >= 4, 1e-2, 1.0)[:, None]
    stored = [(q * products).astype(np.float16), (k / products).astype(np.float16)]
    exact = kernel(q, k, np.where(np.arange(8) == 4, 1e-2, 1.0)[:, None] * np.ones(2))
    off = np.tril(stored[0].astype(float) @ stored[1].astype(float).T - exact)
    said = re.search(rf"is off by ({NUMBER}) of", plain(frame.summary))
    assert said
    assert rounds_to(float(said[1]), np.abs(off).max() / np.abs(exact).max(), 1)


@pytest.mark.parametrize("chunk", [16, 64, 256])
def test_factors_overflow_where_it_is_said(chunk):
    limit = math.log(np.finfo(np.float32).max) / chunk
    for share in (0.9, 1.1, 1.8, 2.3):
        errors = breaks.chunk_errors(share * limit, chunk)
        # Keys of size up to 4 times the factor shift the border by log 4 at most.
        assert np.isnan(errors["factored"]) == (share > 1)
        assert np.isnan(errors["middle"]) == (share > 2)
        assert errors["difference"] < 1e-5
    frame = breaks.break_overflow(gate=100, chunk=chunk)
    assert frame.figure.layout.shapes[0].x0 == pytest.approx(limit)
    assert f"exceeds {limit * chunk:.1f}: at {limit:.3g} here" in frame.summary
    assert "the error is inf or NaN" in frame.summary


def test_two_panels_are_drawn_as_a_whole_at_every_change():
    """A page moves curves alone without their other panel, which plotly then loses: a heat map forbids it."""
    for entry in (
        matrices.ssd_matrix,
        matrices.ssd_recurrence,
        matrices.ssd_heads,
        duals.ssd_dual_random,
    ):
        channels = entry.payload()["channels"]
        moved = {axis for channel in channels for axis in channel["axes"]}
        fields = {a for channel in channels if channel["path"][2] == "z" for a in channel["axes"]}
        assert moved == fields


def test_notes_and_rules_keep_to_their_panel():
    def panel(name):
        line = curve([0, 1], [0, 1], "measured", name)
        return chart(
            [line],
            title=name,
            x="x",
            y="y",
            notes=[note(0, 0, name)],
            rules=[rule("bound", x=0.5), rule("bound", y=0.5)],
        )

    figure = side_by_side(panel("one"), panel("two"), title="Both", share=0.4, gap=0.2)
    layout = figure.to_plotly_json()["layout"]
    places = [(shape.get("xref", "x"), shape.get("yref", "y")) for shape in layout["shapes"]]
    assert places == [
        ("x", "y domain"),
        ("x domain", "y"),
        ("x2", "y2 domain"),
        ("x2 domain", "y2"),
    ]
    assert [(e.get("xref", "x"), e["text"]) for e in layout["annotations"]] == [
        ("paper", "one"),
        ("paper", "two"),
        ("x", "one"),
        ("x2", "two"),
    ]
    assert layout["xaxis"]["domain"][1] == pytest.approx(0.32)
    assert layout["xaxis2"]["domain"][0] == pytest.approx(0.52)


def test_what_does_not_fit_is_refused():
    figure = chart([], title="", x="x", y="y")
    with pytest.raises(ValueError, match="share: 1 is given"):
        side_by_side(figure, figure, title="", share=1)
    with pytest.raises(ValueError, match="at most 2 rows"):
        matrix_map(np.zeros((3, 3)), 2, "entry", limits=(0, 1))
    with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
        matrix_map(np.zeros((2, 3)), 3, "entry", limits=(0, 1))
