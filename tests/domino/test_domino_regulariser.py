"""The penalties towards a reference, against sums by hand, and where they are infinite."""

from __future__ import annotations

import pytest
import torch

from softbook.domino import rollout, tv_regulariser

P = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
Q = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)


def constant(law):
    return lambda tokens, t: law.log().expand(*tokens.shape, 3)


def test_masked_forms_are_weighted_sums_over_masked_sites():
    drawn = rollout(constant(P), 50, sites=4, tokens=3, steps=3, seed=0)
    masks = sum((drawn.state(k) == 3).double().sum(1) * drawn.coin(k) for k in range(3))
    there, back = (Q * (Q / P).log()).sum(), (P * (P / Q).log()).sum()
    wanted = {"tv": 0.4, "cross_entropy": there, "kl": back, "generalised_kl": there}
    for form, each in wanted.items():
        found = tv_regulariser(constant(P), constant(Q), drawn, form=form)
        assert torch.allclose(found, masks * each, atol=1e-12)


def test_uniform_forms_are_those_of_the_kernels():
    drawn = rollout(constant(P), 20, sites=2, tokens=3, steps=2, seed=0, prior="uniform")
    stay = torch.eye(3, dtype=torch.float64)[drawn.state(0)]
    p, q = 0.5 * stay + 0.5 * P, 0.5 * stay + 0.5 * Q
    rates = (Q * (Q / P).log() - Q + P) * (1 - stay) * 0.5
    wanted = {
        "tv": (p - q).abs().sum((1, 2)) / 2,
        "cross_entropy": (q * (q / p).log()).sum((1, 2)),
        "kl": (p * (p / q).log()).sum((1, 2)),
        "generalised_kl": rates.sum((1, 2)),
    }
    for form, each in wanted.items():
        found = tv_regulariser(constant(P), constant(Q), drawn, step=0, form=form)
        assert torch.allclose(found, each, atol=1e-12)


@pytest.mark.parametrize("prior", ["masked", "uniform"])
def test_infinite_where_it_is_and_never_nan(prior):
    hole = torch.tensor([0.0, 0.5, 0.5], dtype=torch.float64)
    drawn = rollout(constant(P), 5, sites=2, tokens=3, steps=1, seed=0, prior=prior)
    infinite = {"tv": False, "cross_entropy": True, "kl": False, "generalised_kl": True}
    for form, expected in infinite.items():
        found = tv_regulariser(constant(hole), constant(P), drawn, form=form)
        if not (prior == "uniform" and form == "generalised_kl"):
            assert found.isinf().all() if expected else found.isfinite().all()
        assert not found.isnan().any()
        logits = hole.log().expand(5, 2, 3).clone().requires_grad_()
        same = tv_regulariser(lambda x, t, z=logits: z, constant(hole), drawn, form=form)
        assert same.eq(0).all()
        assert torch.autograd.grad(same.sum(), logits)[0].isfinite().all()


def test_sentences():
    drawn = rollout(constant(P), 1, sites=1, tokens=3, steps=1, seed=0)
    with pytest.raises(ValueError, match="form: 'js' is given"):
        tv_regulariser(constant(P), constant(Q), drawn, form="js")
