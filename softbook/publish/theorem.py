"""Theorem blocks: the directive `{claim}` shows a claim where it stands in the book.

    ```{claim} relu-two-keys
    ```

The block is written from the claim object: number, title, evidence badge, statement, hypotheses
and source. The role `` {claim}`relu-two-keys` `` links to it. A claim stands in one place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.addnodes import pending_xref
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.nodes import make_refnode

from softbook.claims import Claim

__all__ = [
    "ClaimDirective",
    "ClaimRole",
    "book_claims",
    "known",
    "parse",
    "places",
    "resolve",
    "source_text",
    "theorem",
]

NOUNS = {"proved": "Theorem", "exact": "Fact", "measured": "Measurement", "quoted": "Quotation"}


class theorem(nodes.General, nodes.Element):
    """The block itself, with the claim's kind of evidence in `evidence`."""


@cache
def _claims(place: str) -> dict[str, Claim]:
    module, _, function = place.partition(":")
    found: Iterable[Claim] = getattr(import_module(module), function)()
    return {claim.id: claim for claim in found}


def book_claims(env: Any) -> dict[str, Claim]:
    """Return the book's claims by id, from the function that the setting `softbook_ledger` names."""
    return _claims(env.config.softbook_ledger)


def places(env: Any) -> dict[str, dict[str, str]]:
    """Return the register of blocks: claim id to its `page` and its `name`, as in "Theorem 3"."""
    if not hasattr(env, "softbook_claims"):
        env.softbook_claims = {}
    found: dict[str, dict[str, str]] = env.softbook_claims
    return found


def parse(directive: SphinxDirective, text: str) -> list[nodes.Node]:
    """Parse MyST text where a directive stands."""
    box = nodes.Element()
    lines = StringList(text.splitlines(), source=directive.get_source_info()[0])
    directive.state.nested_parse(lines, directive.content_offset, box)
    return list(box.children)


def source_text(env: Any, claim: Claim) -> str:
    """Return a claim's source as MyST: a citation where it is a bibliography key, and the place.

    Raises
    ------
    sphinx.errors.ExtensionError
        If the source is neither `own` nor a key of the bibliography.
    """
    key, _, place = (part.strip() for part in claim.source.partition(","))
    tail = f", {place}" if place else ""
    if key == "own":
        return f"this book{tail}"
    if "cite" not in env.domains or key not in env.get_domain("cite").bibdata.data.entries:
        raise ExtensionError(f"claim {claim.id}: its source {key!r} is not in the bibliography")
    return f"{{cite}}`{key}`{tail}"


def known(env: Any, id: str) -> Claim:
    """Return the book's claim with this id; an ExtensionError names those that there are."""
    claims = book_claims(env)
    if id not in claims:
        raise ExtensionError(
            f"{env.docname}: {id!r} is no claim; there are {', '.join(sorted(claims)) or 'none'}"
        )
    return claims[id]


def _hypotheses(claim: Claim) -> str:
    if not claim.hypotheses:
        return ""
    lines = ["Hypotheses:", ""]
    for hypothesis in claim.hypotheses:
        free = "" if hypothesis.violation is not None else " *(not known to be needed)*"
        lines.append(f"- {hypothesis.statement}{free}")
    return "\n".join(lines)


class ClaimDirective(SphinxDirective):
    """`{claim} <id>`: the theorem block of one claim."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the block and enter its place into the register."""
        claim = known(self.env, self.arguments[0])
        page = self.env.docname
        before = places(self.env).get(claim.id)
        if before:
            raise ExtensionError(
                f"{page}: the claim {claim.id!r} stands on {before['page']} already"
            )
        number = self.env.temp_data.get("softbook_claim", 0) + 1
        self.env.temp_data["softbook_claim"] = number
        name = f"{NOUNS[claim.evidence]} {number}"
        places(self.env)[claim.id] = {"page": page, "name": name}
        block = theorem(evidence=claim.evidence, ids=[f"claim-{claim.id}"])
        self.set_source_info(block)
        block += self._title(claim, name)
        block += parse(self, claim.statement)
        block += parse(self, _hypotheses(claim))
        block += self._source(claim)
        label = f"claim-{claim.id}"
        standard = self.env.get_domain("std")
        standard.labels[label] = (page, label, f"{name}")  # type: ignore[attr-defined]
        standard.anonlabels[label] = (page, label)  # type: ignore[attr-defined]
        return [block]

    def _title(self, claim: Claim, name: str) -> nodes.Node:
        title = nodes.paragraph(classes=["softbook-claim-title"])
        title += nodes.Text(f"{name}. ")
        for part in parse(self, claim.title):
            title += part.children
        title += nodes.Text(" ")
        title += nodes.inline("", claim.evidence, classes=["softbook-badge"])
        return title

    def _source(self, claim: Claim) -> nodes.Node:
        line = nodes.paragraph(classes=["softbook-source"])
        for part in parse(self, f"Source: {source_text(self.env, claim)}. "):
            line += part.children
        line += nodes.Text(" ")
        line += _link(self.env, f"ledger-{claim.id}", nodes.inline("", "In the ledger"))
        return line


def _link(env: Any, target: str, text: nodes.Node) -> nodes.Node:
    link = pending_xref("", refdomain="", reftype="softbook", reftarget=target, refdoc=env.docname)
    link += text
    return link


def resolve(app: Any, env: Any, node: Any, text: nodes.Element) -> nodes.Node | None:
    """Point a link at its block or its line in the ledger; without a ledger the words stay alone."""
    if node.get("reftype") != "softbook":
        return None
    target = node["reftarget"]
    kind, _, id = target.partition("-")
    page = getattr(env, "softbook_ledger_page", "")
    if kind == "claim":
        page = places(env).get(id, {}).get("page", "")
    if not page:
        return text
    return make_refnode(app.builder, node["refdoc"], page, target, text)


class ClaimRole(SphinxRole):
    """`` {claim}`id` `` or `` {claim}`words <id>` ``: a link to the theorem block."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the link; the words are the claim's title unless they are given."""
        match = re.fullmatch(r"(.+?)\s*<(.+)>", self.text, re.DOTALL)
        words, id = match.groups() if match else ("", self.text)
        claim = known(self.env, id)
        parts, messages = self.inliner.parse(words or claim.title, self.lineno, None, None)  # type: ignore[attr-defined]
        text = nodes.inline("", "", *parts)
        return [_link(self.env, f"claim-{id}", text)], messages
