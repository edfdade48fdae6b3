"""The server-rendered shell of an explorable: everything of it that a page holds before any script runs.

The shell is complete HTML: title, labelled native controls at their defaults, the place of the
figure with its height reserved, and the default setting's summary in words. The script of the page
(`static/`) binds itself to what stands here; the names of classes and `data-` attributes are the
contract between the two.

>>> knob = {"name": "beta", "label": "sharpness β", "unit": "", "kind": "log", "values": [1, 10],
...         "texts": ["1", "10"], "index": 1}
>>> html = control(knob, "relu-beta")
>>> '<label for="relu-beta">sharpness β</label>' in html, 'aria-valuetext="10"' in html
(True, True)
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

__all__ = ["control", "shell"]

# More controls than this are folded away, so that the figure stays in view while one is turned.
VISIBLE = 3


def _range(knob: Mapping[str, Any], element: str) -> str:
    # A browser lays out what changes in a block of known size by itself, but no member of a row:
    # slider and value stand in blocks inside of theirs, and so does a list.
    text = escape(knob["texts"][knob["index"]])
    return (
        f'<label for="{element}">{escape(knob["label"] or knob["name"])}</label>'
        f'<span class="softbook-track"><input type="range" id="{element}" data-knob="{escape(knob["name"])}" min="0" '
        f'max="{len(knob["values"]) - 1}" step="1" value="{knob["index"]}" '
        f'aria-valuetext="{text}" autocomplete="off"></span>'
        # The slider itself speaks its value; a live output would say it twice.
        f'<output for="{element}" aria-live="off"><span>{text}</span></output>'
    )


def _choice(knob: Mapping[str, Any], element: str) -> str:
    options = "".join(
        f'<option value="{k}"{" selected" * (k == knob["index"])}>{escape(text)}</option>'
        for k, text in enumerate(knob["texts"])
    )
    return (
        f'<label for="{element}">{escape(knob["label"] or knob["name"])}</label>'
        f'<span><select id="{element}" data-knob="{escape(knob["name"])}" autocomplete="off">'
        f"{options}</select></span>"
    )


def _switch(knob: Mapping[str, Any], element: str) -> str:
    checked = " checked" * bool(knob["values"][knob["index"]])
    return (
        f'<input type="checkbox" id="{element}" data-knob="{escape(knob["name"])}"{checked} '
        f'autocomplete="off">'
        f'<label for="{element}">{escape(knob["label"] or knob["name"])}</label>'
    )


def control(knob: Mapping[str, Any], element: str) -> str:
    """Return the labelled native control of one knob of a payload.

    Parameters
    ----------
    knob
        An entry of the payload's `knobs`: name, label, kind, values, texts, index.
    element
        The `id` of the control in the page.

    Raises
    ------
    ValueError
        If the knob's kind is none of linear, log, integer, choice, switch.
    """
    makers = {"choice": _choice, "switch": _switch}
    makers |= dict.fromkeys(("linear", "log", "integer"), _range)
    kind = knob["kind"]
    if kind not in makers:
        raise ValueError(f"knob: {kind!r} is given, but one of {', '.join(makers)} is needed")
    return f'<div class="softbook-control softbook-{kind}">{makers[kind](knob, element)}</div>'


def _controls(payload: Mapping[str, Any], key: str) -> str:
    knobs = payload["knobs"]
    if not knobs:
        return ""
    made = [control(knob, f"{key}-{knob['name']}") for knob in knobs]
    more = ""
    if len(made) > VISIBLE:
        more = (
            '<details class="softbook-more"><summary>More controls</summary>'
            f"{''.join(made[VISIBLE:])}</details>"
        )
    reset = '<button type="button" class="softbook-reset">Reset</button>'
    return f'<div class="softbook-controls">{"".join(made[:VISIBLE])}{reset}{more}</div>'


def _setting(payload: Mapping[str, Any]) -> str:
    """Return the setting in words, which stands on paper where the controls stand on a screen."""
    knobs = payload["knobs"]
    if not knobs:
        return ""
    words = ", ".join(f"{k['label'] or k['name']}: {k['texts'][k['index']]}" for k in knobs)
    return f'<p class="softbook-setting">{escape(words)}</p>\n'


def _share(payload: Mapping[str, Any]) -> str:
    takes = {
        "link": "Copy link",
        "python": "Copy as Python",
        "csv": "CSV",
        "png": "PNG",
        "svg": "SVG",
    }
    if not payload.get("registered"):
        # No line of Python brings back a figure that only its page knows.
        del takes["python"]
    buttons = "".join(
        f'<button type="button" data-take="{take}">{name}</button>' for take, name in takes.items()
    )
    label = escape(f"To copy, of: {payload['title']}")
    return (
        '<details class="softbook-share"><summary>Take it along</summary>'
        f"<div>{buttons}</div>"
        f'<textarea readonly hidden rows="1" aria-label="{label}"></textarea>'
        '<p role="status"></p></details>'
    )


def shell(payload: Mapping[str, Any], key: str, source: str) -> str:
    """Return the HTML of an explorable as it stands in the page before any script runs.

    Parameters
    ----------
    payload
        What `softbook.explore` writes for one explorable.
    key
        Unique in the page; the prefix of all element ids.
    source
        Address of the data file, relative to the script of the page.
    """
    title, summary = escape(payload["title"]), escape(payload["summary"])
    return (
        f'<figure class="softbook-explorable" id="{key}" role="group" '
        f'aria-labelledby="{key}-title" data-key="{key}" data-id="{payload["id"]}" '
        f'data-src="{escape(source)}">\n'
        f'<p class="softbook-title" id="{key}-title">{title}</p>\n'
        f"{_controls(payload, key)}\n{_setting(payload)}"
        f'<div class="softbook-plot" style="min-height:{int(payload["height"])}px"></div>\n'
        '<p class="softbook-undrawn">This figure was not drawn yet when the page was printed. '
        "It is drawn now: print the page again.</p>\n"
        "<noscript><p>The figure is drawn by a script of this page; "
        "the sentence below says what its first frame shows.</p></noscript>\n"
        f'<p class="softbook-summary" id="{key}-summary" role="status" aria-live="polite">{summary}</p>\n'
        '<details class="softbook-data"><summary>Data table</summary>'
        f'<div class="softbook-table" role="region" tabindex="0" aria-label="Data of: {title}"></div>'
        f"</details>\n{_share(payload)}\n</figure>"
    )
