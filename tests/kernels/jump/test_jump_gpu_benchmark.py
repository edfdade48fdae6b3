"""The benchmark on a GPU, tried on a processor: its gate, its peers, and verdicts on made-up times."""

from __future__ import annotations

import itertools
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
    with pytest.raises(RuntimeError, match="nothing is timed"):
        benchmark.gate("cpu", torch.float32, scorer=lambda *x: benchmark.our_score(*x) + 1e-5)


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


@pytest.mark.parametrize("prior", ["masked", "uniform"])
@pytest.mark.parametrize("stay", [0.0, 0.3])
def test_the_peer_of_the_score_does_the_same_work(benchmark, prior, stay):
    logits, tokens = benchmark.inputs(500, 60, "cpu", torch.float32, prior)
    after, _ = benchmark.ours(logits, tokens, stay, prior)
    assert (after != tokens).any()
    found, wanted = (
        score(logits, tokens, after, stay, prior)
        for score in (benchmark.eager_score, benchmark.our_score)
    )
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_rows_hold_rates_ratios_and_reasons(benchmark, monkeypatch):
    """By a clock that says 1, 2, 3, ... ms; one peer is refused."""

    def refused(*arguments):
        raise RuntimeError("no room")

    ticks = itertools.count(1)

    def clock(run):
        run()
        return float(next(ticks))

    monkeypatch.setattr(torch, "compile", lambda form, **settings: form)
    monkeypatch.setattr(benchmark, "multinomial", refused)
    rows = list(benchmark.compare(40, 60, "cpu", clock))
    assert len({tuple(row) for row in rows}) == 1
    settings = itertools.product(["masked", "uniform"], [0.0, 0.9], ["jump", "log_prob"])
    assert [tuple(row[x] for x in ("prior", "stay", "call")) for row in rows[::7]] == [
        (prior, stay, call) for prior, stay, call in settings if call == "jump"
    ]
    assert [row["form"] for row in rows[:7]] == [
        *("jump", "eager", "compiled", "multinomial"),
        *("log_prob", "eager", "compiled"),
    ]
    assert [row["times_eager"] for row in rows[:7]] == [2, 1, 0.67, None, 1.25, 1, 0.83]
    assert rows[3]["refused"] == "RuntimeError: no room"
    for row in rows:
        if row["form"] != "multinomial":
            share = 1 - row["stay"] if row["prior"] == "masked" else 1
            rate = 40 * 60 * 2 * share / (row["milliseconds"] * 1e-3) / 1e9
            assert row["GB_per_s"] == pytest.approx(rate, abs=0.05)
    assert benchmark.needed(8192, 131072, 0.0, "masked") == 2**31


def rows_of(**times):
    """Return rows as at the size of the aim, and others that have nothing to say of it."""
    setting = {"call": "jump", "rows": 8192, "V": 131072, "prior": "masked", "stay": 0.0}
    others = [{"V": 64}, {"stay": 0.9}, {"call": "log_prob"}, {"prior": "uniform"}, {"rows": 64}]
    return [
        {**setting, **other, "form": form, "milliseconds": 99.0 if other else time, "GB_per_s": 9.0}
        for other in (*others, {})
        for form, time in times.items()
    ]


@pytest.mark.parametrize(
    ("ours", "eager", "judged"),
    [
        (0.7, 6.3, "met"),
        (0.9, 4.5, "met"),
        (0.9001, 6.3, "not met"),
        (0.7, 3.4, "not met"),
        (1.4, 9.0, "not met"),
        (1.4, None, "not met"),
        (0.7, None, "not measured"),
        (None, 6.3, "not measured"),
    ],
)
def test_the_verdict_on_made_up_times(benchmark, ours, eager, judged):
    told = benchmark.summary(rows_of(jump=ours, eager=eager, compiled=2.8))
    assert told.endswith(f"; aim <= 0.9 ms, eager >= 5 times: {judged}")
    if ours:
        assert f"jump takes {ours:g} ms, 9 GB/s; beside it eager " in told
        assert f"compiled {2.8 / ours:.2f} times" in told


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: it would be measured")
def test_without_a_gpu_nothing_is_measured(benchmark, capsys):
    assert benchmark.measure() == []
    assert "not measured" in capsys.readouterr().out
