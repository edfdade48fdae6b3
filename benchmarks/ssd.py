"""Time and peak memory of structured state-space duality against its peers, on this processor.

Times are the best of several rounds in which all forms take turns, in one process. Peak memory is
what the process grows by in the first run of a form, each in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks import ssd_forms
from benchmarks.builds import cores
from softbook.provenance import write_result

DATA = Path(__file__).parents[1] / "softbook" / "ssd" / "data" / "cost.json"
LENGTHS = [2**k for k in (8, 9, 10, 11, 12, 13, 14, 16, 18, 20)]
# The longest sequence of each form and pass: beyond, a run (or its compilation) takes minutes, or
# tens of gigabytes.
LONGEST = {
    "loop": {"forward": 2**14, "both": 2**12},
    "quadratic": {"forward": 2**12, "both": 2**12},
    "plain": {"forward": 2**14, "both": 2**14},
    "compiled": {"forward": 2**13, "both": 2**13},
    "sdpa": {"forward": 2**14, "both": 2**14},
    "chunked": {"forward": 2**20, "both": 2**18},
}
AGREE = 1e-3


def rounds(tokens: int) -> int:
    """Return how many rounds a length is worth."""
    return 9 if tokens <= 2**12 else 3 if tokens <= 2**14 else 2


def times(tokens: int, kind: str) -> dict[str, float]:
    """Return the best seconds of each form; raises RuntimeError where one is wrong."""
    tensors = ssd_forms.inputs(tokens)
    names = [name for name, longest in LONGEST.items() if tokens <= longest[kind]]
    forms = {name: ssd_forms.form(name) for name in names}
    wanted = ssd_forms.chunked(*tensors)
    for name, call in forms.items():
        found = ssd_forms.run(call, tensors, "forward")
        if name != "sdpa" and (found - wanted).abs().max() > AGREE * wanted.abs().max():
            raise RuntimeError(f"{name} at T = {tokens} is wrong: nothing is timed")
        ssd_forms.run(call, tensors, kind)
    best = dict.fromkeys(forms, float("inf"))
    for _ in range(rounds(tokens)):
        for name, call in forms.items():
            start = time.perf_counter()
            ssd_forms.run(call, tensors, kind)
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def peak_memory(name: str, tokens: int, kind: str) -> int:
    """Return the bytes by which a process of its own grows in its first run of a form."""
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.ssd", name, str(tokens), kind],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    if run.returncode:
        raise RuntimeError(f"{name} at T = {tokens}: {run.stderr[-500:]}")
    return json.loads(run.stdout)


def _growth(name: str, tokens: int, kind: str) -> int:
    tensors = ssd_forms.inputs(tokens)
    call = ssd_forms.form(name)
    # What the first call of anything loads (threads, libraries, autograd) is not the form's.
    small = ssd_forms.inputs(ssd_forms.CHUNK)
    ssd_forms.run(call, small, kind)
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    ssd_forms.run(call, tensors, kind)
    return max(0, _resident("VmHWM") - before)


def _resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def measure() -> list[dict[str, Any]]:
    """Measure all forms; write the chapter's data and return the rows."""
    start, rows = time.perf_counter(), []
    plan = [(tokens, kind) for tokens in LENGTHS for kind in ("forward", "both")]
    plan = [(tokens, kind) for tokens, kind in plan if tokens <= LONGEST["chunked"][kind]]
    for tokens, kind in tqdm(plan, unit="length", disable=None):
        for name, seconds in times(tokens, kind).items():
            # A compiler's own memory would hide that of what it compiles.
            peak = None if name == "compiled" else peak_memory(name, tokens, kind)
            rows.append(
                {
                    "T": tokens,
                    "form": name,
                    "pass": kind,
                    "seconds": float(f"{seconds:.3g}"),
                    "peak_bytes": peak,
                }
            )
    machine = {"device": "cpu", "cores": cores(), "threads": torch.get_num_threads()}
    settings = {
        "B": 1,
        "H": ssd_forms.HEADS,
        "N": ssd_forms.STATES,
        "P": ssd_forms.CHANNELS,
        "chunk": ssd_forms.CHUNK,
        "dtype": "float32",
        "command": "python -m benchmarks ssd",
    }
    took = time.perf_counter() - start
    result = {"machine": machine, "rows": rows}
    write_result(DATA, result, settings=settings, seeds=[0], seconds=took, packages=["torch"])
    return rows


def summary(rows: list[dict[str, Any]]) -> str:
    """Return what the rows say in one sentence."""
    seconds = {(row["T"], row["form"], row["pass"]): row["seconds"] for row in rows}
    at = {name: seconds[4096, name, "forward"] for name in ("chunked", "compiled", "sdpa")}
    return (
        f"forward at T = 4096: {at['chunked'] * 1e3:.1f} ms, "
        f"{at['chunked'] / at['compiled']:.2f} times the compiled plain form (aim 1.1), "
        f"softmax attention takes {at['sdpa'] / at['chunked']:.1f} times as long (aim 5)"
    )


if __name__ == "__main__":
    print(_growth(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
