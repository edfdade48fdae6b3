"""Sweeps that are killed, interrupted or lose a worker: nothing finished is lost, nothing is done twice."""

from __future__ import annotations

import collections
import importlib
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import ModuleType

import pytest

from softbook.sweep import plain, sweep

JOB = '''
import os, signal, time
from pathlib import Path

FOLDER = Path({folder!r})

def note(kind, n, seed):
    handle = os.open(FOLDER / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, f"{{kind}} {{n}} {{seed}}\\n".encode())
    os.close(handle)

def job(n, seed):
    note("begin", n, seed)
    time.sleep(0.03)
    note("end", n, seed)
    return 10 * n + seed

def mortal(n, seed):
    """Kill the process of the run n = 3 the first time."""
    flag = FOLDER / "died"
    if n == 3 and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return job(n, seed)

def fatal(n, seed):
    """Kill the process of the run n = 3 every time."""
    if n == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return job(n, seed)
'''
DRIVER = """
import sys
from {module} import job
from softbook.sweep import sweep
sweep(job, {{"n": list(range({count}))}}, seeds=[0, 1], jobs={jobs}, cache={cache!r}, progress=False)
"""
COUNT = 40
EVERY = {(n, seed) for n in range(COUNT) for seed in (0, 1)}


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Make a module of jobs importable here and in other processes."""
    # Another name each time: joblib's processes stay, and refuse a module that has changed.
    name = f"job_{tmp_path.parent.name}_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(JOB.format(folder=str(tmp_path)), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return importlib.import_module(name)


def logged(folder: Path, kind: str) -> collections.Counter:
    lines = (folder / "log").read_text("utf-8").split("\n") if (folder / "log").exists() else []
    rows = (line.split() for line in lines if line)
    return collections.Counter((int(n), int(seed)) for what, n, seed in rows if what == kind)


def started(module: ModuleType, folder: Path, jobs: int) -> subprocess.Popen:
    cache = str(folder / "kept")
    code = DRIVER.format(module=module.__name__, count=COUNT, jobs=jobs, cache=cache)
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def wait_for(folder: Path, runs: int) -> None:
    until = time.monotonic() + 60
    while sum(logged(folder, "end").values()) < runs:
        assert time.monotonic() < until, "the sweep does not begin"
        time.sleep(0.01)


@pytest.mark.parametrize("jobs", [1, 2])
def test_after_kill_nine_nothing_is_lost_or_done_twice(work, tmp_path, jobs):
    child = started(work, tmp_path, jobs)
    wait_for(tmp_path, 12)
    child.send_signal(signal.SIGKILL)
    child.wait()
    time.sleep(1)  # The processes of joblib see that their parent is gone.
    before = logged(tmp_path, "end")
    assert 12 <= len(before) < len(EVERY)
    results = sweep(
        work.job, {"n": list(range(COUNT))}, seeds=[0, 1], cache=tmp_path / "kept", progress=False
    )
    assert [one.value for one in results] == [10 * n + s for n in range(COUNT) for s in (0, 1)]
    ends = logged(tmp_path, "end")
    assert set(ends) == EVERY
    # What is on disk is never done again; of the rest, what each process was at and what it had just handed
    # over may be.
    kept = {(one.settings["n"], one.seed) for one in results if one.kept}
    again = {run for run, times in ends.items() if times > 1}
    assert not kept & again
    assert len(again) <= 2 * jobs
    assert max(ends.values()) <= 2
    assert len(kept) >= len(before) - 2 * jobs
    third = sweep(
        work.job, {"n": list(range(COUNT))}, seeds=[0, 1], cache=tmp_path / "kept", progress=False
    )
    assert third == results
    assert logged(tmp_path, "end") == ends


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(work, tmp_path, jobs):
    child = started(work, tmp_path, jobs)
    wait_for(tmp_path, 6)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=30)
    assert child.returncode != 0
    assert "the same call goes on from there" in errors
    done = logged(tmp_path, "end")
    time.sleep(0.5)
    assert logged(tmp_path, "end") == done, "a process outlives the sweep"
    results = sweep(
        work.job, {"n": list(range(COUNT))}, seeds=[0, 1], cache=tmp_path / "kept", progress=False
    )
    assert sum(one.kept for one in results) >= len(done) - jobs
    assert not results.failed


def test_a_process_that_dies_takes_only_its_own_run_along(work, tmp_path):
    grid = {"n": list(range(8))}
    results = sweep(work.mortal, grid, seeds=[0], jobs=2, cache=tmp_path / "kept", progress=False)
    assert [one.value for one in results] == [10 * n for n in range(8)]
    with pytest.warns(RuntimeWarning, match="1 of 8 runs failed"):
        results = sweep(
            work.fatal, grid, seeds=[0], jobs=2, cache=tmp_path / "kept", progress=False
        )
    assert [one.settings["n"] for one in results.failed] == [3]
    assert "ProcessKilled" in results.failed[0].error


@pytest.fixture(scope="module")
def cluster_of():
    """Return a function that starts a dask cluster of two processes, closed after the module."""
    from distributed import LocalCluster

    running = []

    def start() -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            running.append(
                LocalCluster(
                    n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
                )
            )
        return running[-1].scheduler_address

    start.running = running
    yield start
    for one in running:
        one.close()


def test_one_process_many_and_a_cluster_give_the_same_set(work, tmp_path, cluster_of):
    grid, address = {"n": list(range(10))}, cluster_of()
    ways = {"alone": {}, "processes": {"jobs": 2}, "cluster": {"cluster": address}}
    found = {
        name: sweep(work.job, grid, seeds=[0, 1], cache=tmp_path / name, progress=False, **how)
        for name, how in ways.items()
    }
    assert found["alone"] == found["processes"] == found["cluster"]
    lines = {name: sorted(_runs(tmp_path / name)) for name in ways}
    assert lines["alone"] == lines["processes"] == lines["cluster"]
    assert len(lines["alone"]) == 20
    # A planted fault: one value that differs is seen.
    assert found["alone"] != sweep(
        work.job, {"n": list(range(1, 11))}, seeds=[0, 1], cache=None, progress=False
    )


def _runs(folder: Path) -> list[tuple]:
    """Return key and value of each line on disk."""
    (file,) = folder.glob("*.jsonl")
    entries = [plain.value(line) for line in file.read_text("utf-8").splitlines()]
    return [(one["run"]["key"], one["run"]["value"]) for one in entries if "run" in one]


def test_a_worker_killed_in_the_middle_costs_nothing(work, tmp_path, cluster_of):
    results = sweep(
        work.mortal,
        {"n": list(range(12))},
        seeds=[0],
        cluster=cluster_of(),
        cache=tmp_path / "kept",
        progress=False,
    )
    assert (tmp_path / "died").exists()
    assert [one.value for one in results] == [10 * n for n in range(12)]
    assert len(_runs(tmp_path / "kept")) == 12


def test_results_that_die_with_their_worker_before_they_are_fetched_are_made_again(
    work, tmp_path, cluster_of
):
    from distributed import Client

    from softbook.sweep.cluster import on_cluster
    from softbook.sweep.code import code_of
    from softbook.sweep.engines import Task

    address = cluster_of()
    tasks = [Task(n, f"run-{n}", plain.text({"n": n}), 0) for n in range(6)]
    outcomes = on_cluster(work.job, tasks, code_of(work.job), address)
    found = [next(outcomes)]
    wait_for(tmp_path, len(tasks))
    time.sleep(0.5)  # The client hears of the ends, and fetches nothing yet.
    with Client(address, set_as_default=False) as client:
        for worker in client.run(os.getpid).values():
            os.kill(worker, signal.SIGKILL)
    time.sleep(0.3)  # The client hears that the results are gone; new workers take longer to start.
    found += outcomes
    assert sorted((place, plain.value(one.text)) for place, one in found) == [
        (n, 10 * n) for n in range(6)
    ]
    assert sum(logged(tmp_path, "end").values()) > len(tasks)


def test_a_scheduler_that_goes_away_gets_a_sentence(work, tmp_path, cluster_of):
    from softbook.sweep.cluster import on_cluster
    from softbook.sweep.code import code_of
    from softbook.sweep.engines import Task

    address = cluster_of()
    tasks = [Task(n, f"gone-{n}", plain.text({"n": n}), 0) for n in range(200)]
    outcomes = on_cluster(work.job, tasks, code_of(work.job), address)
    next(outcomes)
    cluster_of.running[-1].close()
    with pytest.raises(ConnectionError, match="went away before the end; what is done is kept"):
        list(outcomes)


def test_a_cluster_that_does_not_answer_gets_a_sentence(work, monkeypatch):
    from softbook.sweep import cluster

    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    with pytest.raises(ConnectionError, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:9"):
        sweep(work.job, {"n": [1]}, seeds=[0], cluster="tcp://127.0.0.1:9", cache=None)


def test_the_library_does_not_load_dask_unless_it_is_asked():
    code = "import sys, softbook.sweep; print(any(m.split('.')[0] in ('dask', 'distributed') for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
