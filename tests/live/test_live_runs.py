"""Sweeps from the page: started, followed, stopped, gone on with."""

from __future__ import annotations

import asyncio
import sys

import pytest

from softbook.live.runs import Runs
from softbook.sweep import Experiment, experiments, plan

SWEEP = """import sys
sys.path.insert(0, {folder!r})
from slowly import REGISTERED
from softbook.commands.sweep import run
import softbook.commands.sweep as command, argparse
command.experiments = lambda: REGISTERED
name, cache = sys.argv[1], sys.argv[3]
sys.exit(run(argparse.Namespace(name=name, cluster=None, jobs=1, cache=cache, limit=None)))
"""
SLOWLY = """import time
from softbook.sweep import Experiment
def square(seed, n):
    time.sleep(0.15)
    if n < 0: raise ValueError("n is negative")
    return n * n
REGISTERED = {
    "squares": Experiment("squares", "Squares", square, {"n": list(range(20))}, (0,), 3.0),
    "bad": Experiment("bad", "Bad", square, {"n": [-1]}, (0,), 1.0),
}
"""


@pytest.fixture
def slowly(tmp_path, monkeypatch):
    """Two sweeps of a module of their own, and the command that runs them."""
    (tmp_path / "slowly.py").write_text(SLOWLY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "slowly", raising=False)
    import slowly  # type: ignore[import-not-found]

    command = (sys.executable, "-c", SWEEP.format(folder=str(tmp_path)))
    return slowly.REGISTERED, command


def state(runs, name):
    return next(one for one in runs.states() if one["name"] == name)


def test_a_sweep_is_stopped_keeps_what_it_did_and_goes_on(slowly, tmp_path):
    async def story():
        runs = Runs(slowly[0], cache=tmp_path / "kept", command=slowly[1])
        assert state(runs, "squares")["kept"] == 0
        await runs.start("squares")
        await runs.start("squares")
        ending = asyncio.create_task(runs.settle("squares"))
        while state(runs, "squares")["kept"] < 2:
            assert state(runs, "squares")["running"]
            assert not ending.done()
            await asyncio.sleep(0.05)
        assert state(runs, "squares")["words"] == ""
        runs.stop("squares")
        assert state(runs, "squares")["words"] == "stopping"
        await ending
        halted = state(runs, "squares")
        assert 2 <= halted["kept"] < 20
        assert not halted["running"]
        assert halted["words"] == "stopped; what is finished is kept"
        assert halted["seconds"] == pytest.approx(3.0 * (20 - halted["kept"]) / 20)
        await runs.start("squares")
        await runs.settle("squares")
        assert state(runs, "squares")["kept"] == 20
        assert state(runs, "squares")["words"] == "all runs are done"

    asyncio.run(story())
    entry = slowly[0]["squares"]
    kept = plan(entry.function, entry.grid, seeds=entry.seeds, cache=tmp_path / "kept").kept
    assert [record.value for record in kept.values()] == [n * n for n in range(20)]


def test_a_sweep_that_fails_says_what_it_said_last(slowly, tmp_path):
    async def story():
        runs = Runs(slowly[0], cache=tmp_path / "kept", command=slowly[1])
        await runs.start("bad")
        await runs.settle("bad")
        return state(runs, "bad")

    found = asyncio.run(story())
    assert found["words"].startswith("ended with exit code 1: FAILED")
    assert "n is negative" in found["words"]
    assert found["kept"] == 0


def test_the_end_stops_all(slowly, tmp_path):
    async def story():
        runs = Runs(slowly[0], cache=tmp_path / "kept", command=slowly[1])
        await runs.start("squares")
        await asyncio.sleep(0.1)
        await asyncio.wait_for(runs.end(), 30)
        runs.stop("squares")
        return state(runs, "squares")["running"]

    assert asyncio.run(story()) is False


def test_any_number_may_wait_for_the_end(slowly, tmp_path):
    async def story():
        runs = Runs(slowly[0], cache=tmp_path / "kept", command=slowly[1])
        # Two pages press the same button.
        await asyncio.gather(runs.start("squares"), runs.start("squares"))
        assert state(runs, "squares")["words"].startswith("starting")
        waiting = [asyncio.create_task(runs.settle("squares")) for _ in range(3)]
        await asyncio.sleep(0.1)
        # One that gives up leaves the others waiting.
        waiting[0].cancel()
        await asyncio.wait_for(asyncio.gather(runs.end(), *waiting[1:]), 60)
        return state(runs, "squares")

    found = asyncio.run(story())
    assert not found["running"]
    assert found["words"] == "stopped; what is finished is kept"


def test_the_books_own_sweeps_belong_to_a_chapter():
    for one in Runs(experiments()).states():
        assert one["package"][0] in ("relu_softmax", "ssd", "diffusion", "induction", "domino")
        assert 0 <= one["kept"] <= one["runs"]
    assert isinstance(next(iter(experiments().values())), Experiment)
