"""The claims of chapter 3: importing this package registers them."""

from softbook.diffusion.claims import chains, flow, masks, measured, quoted, uniform

__all__ = ["chains", "flow", "masks", "measured", "quoted", "uniform"]
