"""The benchmark on a GPU times nothing while an answer is wrong; tried here on a processor."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from softbook.kernels.ssd import ssd


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[3])
    from benchmarks import ssd_gpu

    return ssd_gpu


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_right_answers_pass_the_gate(benchmark, dtype):
    benchmark.gate("cpu", dtype)


def test_wrong_answers_close_the_gate(benchmark):
    def shifted(q, k, v, log_a):
        return ssd(q, k, v, log_a.roll(1, 1))

    with pytest.raises(RuntimeError, match="nothing is timed"):
        benchmark.gate("cpu", torch.float32, shifted)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: it would be measured")
def test_without_a_gpu_nothing_is_measured(benchmark, capsys):
    assert benchmark.measure() == []
    assert "not measured" in capsys.readouterr().out
