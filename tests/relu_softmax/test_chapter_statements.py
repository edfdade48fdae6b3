"""What the chapter says in words about its experiments, compared with their numbers."""

import numpy as np
import pytest
import torch

from softbook.relu_softmax.experiment import uap
from softbook.relu_softmax.experiment.depth import depth_study, he_network


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
    assert blunt.certificate.item() > largest


def test_the_built_ramp_beats_every_trained_layer_a_hundredfold():
    for result in uap.load()["results"]:
        kind = "heads" if result["setting"]["heads"] > 1 else "anchors"
        trained, built = np.array(result["ramp_mse"]), np.array(result["built"][kind])
        assert (trained > 100 * built).all()
