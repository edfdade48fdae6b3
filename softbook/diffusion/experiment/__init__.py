"""The chapter's experiment: a small masked denoiser on binarised digits, and its samples.

- `digits`: handwritten digits as 64 binary pixels, or as four quadrants of three shades
- `training`: the denoiser, its loss, and one training
- `sampling`: writing rows in steps or one site at a time, from the same random numbers
- `orders`: how fast an error falls with the steps, with an interval over laws
- `statistics`: how far samples are from images, with intervals
- `study`: the whole experiment (`python -m softbook.diffusion.experiment`) and its committed result
"""

from softbook.diffusion.experiment.digits import coarse, pixels
from softbook.diffusion.experiment.sampling import noise, sample
from softbook.diffusion.experiment.training import Denoiser, Setting, train

__all__ = ["Denoiser", "Setting", "coarse", "noise", "pixels", "sample", "train"]
