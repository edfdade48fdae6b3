"""What the chapter says in words about its experiments, compared with their numbers."""

import numpy as np
import pytest
import torch

from softbook.explore.parts import array_of
from softbook.relu_softmax.experiment import uap
from softbook.relu_softmax.experiment.depth import depth_study, he_network
from softbook.relu_softmax.figures.trends import TITLES, trend_of, uap_table, uap_trends


def _largest_output(depth, seed):
    draw = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(256, 4, generator=draw, dtype=torch.float64) - 1
    return float(he_network(depth, 16, seed)(x).abs().max())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_at_depth_eight_the_certificates_stop_where_the_page_says(seed):
    largest = _largest_output(8, seed)
    sharp = depth_study((8,), 16, 1e4, (seed,), inputs=256)
    blunt = depth_study((8,), 16, 100.0, (seed,), inputs=256)
    assert sharp.global_certificate.item() > largest
    assert sharp.certificate.item() < largest / 100
    assert blunt.certificate.item() > largest > blunt.median_certificate.item()
    assert sharp.output.item() == blunt.output.item() == largest


def test_the_built_exponents_are_those_of_the_mean_square_that_is_drawn():
    for row, quantity in zip(uap_table(), TITLES, strict=True):
        tree = uap_trends(quantity=quantity).figure.to_plotly_json()
        x, y = (array_of(tree["data"][-1][key]) for key in "xy")
        seen = np.isfinite(x)
        drawn = np.polyfit(np.log(x[seen]), np.log(y[seen]), 1)[0]
        assert row["built exponent"] == pytest.approx(drawn)
        # That of the largest error is another number: to print it beside a mean square would go red.
        largest = trend_of(quantity)["built_best"]["exponent_by_spacings"]
        assert largest != pytest.approx(drawn, rel=0.3)


def test_the_built_ramp_beats_every_trained_layer_a_hundredfold():
    for result in uap.load()["results"]:
        kind = "heads" if result["setting"]["heads"] > 1 else "anchors"
        trained, built = np.array(result["ramp_mse"]), np.array(result["built"][kind])
        assert (trained > 100 * built).all()
