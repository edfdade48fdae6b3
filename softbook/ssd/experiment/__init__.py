"""What is trained in the chapter on state-space duality: three token mixers of equal size on two tasks.

- `setting`: one network, its task and its training; the settings of the committed result
- `tasks`: multi-query associative recall, and the bytes of Python's standard library
- `network`: the residual network and its three mixers
- `training`: training that is repeatable and can be resumed
- `study`: the whole experiment (`python -m softbook.ssd.experiment`) and its committed result
"""
