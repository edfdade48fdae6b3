"""Bounds along the data's path: against sums over all orders, and over all ways to share steps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softbook.diffusion.model.along import frozen_rates_bound, group_bound, masked_bound
from softbook.diffusion.model.distances import total_variation
from softbook.diffusion.model.path import path_law, posterior, rates
from softbook.diffusion.model.samplers import continuous_law, masked_sampler_law
from softbook.diffusion.model.tables import copy_law, product_law, random_law
from softbook.diffusion.theory import parallel_unmasking_bound, path_bound


def model(tokens, sites, seed):
    rng = np.random.default_rng(seed)
    table = rng.dirichlet(np.full(tokens, 0.5), size=((tokens + 1) ** sites, sites))
    shape = (tokens + 1,) * sites
    return lambda states, time: table[np.ravel_multi_index(states.T, shape)]


def over_orders(data, conditionals, path="data"):
    """The mean over orders of the sum of errors just before each filling, filled by data or by the model."""
    tokens, sites = len(data), data.ndim
    exact = lambda x: posterior(data, x, 0.0)  # noqa: E731
    fills = exact if path == "data" else lambda x: conditionals(x, 0.0)
    orders = list(itertools.permutations(range(sites)))
    total = 0.0
    for z in itertools.product(range(tokens), repeat=sites):
        for order in orders:
            context, chance = np.full((1, sites), tokens), 1.0 / len(orders)
            for place, site in enumerate(order):
                gap = np.abs(exact(context) - conditionals(context, 0.0))[0, site].sum() / 2
                # Whatever follows sums to one: each context counts once for all that may come.
                total += chance * gap / tokens ** (sites - place)
                chance *= fills(context)[0, site, z[site]]
                context[0, site] = z[site]
    return total


@pytest.mark.parametrize("path", ["data", "sampler"])
@pytest.mark.parametrize(("tokens", "sites"), [(2, 1), (3, 2), (2, 3)])
def test_the_masked_bound_is_the_mean_over_orders(tokens, sites, path):
    data, learned = random_law(tokens, sites, 4), model(tokens, sites, 5)
    found = masked_bound(data, learned, path=path)
    assert found == pytest.approx(over_orders(data, learned, path), abs=1e-13)


def test_the_paths_law_matters():
    # A planted fault: with law and conditionals of model and data exchanged the number is another.
    data, learned = random_law(2, 3, 1), model(2, 3, 2)
    fault = continuous_law(data, conditionals=learned)
    swapped = masked_bound(fault, lambda x, t: posterior(data, x, t))
    assert abs(swapped - over_orders(data, learned)) > 1e-2
    # And so with the law that the model ends in, in the place of its path: its orders matter.
    assert abs(swapped - over_orders(data, learned, "sampler")) > 1e-3


def test_the_two_paths_bound_differently():
    data = np.diag([1.0, 0.0])
    learned = lambda x, t: np.full((*x.shape, 2), 0.5)  # noqa: E731
    # The data's path: a half at each of two fillings. The model's shows a 1 first in a half of the cases:
    # the data never do, and the uniform law that then counts as exact is the model's.
    assert masked_bound(data, learned) == pytest.approx(1.0)
    assert masked_bound(data, learned, path="sampler") == pytest.approx(0.75)
    with pytest.raises(ValueError, match="path: 'model' is given"):
        masked_bound(data, learned, path="model")


@pytest.mark.parametrize(
    "call", [masked_bound, lambda law, ask: continuous_law(law, conditionals=ask)]
)
def test_a_model_that_looks_at_the_clock_is_refused(call):
    """Without that the bound would say 0 of an error of a half: at time 0 the model is right."""
    data = np.array([1.0, 0.0])
    moving = lambda x, t: np.broadcast_to([1.0 - t, t], (*x.shape, 2))  # noqa: E731
    with pytest.raises(ValueError, match=r"conditionals: they change by 0.618 between times 0 and"):
        call(data, moving)
    # Rounding is no change, and what a shown site would get does not count.
    call(data, lambda x, t: np.broadcast_to([1.0 - 1e-9 * t, 1e-9 * t], (*x.shape, 2)))
    call(data, lambda x, t: np.where(x[..., None] < 2, [1.0 - t, t], [0.5, 0.5]))


@given(st.integers(2, 3), st.integers(1, 3), st.integers(0, 200))
@settings(max_examples=40, deadline=None)
def test_the_masked_bound_bounds(tokens, sites, seed):
    data, learned = random_law(tokens, sites, seed), model(tokens, sites, seed)
    error = total_variation(continuous_law(data, conditionals=learned), data)
    for path in ("data", "sampler"):
        bound = masked_bound(data, learned, path=path)
        assert error <= bound + 1e-12
        if sites == 1:
            assert error == pytest.approx(bound, abs=1e-13)


def over_cells(data, widths):
    """The mean over all assignments of sites to steps."""
    sites, total = data.ndim, 0.0
    for cells in itertools.product(range(len(widths)), repeat=sites):
        share = float(np.prod([widths[k] for k in cells]))
        for k in set(cells):
            group = [i for i in range(sites) if cells[i] == k]
            context = [i for i in range(sites) if cells[i] < k]
            if len(group) > 1:
                total += share * dependence(data, group, context)
    return total


def dependence(data, group, context):
    """E TV(p(x_G | context), product), value by value."""
    tokens, sites = len(data), data.ndim
    found = 0.0
    for values in itertools.product(range(tokens), repeat=len(context)):
        place = [slice(None)] * sites
        for i, a in zip(context, values, strict=True):
            place[i] = slice(a, a + 1)
        part = data[tuple(place)]
        mass = part.sum()
        if mass == 0:
            continue
        joint = part.sum(tuple(i for i in range(sites) if i not in group)) / mass
        alone = [
            joint.sum(tuple(j for j in range(len(group)) if j != i)) for i in range(len(group))
        ]
        found += mass * np.abs(joint - product_law(alone)).sum() / 2
    return found


@pytest.mark.parametrize(("tokens", "sites"), [(2, 2), (3, 3), (2, 4)])
def test_the_group_bound_is_the_mean_over_all_cells(tokens, sites):
    data = random_law(tokens, sites, 9)
    times = np.linspace(0, 1, 4) ** 1.4
    wanted = over_cells(data, np.diff(times))
    assert group_bound(data, 3, grid=times) == pytest.approx(wanted, abs=1e-13)


@given(st.integers(2, 3), st.integers(1, 3), st.integers(0, 200), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_the_group_bound_bounds_and_is_below_the_bins(tokens, sites, seed, steps):
    data = random_law(tokens, sites, seed)
    bound = group_bound(data, steps)
    assert total_variation(masked_sampler_law(data, steps), data) <= bound + 1e-12
    assert bound <= parallel_unmasking_bound(sites, steps, form="bins") + 1e-12


def test_independence_costs_nothing_and_copies_all():
    assert group_bound(product_law([[0.3, 0.7], [0.5, 0.5], [0.9, 0.1]]), 2) < 1e-15
    assert group_bound(copy_law(4, 2), 5) == pytest.approx(0.75 / 5)
    with pytest.raises(ValueError, match="grid: 2 times"):
        group_bound(copy_law(2, 2), 2, grid=[0, 1])


@pytest.mark.parametrize(("prior", "size"), [("masked", None), ("uniform", None), ("uniform", 1e6)])
def test_frozen_rates_cost_what_the_path_bound_says(prior, size):
    data, cuts = random_law(2, 2, 0), np.linspace(0, 0.7, 4)
    kind = {"prior": prior, "prior_size": size}
    pieces = [(float(b), rates(data, float(a), **kind)) for a, b in itertools.pairwise(cuts)]
    start = path_law(data, 0.0, **kind).ravel()
    wanted = path_bound(lambda t: rates(data, t, **kind), pieces, start, end=0.7, path="rates")
    found = frozen_rates_bound(data, 3, end=0.7, **kind)
    assert found == pytest.approx(wanted, rel=1e-3)
    assert found >= wanted - 1e-9
    # Twice the steps, about half the cost.
    assert frozen_rates_bound(data, 6, end=0.7, **kind) == pytest.approx(found / 2, rel=0.25)
    with pytest.raises(ValueError, match="end: 1 is given"):
        frozen_rates_bound(data, 3, end=1)
