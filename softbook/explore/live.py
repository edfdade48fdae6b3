"""The live form of an explorable: ipywidgets controls above a plotly FigureWidget.

Dragging a slider sends values faster than a figure can be computed. One computation runs at a time;
values that arrive meanwhile replace each other, so that the last one is what is drawn next, and
every computed frame is painted (waiting for a pause would freeze the curve during a drag).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from ipywidgets import HTML, Button, DOMWidget, HBox, Layout, VBox

from softbook.explore.parts import array_of

if TYPE_CHECKING:
    from softbook.explore.explorable import Explorable, Frame

# Long enough for the kernel to take in the messages that wait, short against a frame of 16 ms.
PAUSE = 0.004


class Latest:
    """Runs `work(value)` for the latest value given, never two at a time.

    Outside a running event loop (a script, a test) it works at once. In a loop, an exception of
    `work` goes to the loop's exception handler, and later values are worked on.

    >>> done = []
    >>> Latest(done.append).give(3)
    >>> done
    [3]
    """

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self.work = work
        self._waiting: list[Any] = []
        self._task: asyncio.Task[None] | None = None

    def give(self, value: Any) -> None:
        """Ask for `value`; it replaces a value that has not been started."""
        self._waiting = [value]
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.work(self._waiting.pop())
            return
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run())

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(PAUSE)
            try:
                self.work(self._waiting.pop())
            except Exception as error:
                report = {"message": f"{self.work!r} failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(report)


def _tree(node: Any) -> Any:
    """Return a figure's JSON with arrays in place of plotly's base64, so that they can be read."""
    if isinstance(node, Mapping):
        array = array_of(node)
        return {k: _tree(v) for k, v in node.items()} if array is None else array
    return [_tree(entry) for entry in node] if isinstance(node, (list, tuple)) else node


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, np.ndarray) or isinstance(new, np.ndarray):
        if not (isinstance(old, np.ndarray) and isinstance(new, np.ndarray)):
            return False
        # NaN is a gap, the same gap as before.
        return np.array_equal(old, new, equal_nan=old.dtype.kind == new.dtype.kind == "f")
    if isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)):
        return len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    return bool(old == new)


def _move(node: Any, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Bring a plotly object from `old` to `new`: only leaves that differ are set; those gone, unset."""
    for key in old.keys() | new.keys():
        before: Any = old.get(key)
        after: Any = new.get(key)
        if _same(before, after):
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            _move(node[key], before, after)
        elif (
            isinstance(before, (list, tuple))
            and isinstance(after, (list, tuple))
            and len(before) == len(after)
            and all(isinstance(entry, Mapping) for entry in [*before, *after])
        ):
            for entry, one, other in zip(node[key], before, after, strict=True):
                _move(entry, one, other)
        else:
            node[key] = after


def _paint(widget: go.FigureWidget, last: dict[str, Any], fresh: dict[str, Any]) -> None:
    """Bring `widget` from the JSON `last` to the JSON `fresh`, sending only what differs."""
    kinds = [[trace.get("type", "scatter") for trace in tree["data"]] for tree in (last, fresh)]
    with widget.batch_update():
        if kinds[0] == kinds[1]:
            for trace, old, new in zip(widget.data, last["data"], fresh["data"], strict=True):
                _move(trace, old, new)
        _move(widget.layout, last["layout"], fresh["layout"])
    if kinds[0] != kinds[1]:
        widget.data = ()
        widget.add_traces(fresh["data"])


def live(entry: Explorable) -> VBox:
    """Return the controls, the figure and its sentence in one box.

    The box carries `figure` (the FigureWidget), `controls` (name to widget), `summary` and `reset`
    (the button). A value at which the figure function raises is answered by that sentence below the
    figure; the last good frame stays.

    >>> from softbook.explore import explore
    >>> box = live(explore("two-keys"))
    >>> sorted(box.controls)
    ['beta']
    """
    first: Frame = entry()
    painted = _tree(first.figure.to_plotly_json())
    widget = go.FigureWidget(first.figure)
    summary = HTML(f"<p role='status'>{escape(first.summary)}</p>")
    controls: dict[str, DOMWidget] = {name: knob.widget() for name, knob in entry.knobs.items()}

    def show(settings: dict[str, Any]) -> None:
        nonlocal painted
        # Whatever is wrong, a reader is told: a figure that just stops would say that nothing changes.
        try:
            frame = entry(**settings)
        except Exception as error:
            kind = "" if isinstance(error, (TypeError, ValueError)) else f"{type(error).__name__}: "
            summary.value = f"<p role='alert'>{escape(f'{kind}{error}')}</p>"
            return
        fresh = _tree(frame.figure.to_plotly_json())
        _paint(widget, painted, fresh)
        painted = fresh
        summary.value = f"<p role='status'>{escape(frame.summary)}</p>"

    latest = Latest(show)

    def ask(_: Any = None) -> None:
        latest.give({name: control.value for name, control in controls.items()})

    def reset(_: Any) -> None:
        for name, value in entry.defaults().items():
            controls[name].value = value

    for control in controls.values():
        control.observe(ask, names="value")
        control.layout = Layout(width="min(100%, 420px)")
    button = Button(description="Reset", tooltip="Return to the first frame")
    button.on_click(reset)
    row = HBox([*controls.values(), button], layout=Layout(flex_flow="row wrap"))
    box = VBox([row, widget, summary] if controls else [widget, summary])
    box.figure, box.controls, box.summary, box.reset = widget, controls, summary, button
    return box
