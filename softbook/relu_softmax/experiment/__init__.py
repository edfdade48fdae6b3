"""What is measured in the chapter on ReLU inside softmax attention.

- `uap`: the approximation-rate experiment of arXiv 2504.15956 (`python -m softbook.relu_softmax.experiment.uap`)
- `stacked`: one-layer attention models, all seeds in one tensor
- `anchors`: the same ramp built by hand, without training
- `trends`: power-law slopes with bootstrap intervals
- `digits`: a ReLU classifier, compiled into attention, with a proof of agreement a digit
- `depth`: both certificates against depth
"""
