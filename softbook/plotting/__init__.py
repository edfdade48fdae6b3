"""One visual language: a colour is a role, the same in every chapter and in both themes.

Never colour alone: each role has its own dash and marker too. Figures are built with the light
palette; the page replaces each light string by its dark partner (`palette`) when the theme changes.

>>> trace = curve([0, 1], [0, 2], "bound", "what is promised")
>>> trace["line"]["dash"], trace["line"]["color"]
('dash', '#b3370f')
"""

from softbook.numbers import RAISED, number
from softbook.plotting.layout import chart, note, rule
from softbook.plotting.panels import scale_below, side_by_side
from softbook.plotting.roles import GRID, ROLES, Role, palette
from softbook.plotting.traces import DIVERGING, band, curve, heatmap, points

__all__ = [
    "DIVERGING",
    "GRID",
    "RAISED",
    "ROLES",
    "Role",
    "band",
    "chart",
    "curve",
    "heatmap",
    "note",
    "number",
    "palette",
    "points",
    "rule",
    "scale_below",
    "side_by_side",
]
