"""Sweeps: a function over settings and seeds, on one core, on many, or on a cluster.

What is finished is kept as it comes, so that a sweep that is killed goes on where it was; the key
of a result holds settings, seed and code, so that a stale one is never taken for a new one.

>>> def area(seed, width, height):
...     return width * height
>>> results = sweep(area, {"width": [1, 2], "height": [3, 4]}, seeds=range(2), cache=None)
>>> results.shape, results.value(width=2, height=3, seed=1)
((2, 2, 2), 6)
"""

from softbook.sweep.grid import axes
from softbook.sweep.registry import Experiment, experiment, experiments
from softbook.sweep.results import Record, Results
from softbook.sweep.run import CACHE, Plan, Stopped, plan, sweep

__all__ = [
    "CACHE",
    "Experiment",
    "Plan",
    "Record",
    "Results",
    "Stopped",
    "axes",
    "experiment",
    "experiments",
    "plan",
    "sweep",
]
