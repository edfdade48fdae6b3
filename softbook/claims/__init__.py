"""Claims: a theorem as an object.

A `Claim` knows what is promised (`predicted`), what happens (`measured`), over which knobs and
under which hypotheses. The theorem block on a page, the figure, the test, the command line and the
ledger all read that one object.

>>> from softbook.knobs import Linear
>>> claim = Claim(
...     id="doubling", title="Doubling", statement="$2x \\\\le 3x$ for $x \\\\ge 0$.", evidence="proved",
...     source="own", knobs={"x": Linear(0, 1, default=0.5)}, relation="<=",
...     predicted=lambda x: 3 * x, measured=lambda x: 2 * x,
...     hypotheses=[Hypothesis("$x \\\\ge 0$", lambda x: x >= 0, violation={"x": -1.0})],
... )
>>> verdict = claim.check(x=0.25)
>>> verdict.holds, verdict.slack
(True, 0.25)
>>> claim.violate(claim.hypotheses[0]).holds
False
"""

from softbook.claims.claim import Claim, Hypothesis, Tolerance, Verdict
from softbook.claims.enclosure import enclose_supremum
from softbook.claims.registry import claim_by_id, ledger, register

__all__ = [
    "Claim",
    "Hypothesis",
    "Tolerance",
    "Verdict",
    "claim_by_id",
    "enclose_supremum",
    "ledger",
    "register",
]
