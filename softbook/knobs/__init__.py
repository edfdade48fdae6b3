"""Knobs: one parameter that a reader can turn.

A knob is written once. From it come the slider in a notebook, the native control of a rendered
page, the random draw of a test, the axis of a sweep and the search space of an attack.

>>> beta = Log(1, 100, default=10, label="sharpness β", points=3)
>>> beta.grid()
(1.0, 10.0, 100.0)
>>> Integer(1, 8, default=2, label="heads").validate(9)
Traceback (most recent call last):
    ...
ValueError: knob: 9 is given, but an integer from 1 to 8 in steps of 1 is needed
"""

from softbook.knobs.base import Knob, bind
from softbook.knobs.options import Choice, Switch
from softbook.knobs.ranges import Integer, Linear, Log

__all__ = ["Choice", "Integer", "Knob", "Linear", "Log", "Switch", "bind"]
