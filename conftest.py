"""Where Triton is missing, the kernels that are written in it cannot be read for doctests."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("triton") else ["softbook/kernels/*/gpu/*"]
