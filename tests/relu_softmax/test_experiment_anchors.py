"""The ramp built by hand obeys its theorem, and a fitted exponent has an honest interval."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softbook.relu_softmax.experiment.anchors import AnchorHeads
from softbook.relu_softmax.experiment.trends import loglog_slope
from softbook.relu_softmax.model import anchor_ramp
from softbook.relu_softmax.theory import ramp_bound


@pytest.mark.parametrize("sharpness", [0.5, 2.72, 50.0])
@pytest.mark.parametrize("anchors", [2, 3, 48])
def test_one_anchor_head_is_the_theorems(anchors, sharpness):
    ramp = AnchorHeads(-3.0, 4.0, anchors=anchors, sharpness=sharpness)
    s = torch.linspace(-6, 7, 501, dtype=torch.float64)
    wanted = anchor_ramp(s, -3.0, 4.0, anchors, sharpness)
    # scores reach c (p-1)^2; their rounding is some 1e-16 of that
    assert (ramp(s) - wanted).abs().max() < 1e-13 * sharpness * anchors**2 + 1e-13
    assert ramp.largest_error() <= ramp_bound(-3.0, 4.0, anchors, sharpness) * (1 + 1e-12)


@pytest.mark.parametrize("sharpness", [2.72, 50.0])
def test_the_built_error_falls_as_one_over_the_number_of_spacings(sharpness):
    one = [AnchorHeads(-25.0, 25.0, anchors=p, sharpness=sharpness) for p in (31, 61, 121)]
    many = [AnchorHeads(-25.0, 25.0, anchors=48, heads=h, sharpness=sharpness) for h in (2, 4, 8)]
    for ramps in (one, many):
        ratios = [ramp.largest_error() / ramp.spacing for ramp in ramps]
        np.testing.assert_allclose(ratios, ratios[0], rtol=1e-6)


def test_a_nan_stays_a_nan_and_far_inputs_saturate():
    out = AnchorHeads(-1.0, 1.0, anchors=8, heads=3)(
        torch.tensor([float("nan"), -1e6, 1e6], dtype=torch.float64)
    )
    assert out[0].isnan()
    torch.testing.assert_close(out[1:], torch.tensor([-1.0, 1.0], dtype=torch.float64))


def test_the_slope_of_noise_has_an_interval_that_holds_the_truth():
    rng = np.random.default_rng(0)
    x = np.array([1.0, 2.0, 4.0, 8.0])
    held = [
        loglog_slope(
            x, 3 * x**-1.5 * np.exp(0.3 * rng.normal(size=(11, 4))), resamples=1000
        ).contains(-1.5)
        for _ in range(200)
    ]
    # a percentile bootstrap of 11 seeds covers somewhat less than 95 %
    assert 0.85 < np.mean(held) < 0.99
    slope = loglog_slope(x, 3 * x[None] ** -1.5)
    assert slope.low == pytest.approx(-1.5)
    assert not slope.contains(-1.0)
