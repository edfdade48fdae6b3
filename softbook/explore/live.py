"""The live form of an explorable: ipywidgets controls above a plotly FigureWidget.

Dragging a slider sends values faster than a figure can be computed. One computation runs at a time;
values that arrive meanwhile replace each other, so that the last one is what is drawn next, and
every computed frame is painted (waiting for a pause would freeze the curve during a drag).
"""

from __future__ import annotations

import asyncio
from html import escape
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
from ipywidgets import HTML, Button, DOMWidget, HBox, Layout, VBox

if TYPE_CHECKING:
    from softbook.explore.explorable import Explorable, Frame

# Long enough for the kernel to take in the messages that wait, short against a frame of 16 ms.
PAUSE = 0.004


class Latest:
    """Runs `work(value)` for the latest value given, never two at a time.

    Outside a running event loop (a script, a test) it works at once.
    """

    def __init__(self, work: Any) -> None:
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
            self.work(self._waiting.pop())


def _paint(widget: go.FigureWidget, figure: go.Figure) -> None:
    """Bring `widget` to what `figure` shows, sending only what differs."""
    fresh = figure.to_plotly_json()
    kinds = [trace.get("type", "scatter") for trace in fresh["data"]]
    with widget.batch_update():
        if kinds != [trace.type for trace in widget.data]:
            widget.data = ()
            widget.add_traces(fresh["data"])
        else:
            for old, new in zip(widget.data, fresh["data"], strict=True):
                old.update({key: value for key, value in new.items() if key != "type"})
        widget.layout.update(fresh["layout"], overwrite=True)


def live(entry: Explorable) -> VBox:
    """Return the controls, the figure and its sentence in one box.

    The box carries `figure` (the FigureWidget), `controls` (name to widget) and `summary`. A value
    that the figure function refuses is answered by its sentence below the figure; the last good
    frame stays.
    """
    first: Frame = entry()
    widget = go.FigureWidget(first.figure)
    summary = HTML(f"<p role='status'>{escape(first.summary)}</p>")
    controls: dict[str, DOMWidget] = {name: knob.widget() for name, knob in entry.knobs.items()}

    def show(settings: dict[str, Any]) -> None:
        try:
            frame = entry(**settings)
        except (TypeError, ValueError) as error:
            summary.value = f"<p role='alert'>{escape(str(error))}</p>"
            return
        _paint(widget, frame.figure)
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
