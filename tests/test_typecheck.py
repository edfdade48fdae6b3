"""The check of shapes and types while tests run is itself seen to go red."""

from __future__ import annotations

import os

import jaxtyping
import pytest
import torch

from softbook.relu_softmax import relu_head

off = os.environ.get("SOFTBOOK_TYPECHECK") == "0"


@pytest.mark.skipif(off, reason="SOFTBOOK_TYPECHECK=0 switches the check off")
def test_a_value_that_does_not_fit_its_annotation_goes_red():
    with pytest.raises(jaxtyping.TypeCheckError, match="z"):
        relu_head(torch.tensor([1, 2]), beta=1.0)


def test_an_integer_is_a_float():
    assert relu_head(torch.zeros(2), beta=1).tolist() == [0.0, 0.0]


@pytest.mark.usefixtures("as_reader")
def test_a_reader_without_the_check_is_told_in_a_sentence():
    with pytest.raises(TypeError, match=r"z: dtype .* is given, but a floating one"):
        relu_head(torch.tensor([1, 2]), beta=1.0)
