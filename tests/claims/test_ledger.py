"""Every claim of the book, now and later: a share of draws, an attack, hypotheses, record, words.

`make check` does the same with 100,000 draws a claim.
"""

from __future__ import annotations

import re
import time
from functools import cache
from pathlib import Path

import pytest

from softbook.claims import Claim, Hypothesis, ledger
from softbook.claims.record import load
from softbook.knobs import Linear

ROOT = Path(__file__).parents[2]
DRAWS, BUDGET = 300, 200
# A claim that trains or enumerates gets as many draws as fit into this, and five at least.
SECONDS = 0.6

CLAIMS = ledger()
CHECKED = [claim for claim in CLAIMS if claim.evidence != "quoted"]
BROKEN = [
    pytest.param(claim, hypothesis, id=f"{claim.id}: {hypothesis.statement}")
    for claim in CHECKED
    for hypothesis in claim.hypotheses
    if hypothesis.violation is not None
]


def named(claims):
    return [pytest.param(claim, id=claim.id) for claim in claims]


@cache
def seconds(claim_id):
    """The time of one evaluation, after a first one that may load or train."""
    claim = next(claim for claim in CLAIMS if claim.id == claim_id)
    claim.check()
    start = time.perf_counter()
    for settings in claim.draw(3, seed=1):
        claim.check(**settings)
    return (time.perf_counter() - start) / 3


def share(claim, most):
    """How many evaluations of a claim fit into the time."""
    return max(5, min(most, int(SECONDS / max(seconds(claim.id), 1e-9))))


@pytest.mark.parametrize("claim", named(CHECKED))
def test_it_holds_at_its_default(claim):
    verdict = claim.check()
    assert verdict.holds, verdict


@pytest.mark.parametrize("claim", named(CHECKED))
def test_it_holds_at_random_settings(claim):
    for settings in claim.draw(share(claim, DRAWS), seed=20260):
        verdict = claim.check(**settings)
        assert verdict.holds, verdict


@pytest.mark.parametrize("claim", named(claim for claim in CHECKED if claim.knobs))
def test_it_withstands_an_attack(claim):
    verdict = claim.attack(share(claim, BUDGET), seed=1)
    assert verdict.holds, verdict


@pytest.mark.parametrize(("claim", "hypothesis"), BROKEN)
def test_without_the_hypothesis_it_breaks(claim, hypothesis):
    settings = claim.defaults() | dict(hypothesis.violation)
    assert not hypothesis.holds(**settings)
    verdict = claim.violate(hypothesis)
    assert not verdict.holds, verdict


def test_a_violation_that_breaks_nothing_would_be_seen():
    idle = Claim(
        id="idle",
        title="t",
        statement="s",
        evidence="proved",
        source="own",
        knobs={"x": Linear(0, 1)},
        predicted=lambda x: 2.0,
        measured=lambda x: x,
        hypotheses=[Hypothesis("$x < 1$", lambda x: x < 1, {"x": 1.5})],
    )
    with pytest.raises(AssertionError):
        test_without_the_hypothesis_it_breaks(idle, idle.hypotheses[0])


RECORD = load()


def test_the_record_knows_only_claims_that_there_are():
    assert set(RECORD) <= {claim.id for claim in CHECKED}


@pytest.mark.skipif(not RECORD, reason="no record: python -m softbook check --record makes one")
@pytest.mark.parametrize("claim", named(claim for claim in CHECKED if claim.id in RECORD))
def test_the_recorded_worst_setting_holds_and_gives_the_recorded_ratio(claim):
    entry = RECORD[claim.id]
    verdict = claim.check(**entry.settings)
    assert verdict.holds, verdict
    # What an equality uses is rounding, and another processor rounds otherwise.
    if claim.relation != "==":
        assert verdict.ratio == pytest.approx(entry.ratio, rel=1e-6, abs=1e-12)


def bibliography():
    file = ROOT / "book" / "references.bib"
    return set(re.findall(r"^@\w+\{([^,\s]+),", file.read_text("utf-8"), re.M))


@pytest.mark.parametrize("claim", named(CLAIMS))
def test_its_source_is_the_book_or_in_the_bibliography(claim):
    key = re.match(r"[^,\s]+", claim.source)
    assert key, "a source is needed"
    assert key[0] == "own" or key[0] in bibliography(), claim.source
    assert claim.evidence != "quoted" or key[0] != "own"


@pytest.mark.parametrize("claim", named(CLAIMS))
def test_its_words_are_whole(claim):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", claim.id)
    for text in (claim.title, claim.statement, *(h.statement for h in claim.hypotheses)):
        assert text.strip() == text != ""
        formulas = re.sub(r"\\\$", "", text)
        assert formulas.count("$$") % 2 == 0, text
        assert formulas.replace("$$", "").count("$") % 2 == 0, text
        for formula in re.findall(r"\$+([^$]+)\$+", formulas):
            braces = re.sub(r"\\[{}]", "", formula)
            assert braces.count("{") == braces.count("}"), formula
            assert formula.count(r"\left") == formula.count(r"\right"), formula
    assert claim.statement.count("**") % 2 == 0
    for knob in claim.knobs.values():
        assert knob.label, f"the knob {knob.name} has no label"


@pytest.mark.parametrize("claim", named(CHECKED))
def test_its_tolerance_says_why(claim):
    assert claim.tolerance.reason.strip()
    if claim.tolerance.size(**claim.defaults()) > 0:
        assert not claim.tolerance.reason.startswith("none")


def test_no_claim_depends_on_itself_by_detours():
    depends = {claim.id: set(claim.depends) for claim in CLAIMS}
    while leaves := {id for id, others in depends.items() if not others}:
        depends = {id: others - leaves for id, others in depends.items() if id not in leaves}
    assert not depends


@pytest.mark.parametrize("claim", named(claim for claim in CHECKED if claim.enclosure))
def test_its_enclosure_leaves_no_room_above_the_promise(claim):
    low, high = claim.enclosure()
    assert low <= high <= 1 + 1e-6
