"""The benchmark on a GPU, tried on a processor: its gate, and verdicts on made-up times."""

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


def test_rows_hold_rates_and_reasons(benchmark, monkeypatch):
    """By a clock that says 2 ms; a peer that is not installed is named."""

    def missing():
        raise ImportError("no such peer")

    def clock(run):
        assert run().shape == (1, 70, 4, 64)
        return 2.0

    ours = benchmark.peers
    monkeypatch.setattr(benchmark, "peers", lambda x: {"ssd": ours(x)["ssd"], "other": missing})
    tensors = benchmark.inputs(1, 70, 2, 4, "cpu", torch.float32)
    rows = list(benchmark.compare(tensors, clock))
    assert [(row["form"], row["pass"]) for row in rows] == [
        *(("ssd", "forward"), ("ssd", "both")),
        *(("other", "forward"), ("other", "both")),
    ]
    one_read, output = 4 * 70 * (2 * 2 * 128 + 4 * 64 + 4), 4 * 70 * 4 * 64
    assert benchmark.needed(tensors, "forward") == one_read + output
    assert benchmark.needed(tensors, "both") == 3 * one_read + 2 * output
    assert rows[0]["GB_per_s"] == pytest.approx((one_read + output) / 2e6, abs=0.05)
    assert rows[2]["milliseconds"] is None
    assert rows[2]["refused"] == "ImportError: no such peer"


@pytest.mark.parametrize(
    ("spent", "judged"), [(0.15, "met"), (0.1501, "not met"), (None, "not measured")]
)
def test_the_verdict_on_made_up_times(benchmark, spent, judged):
    at = {"G": 1, "pass": "forward", "form": "ssd", "GB_per_s": 9.0}
    rows = [{**at, "T": 4096, "milliseconds": spent}, {**at, "T": 65536, "milliseconds": 99.0}]
    rows.append({**at, "T": 4096, "form": "mamba", "milliseconds": None})
    assert benchmark.summary(rows).endswith(f"; aim <= 0.15 ms: {judged}")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: it would be measured")
def test_without_a_gpu_nothing_is_measured(benchmark, capsys):
    assert benchmark.measure() == []
    assert "not measured" in capsys.readouterr().out
