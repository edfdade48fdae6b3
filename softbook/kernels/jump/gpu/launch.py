"""Host side of the kernels: three launches for a jump, two and a comparison for a log probability."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from softbook.kernels.jump.gpu.plan import ROWS, plan, programs
from softbook.kernels.jump.reference import TILE
from softbook.kernels.jump.transition import needs_logits


class _Call:
    """The tensors and sizes that all launches of one call share."""

    def __init__(
        self, logits: Tensor, before: Tensor, stay: Tensor, jump: Tensor, mask: int, **more: Any
    ):
        self.rows, tokens = logits.shape
        if logits.stride(1) != 1:
            logits = logits.contiguous()
        tiles = -(-tokens // TILE)
        self.across, share = programs(self.rows, tiles)
        self.plan = plan(tokens, masked=mask >= 0, each=len(stay) > 1)
        kind: dict[str, Any] = {"dtype": torch.float32, "device": logits.device}
        peaks, sums = (torch.empty(self.rows, tiles, **kind) for _ in range(2))
        self.given = {
            "X": logits,
            "BEFORE": before.contiguous(),
            "TOKENS": before.contiguous(),
            "STAY": stay.contiguous(),
            "JUMP": jump.contiguous(),
            "READ": torch.empty(self.rows, dtype=torch.int8, device=logits.device),
            "PEAKS": peaks,
            "SUMS": sums,
            "LOG": torch.empty(self.rows, **kind),
            "tokens": tokens,
            "tiles": tiles,
            "rows": self.rows,
            "stride": logits.stride(0),
            "share": share,
            "mask": mask,
            **more,
        }

    def run(self, name: str, *grid: int) -> None:
        row = self.plan[name]
        if self.rows == 0:
            return
        arguments = {x: self.given[x] for x in row.kernel.arg_names if x not in row.constants}
        row.kernel[grid](**arguments, **row.constants, num_warps=row.warps, num_stages=row.stages)


def jump(logits, tokens, stay, jump, mask, seed, offset):
    """Return the next tokens and their log probabilities."""
    after = torch.empty_like(tokens, memory_format=torch.contiguous_format)
    more = {"AFTER": after, "seed": seed, "offset": offset}
    call = _Call(logits, tokens, stay, jump, mask, **more)
    call.run("choose", -(-call.rows // ROWS))
    call.run("sums", call.rows, call.across)
    call.run("draw", call.rows)
    return after, call.given["LOG"]


def log_prob(logits, before, after, stay, jump, mask):
    """Return the log probabilities of given next tokens."""
    more = {"AFTER": after.contiguous(), "seed": 0, "offset": 0}
    call = _Call(logits, before, stay, jump, mask, **more)
    read = needs_logits(before, after, jump, mask, logits.shape[1])
    call.given["READ"] = read.to(torch.int8) * 2
    call.run("sums", call.rows, call.across)
    call.run("score", call.rows)
    return call.given["LOG"]
