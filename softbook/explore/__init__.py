"""Explorables: figures that a reader can turn, in a notebook and on a page without a kernel.

`explore(function, **knobs)` shows any function that returns a plotly figure (or a figure and a
sentence) as controls above that figure. Under a kernel the function is called for each new value;
while the book is built it is called once for each setting of the knobs' grid, and the page moves
between the stored frames.

>>> from softbook.knobs import Linear
>>> from softbook.plotting import chart, curve
>>> def line(slope):
...     return chart([curve([0, 1], [0, slope], "measured", "line")], title="A line", x="x", y="y")
>>> explore(line, slope=Linear(0, 2, default=1, points=3)).payload()["knobs"][0]["values"]
[0.0, 1.0, 2.0]
"""

from softbook.explore.explorable import (
    Budget,
    Explorable,
    Frame,
    explorable,
    explorables,
    explore,
)

__all__ = ["Budget", "Explorable", "Frame", "explorable", "explorables", "explore"]
