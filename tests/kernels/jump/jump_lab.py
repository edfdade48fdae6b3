"""Run in a process of its own with TRITON_INTERPRET=1: the jump's kernels against torch.

Prints one line of JSON a case: how many tokens differ from those of torch, the worst error of the
log probabilities relative to float64 (or absolute where they are small), and what else must hold.
With the name of a fault as argument, the kernels are spoiled by it first and one case runs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "ssd"))

import torch
import triton
import triton.language as tl
from gpu_lab import poison_outputs

from softbook.kernels.jump import cpu, gpu, random, reference
from softbook.kernels.jump.gpu import launch, noise

TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}
SEED, OFFSET = 5 + 2**40, 11 + 2**33


@triton.jit
def words_kernel(OUT, GUMBEL, seed, offset, first, COUNT: tl.constexpr):
    """Store the words of the purpose 2, and their Gumbel numbers."""
    row = offset + tl.program_id(0).to(tl.int64)
    made = noise.words(seed, row, first, COUNT, 2)
    at = tl.program_id(0) * COUNT + tl.arange(0, COUNT)
    tl.store(OUT + at, made.to(tl.int64))
    tl.store(GUMBEL + at, noise.gumbel(made))


def numbers() -> dict:
    """Compare words bit for bit, and Gumbel numbers in units of float32."""
    found, noises = torch.empty(3, 1024, dtype=torch.int64), torch.empty(3, 1024)
    words_kernel[(3,)](found, noises, SEED, OFFSET, 512, 1024)
    wanted = random.words(SEED, OFFSET + torch.arange(3), 512, 1024, random.TOKENS)
    exact = -(-(-random.uniform(wanted, torch.float32).double()).log1p()).log()
    return {
        "case": "numbers",
        "different": int((found != wanted).sum()),
        "error": float(((noises - exact).abs() / exact.abs().clamp(min=1)).max()),
    }


def poison_integers() -> None:
    """Fill every torch.empty of integers with -7, so that an unwritten token is seen."""
    for name in ("empty", "empty_like"):
        plain = getattr(torch, name)

        def filled(*args, plain=plain, **kwargs):
            made = plain(*args, **kwargs)
            return made if made.is_floating_point() else made.fill_(-7)

        setattr(torch, name, filled)


def inputs(vocabulary: int, rows: int, dtype: str, each: bool, holes: bool):
    torch.manual_seed(vocabulary)
    wide = 2 * torch.randn(rows, vocabulary + 3)
    if holes:
        wide[torch.rand(rows, vocabulary + 3) < 0.7] = -torch.inf
        wide[:, 0] = -3.0
        wide[0, 1:] = -torch.inf
    tokens = torch.randint(0, vocabulary, (rows,))
    tokens = tokens.where(torch.rand(rows) < 0.2, torch.tensor(vocabulary))
    tokens[0] = 0
    stay = torch.rand(rows) if each else torch.tensor([0.3])
    return wide.to(TYPES[dtype])[:, :vocabulary], tokens, stay, 1 - stay


def case(vocabulary: int, prior: str, dtype="float32", rows=16, each=False, holes=False) -> dict:
    """Compare one call, and where rows differ also that call cut and spread over other programs."""
    logits, tokens, *both = inputs(vocabulary, rows, dtype, each, holes)
    mask = vocabulary if prior == "masked" else -1
    after, log_p = gpu.jump(logits, tokens, *both, mask, SEED, OFFSET)
    wanted, _ = cpu.jump(logits, tokens, *both, mask, SEED, OFFSET)
    exact = reference.log_prob(logits, tokens, after, *(x.double() for x in both), mask)
    score = gpu.log_prob(logits, tokens, after, *both, mask)
    other = torch.randint(0, vocabulary, tokens.shape)
    away = gpu.log_prob(logits, tokens, other, *both, mask)
    exact_away = reference.log_prob(logits, tokens, other, *(x.double() for x in both), mask)
    same = [torch.equal(score, log_p)]
    if each:
        part = slice(3, 9)
        mine = (x[part] for x in both)
        cut = gpu.jump(logits[part], tokens[part], *mine, mask, SEED, OFFSET + 3)
        same += [torch.equal(a[part], b) for a, b in zip((after, log_p), cut, strict=True)]
        for programs in ((1, 99), (99, 1)):
            plain, launch.programs = launch.programs, lambda *sizes, made=programs: made
            spread = gpu.jump(logits, tokens, *both, mask, SEED, OFFSET)
            same += [torch.equal(a, b) for a, b in zip((after, log_p), spread, strict=True)]
            launch.programs = plain
    return {
        "case": f"{vocabulary} {prior} {dtype}" + " each" * each + " holes" * holes,
        "different": int((after != wanted).sum()),
        "moved": int((after != tokens).sum()),
        "error": max(error(log_p, exact), error(away, exact_away)),
        "same bits": all(same),
    }


def error(found: torch.Tensor, exact: torch.Tensor) -> float:
    """Return the largest error; infinite where one is finite and the other not."""
    known = exact.isfinite()
    if not torch.equal(known, found.isfinite()) or found.isnan().any():
        return 1e9
    return float(((found - exact).abs() / exact.abs().clamp(min=1))[known].max())


def broken() -> dict:
    """Rows without a finite sum keep their token, with the logarithm NaN; their neighbours do not care."""
    logits, tokens = torch.randn(6, 700), torch.full((6,), 700)
    logits[1], logits[2, 3], logits[4, 5] = -torch.inf, torch.nan, torch.inf
    never, surely = torch.zeros(1), torch.ones(1)
    after, log_p = gpu.jump(logits, tokens, never, surely, 700, 1, 2)
    scored = gpu.log_prob(logits, tokens, tokens * 0, never, surely, 700)
    fine = [0, 3, 5]
    wanted, _ = cpu.jump(logits[fine], tokens[fine], never, surely, 700, 1, 2)
    good = log_p.isnan().tolist() == [False, True, True, False, True, False]
    good &= scored.isnan().tolist() == [False, True, True, False, True, False]
    good &= bool((after == 700).tolist() == [False, True, True, False, True, False])
    return {"case": "broken rows", "different": int(wanted[0] != after[0]), "same bits": good}


def shifted_rows():
    plain = gpu._launcher().jump
    launch.jump = lambda logits, *rest: plain(logits.roll(1, 0), *rest)


def forgotten_stride():
    plain = launch._Call.__init__

    def init(self, *tensors, **more):
        plain(self, *tensors, **more)
        self.given["stride"] = self.given["tokens"]

    launch._Call.__init__ = init


def forgotten_seed():
    plain = launch.jump
    launch.jump = lambda *rest: plain(*rest[:5], 0, rest[6])


def sums_not_written():
    plain = launch._Call.run
    launch._Call.run = lambda self, name, *grid: (
        None if name == "sums" else plain(self, name, *grid)
    )


def no_tiles():
    launch.programs = lambda rows, tiles: (1, 0)


FAULTS = {
    "rows shifted": shifted_rows,
    "stride forgotten": forgotten_stride,
    "seed forgotten": forgotten_seed,
    "sums not written": sums_not_written,
    "no tiles": no_tiles,
}


def main() -> None:
    torch.set_num_threads(1)
    poison_outputs()
    poison_integers()
    for fault in sys.argv[1:]:
        FAULTS[fault]()
        sys.stdout.write(json.dumps(case(1300, "uniform")) + "\n")
    if sys.argv[1:]:
        return
    made = [numbers(), broken()]
    for prior in ("masked", "uniform"):
        made += [case(size, prior) for size in (1, 7, 512, 513, 1300)]
        made += [
            case(5000, prior, each=True),
            case(1300, prior, holes=True),
            case(131072, prior, rows=4),
            case(131071, prior, "bfloat16", rows=4),
            case(1300, prior, "bfloat16"),
            case(1300, prior, "float16", each=True, holes=True),
        ]
    for one in made:
        sys.stdout.write(json.dumps(one) + "\n")


if __name__ == "__main__":
    main()
