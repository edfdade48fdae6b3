"""The claims of chapter 3: importing this package registers them."""

from softbook.diffusion.claims import chains, contrast, flow, masks, measured, quoted, uniform

__all__ = ["chains", "contrast", "flow", "masks", "measured", "quoted", "uniform"]
