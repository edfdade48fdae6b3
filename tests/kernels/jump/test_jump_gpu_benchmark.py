"""The benchmark on a GPU times nothing while a draw is wrong; tried here on a processor."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from softbook.kernels.jump import jump


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[3])
    from benchmarks import jump_gpu

    return jump_gpu


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_right_draws_pass_the_gate(benchmark, dtype):
    benchmark.gate("cpu", dtype)


def test_wrong_draws_close_the_gate(benchmark):
    def colder(logits, tokens, stay, prior):
        return jump(1.01 * logits, tokens, stay, prior=prior, seed=0)

    def unscored(logits, tokens, stay, prior):
        after, log_p = jump(logits, tokens, stay, prior=prior, seed=0)
        return after, log_p + 1e-5

    for wrong in (colder, unscored):
        with pytest.raises(RuntimeError, match="nothing is timed"):
            benchmark.gate("cpu", torch.float32, wrong)


@pytest.mark.parametrize("name", ["eager", "multinomial"])
@pytest.mark.parametrize("prior", ["masked", "uniform"])
def test_peers_do_the_same_work(benchmark, trial, name, prior):
    """Counted against the law, like the jump: a comparison with another task would be none."""
    case = trial.make_case(60, prior=prior, stay_probability=0.3)
    logits, tokens = case.logits.expand(20_000, -1), torch.full((20_000,), case.token)
    after, log_p = getattr(benchmark, name)(logits, tokens, 0.3, prior)
    assert trial.p_value(after, case.law()) > trial.ALARM
    wanted = torch.as_tensor(case.law()).log()[after]
    torch.testing.assert_close(log_p.double(), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: it would be measured")
def test_without_a_gpu_nothing_is_measured(benchmark, capsys):
    assert benchmark.measure() == []
    assert "not measured" in capsys.readouterr().out
