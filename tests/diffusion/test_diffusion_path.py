"""The path from noise to data: laws, posteriors and rates against sums over all of the data."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from softbook.diffusion.model.path import grid_of, path_law, posterior, rates, states
from softbook.diffusion.model.tables import copy_law, random_law

PRIORS = [
    ("masked", None),
    ("uniform", None),
    ("uniform", 7),
    ([0.2, 0.5, 0.3], None),
    ([0.1, 0.2, 0.3, 0.4], None),
]


def brute(data, time, prior, size):
    """The joint law of state and data, entry by entry: {(x, z): probability}."""
    tokens, sites = len(data), data.ndim
    size = size or tokens
    if not isinstance(prior, str):
        noise = dict(enumerate(prior))
    elif prior == "masked":
        noise = {tokens: 1.0}
    else:
        noise = {a: 1 / size for a in range(tokens)}
        if size > tokens:
            noise[tokens] = (size - tokens) / size
    joint = {}
    for z in itertools.product(range(tokens), repeat=sites):
        for x in itertools.product(range(tokens + 1), repeat=sites):
            chance = data[z]
            for a, b in zip(x, z, strict=True):
                chance *= time * (a == b) + (1 - time) * noise.get(a, 0.0)
            if chance > 0:
                joint[x, z] = chance
    return joint


@pytest.mark.parametrize(("prior", "size"), PRIORS)
@pytest.mark.parametrize("time", [0.0, 0.3, 0.9])
def test_laws_and_posteriors_are_sums_over_the_data(prior, size, time):
    data = random_law(3, 2, 1)
    joint = brute(data, time, prior, size)
    law = path_law(data, time, prior=prior, prior_size=size)
    seen = {x: sum(v for (y, _), v in joint.items() if y == x) for x, _ in joint}
    assert law.sum() == pytest.approx(1, abs=1e-14)
    for x, chance in seen.items():
        assert law[x] == pytest.approx(chance, abs=1e-15)
        given = posterior(data, np.array([x]), time, prior=prior, prior_size=size)[0]
        for site, token in itertools.product(range(2), range(3)):
            part = sum(v for (y, z), v in joint.items() if y == x and z[site] == token)
            assert given[site, token] == pytest.approx(part / chance, abs=1e-13)


def test_contexts_without_mass_keep_what_is_shown():
    given = posterior(copy_law(2, 3), np.array([[0, 1, 2]]), 0.5)[0]
    assert given.tolist() == [[1, 0], [0, 1], [0.5, 0.5]]


@pytest.mark.parametrize(("prior", "size"), PRIORS)
def test_the_rates_carry_the_path(prior, size):
    data = random_law(3, 2, 2)
    time, step = 0.4, 1e-5
    laws = [
        path_law(data, time + s, prior=prior, prior_size=size).ravel() for s in (-step, 0, step)
    ]
    matrix = rates(data, time, prior=prior, prior_size=size)
    assert np.abs(matrix.sum(1)).max() < 1e-14
    assert (matrix - np.diag(np.diag(matrix)) >= 0).all()
    slope = (laws[2] - laws[0]) / (2 * step)
    assert np.abs(laws[1] @ matrix - slope).max() < 1e-9
    # A planted fault: rates that forget the factor 1 / (1 - t) do not carry it.
    assert np.abs(laws[1] @ matrix * (1 - time) - slope).max() > 1e-2


def test_probabilities_name_the_priors_that_have_names():
    data, every = random_law(3, 2, 3), states(4, 2)
    for named, size, given in (
        ("masked", None, [0, 0, 0, 1]),
        ("uniform", 10, [0.1, 0.1, 0.1, 0.7]),
    ):
        kind = {"prior": named, "prior_size": size}
        assert np.abs(rates(data, 0.4, **kind) - rates(data, 0.4, prior=given)).max() < 1e-14
        wanted = posterior(data, every, 0.4, **kind)
        assert np.abs(wanted - posterior(data, every, 0.4, prior=np.array(given))).max() < 1e-14


def test_a_schedule_is_a_grid():
    assert grid_of(lambda s: s**3, 2).tolist() == [0, 0.125, 1]
    with pytest.raises(ValueError, match="schedule: "):
        grid_of(lambda s: s / 2, 2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rates([0.5, 0.5], 1.0), "time: 1 is given"),
        (lambda: path_law([1.0], 1.5), "time: 1.5 is given"),
        (lambda: path_law([1.0], 0.5, prior="mask"), "prior: 'mask' is given"),
        (lambda: path_law([1.0], 0.5, prior_size=3), "prior_size: 3 is given"),
        (lambda: path_law([0.5, 0.5], 0.5, prior="uniform", prior_size=1), "prior_size: 1 is"),
        (
            lambda: rates([0.5, 0.5], 0.5, prior=[1.0]),
            "prior: shape (1,) is given, but (2,) or (3,)",
        ),
        (lambda: rates([0.5, 0.5], 0.5, prior=[0.5, 0.4]), "prior: entries sum to 0.9"),
        (lambda: path_law([1.0], 0.5, prior=[1.0], prior_size=2), "prior_size: 2 is given"),
        (lambda: posterior([0.5, 0.5], np.array([[3]]), 0.5), "tokens: 3 to 3 are given"),
        (lambda: posterior([0.5, 0.5], np.array([0]), 0.5), "tokens: shape (1,) is given"),
        (lambda: states(11, 5), "161,051 states"),
    ],
)
def test_bad_settings_get_a_sentence(call, words, as_reader):
    with pytest.raises(ValueError, match=re.escape(words)):
        call()
