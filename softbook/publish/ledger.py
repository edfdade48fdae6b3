"""The ledger page: `{ledger} book/chapter` writes the chapter's claims with what the build found.

Both sides of each claim are computed anew, at its default and at the worst setting that draws and
attacks have recorded (`softbook.claims.record`). A claim that stands nowhere in the book, or has no
line in its ledger, stops the build.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from softbook.claims import Claim, Verdict
from softbook.claims.claim import Value
from softbook.claims.record import load
from softbook.knobs import Knob
from softbook.plotting import number as plain_number
from softbook.publish.graph import Node, draw
from softbook.publish.theorem import book_claims, known, parse, places, source_text

__all__ = [
    "LedgerDirective",
    "MapDirective",
    "check_places",
    "claim_graph",
    "domain_text",
    "graph_pages",
    "listed",
    "resolve_graphs",
]


class claim_graph(nodes.General, nodes.Element):
    """The place of the picture, which is drawn when all pages are known."""


def graph_pages(env: Any) -> set[str]:
    """Return the build environment's register of pages that show the picture."""
    if not hasattr(env, "softbook_graph_pages"):
        env.softbook_graph_pages = set()
    pages: set[str] = env.softbook_graph_pages
    return pages


class MapDirective(SphinxDirective):
    """`{claim-map}`: the picture alone."""

    def run(self) -> list[nodes.Node]:
        """Return the picture's place."""
        graph_pages(self.env).add(self.env.docname)
        return [claim_graph()]


def number(value: float) -> str:
    """Write a number of the ledger: four digits, and infinity as one.

    >>> number(0.99871), number(-3e-9), number(float("inf"))
    ('0.9987', '−3·10⁻⁹', '∞')
    """
    if math.isnan(value):
        return "not a number"
    # Adding zero turns a negative zero into a plain one.
    return plain_number(value + 0.0, 4).replace("inf", "∞")


def amount(value: Value) -> str:
    """Write one side of a claim: a number, or a pair as an interval.

    >>> amount((0.5, 1.0))
    '0.5 to 1'
    """
    return " to ".join(map(number, value)) if isinstance(value, tuple) else number(value)


def domain_text(knob: Knob) -> str:
    """Say a knob's domain in words; of more than four choices, the first and the last.

    >>> from softbook.knobs import Log
    >>> domain_text(Log(1, 100, default=10, label="sharpness β"))
    'sharpness β: 1 to 100 (logarithmic)'
    """
    grid = [knob.text(value) for value in knob.grid()]
    if knob.kind in ("choice", "switch"):
        shown = grid if len(grid) <= 4 else [grid[0], "…", grid[-1]]
        return f"{knob.title}: {', '.join(shown)}"
    tail = {"log": " (logarithmic)", "integer": " (whole numbers)"}.get(knob.kind, "")
    return f"{knob.title}: {grid[0]} to {grid[-1]}{tail}"


def _settings(claim: Claim, verdict: Verdict) -> str:
    return ", ".join(
        f"{knob.title} = {knob.text(verdict.settings[name])}" for name, knob in claim.knobs.items()
    )


def _verdicts(claim: Claim) -> list[Verdict]:
    """Return the verdict at the default, and at the worst recorded setting where there is one."""
    if claim.evidence == "quoted":
        return []
    verdicts = [claim.check()]
    entry = load().get(claim.id)
    if entry is not None:
        verdicts.append(claim.check(**entry.settings))
    for verdict in verdicts:
        if not verdict.holds:
            raise ExtensionError(f"claim {claim.id}: it does not hold at {dict(verdict.settings)}")
    return verdicts


def _row(env: Any, claim: Claim, verdicts: list[Verdict]) -> str:
    # The anchor to which the theorem block links.
    title = f"(ledger-{claim.id})=\n    {{claim}}`{claim.id}`"
    cells = (
        f"{title}\n\n    {claim.evidence}, {source_text(env, claim)}",
        " / ".join(number(verdict.ratio) for verdict in verdicts) or "not checked here",
        " / ".join(number(verdict.slack) for verdict in verdicts) or "–",
    )
    return "* - " + "\n  - ".join(cells)


def _worst(claim: Claim, verdicts: list[Verdict]) -> str:
    entry = load().get(claim.id)
    if entry is None or not claim.knobs:
        return ""
    searched = f"{entry.draws:,} draws and {entry.attack:,} steps of attack"
    settings = math.prod(len(knob.grid()) for knob in claim.knobs.values())
    if all(knob.kind in ("choice", "switch") for knob in claim.knobs.values()):
        searched = f"its {settings} settings"
    return f" The worst of {searched} is at {_settings(claim, verdicts[-1])}."


def powers(text: str) -> str:
    """Typeset the powers in a plain sentence.

    >>> powers("a few units of 2^-53: 10^-10")
    'a few units of $2^{-53}$: $10^{-10}$'
    """
    return re.sub(r"\b(\d+)\^(-?\d+)", r"$\1^{\2}$", text)


def _details(claim: Claim, verdicts: list[Verdict]) -> str:
    lines = [f"- {{claim}}`{claim.id}`.{_worst(claim, verdicts)}"]
    if claim.knobs:
        knobs = "; ".join(domain_text(knob) for knob in claim.knobs.values())
        lines.append(f"  - Knobs: {knobs}.")
    reason = powers(claim.tolerance.reason).replace("none: ", "none; ", 1)
    lines.append(f"  - Rounding forgiven: {reason}.")
    for hypothesis in claim.hypotheses:
        if hypothesis.violation is None:
            lines.append(f"  - {hypothesis.statement}: not known to be needed.")
            continue
        broken = claim.violate(hypothesis)
        where = f"At {_settings(claim, broken)}" if claim.knobs else "There"
        lines.append(
            f"  - {hypothesis.statement}: needed. {where} it is violated, and "
            f"{amount(broken.measured)} is measured where {amount(broken.predicted)} is promised."
        )
    return "\n".join(lines)


def _shown_on(env: Any, page: str) -> list[Claim]:
    """Return the claims whose blocks a page's source has, in its order.

    The source is asked, since the page may be read after the ledger.
    """
    if page not in env.found_docs:
        raise ExtensionError(f"{env.docname}: {{ledger}} {page}: the book has no such page")
    env.note_dependency(env.doc2path(page))
    text = Path(env.doc2path(page)).read_text("utf-8")
    ids = re.findall(r"^[`:]{3,}\{claim\}\s+(\S+)", text, re.MULTILINE)
    return [known(env, id) for id in ids]


def listed(env: Any) -> set[str]:
    """Return the register of claims that have a line."""
    if not hasattr(env, "softbook_ledger_lines"):
        env.softbook_ledger_lines = set()
    found: set[str] = env.softbook_ledger_lines
    return found


class LedgerDirective(SphinxDirective):
    """`{ledger}`: a table of all claims, or of a page's, and what each comparison forgives and needs."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the page's nodes; links are filled in when all pages are known."""
        self.env.softbook_ledger_page = self.env.docname  # type: ignore[attr-defined]
        claims = (
            _shown_on(self.env, self.arguments[0])
            if self.arguments
            else list(book_claims(self.env).values())
        )
        listed(self.env).update(claim.id for claim in claims)
        found = {claim.id: _verdicts(claim) for claim in claims}
        head = "* - Claim\n  - Used\n  - Slack"
        rows = "\n".join(_row(self.env, claim, found[claim.id]) for claim in claims)
        table = f"````{{list-table}}\n:header-rows: 1\n\n{head}\n{rows}\n````"
        chapter = (
            self.arguments[0].rpartition("/")[2].replace("_", " ") if self.arguments else "all"
        )
        box = scroll(label=f"The claims: {chapter}")
        box += parse(self, table)
        details = "\n".join(_details(c, found[c.id]) for c in claims if found[c.id])
        folded = (
            f"::::{{dropdown}} What each comparison covers, forgives and needs\n{details}\n::::"
        )
        return [box, *(parse(self, folded) if details else [])]


class scroll(nodes.General, nodes.Element):
    """A box that scrolls sideways where the screen is narrow; `label` names it, as no other on its page."""


def check_places(app: Any, env: Any) -> None:
    """Stop the build if the book has a ledger, and a claim without a block or without a line."""
    if not getattr(env, "softbook_ledger_page", ""):
        return
    for kind, have in (("theorem block", places(env)), ("line of the ledger", listed(env))):
        missing = [id for id in book_claims(env) if id not in have]
        if missing:
            raise ExtensionError(f"the book shows no {kind} for: {', '.join(missing)}")


def resolve_graphs(app: Any, doctree: nodes.document, page: str) -> None:
    """Draw the graph with links relative to its page."""
    for place in list(doctree.findall(claim_graph)):
        found = {}
        order = list(app.env.toctree_includes.get(app.config.root_doc, []))
        claims = [claim for claim in book_claims(app.env).values() if claim.id in places(app.env)]
        pages = {claim.id: places(app.env)[claim.id]["page"] for claim in claims}
        # As the contents have them; a page that stands in no contents comes last.
        claims.sort(key=lambda c: [*order, pages[c.id]].index(pages[c.id]))
        for claim in claims:
            target = pages[claim.id]
            address = f"{app.builder.get_relative_uri(page, target)}#claim-{claim.id}"
            group = app.env.titles[target].astext()
            uses = tuple(other for other in claim.depends if other in pages)
            found[claim.id] = Node(claim.title, claim.evidence, address, uses, group)
        place.replace_self(nodes.raw("", draw(found), format="html"))
