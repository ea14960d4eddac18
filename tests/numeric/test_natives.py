"""PyTorch's own functions are found for the layers they are, on every layout, and for nothing that only looks so."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from derive.derivation import derive
from derive.layers import load
from derive.numeric.natives import CALLS, native_of
from derive.numeric.oracles import through_torch
from derive.numeric.settings import Draw, Setting

pytest.importorskip("torch")

AXES = {
    "batchnorm": [(), ("N", "C"), ("N", "C", "L"), ("N", "C", "H", "W")],
    "batchnorm-inference": [(), ("N", "C", "H", "W")],
    "cosine": [(), ("N", "D"), ("N", "T", "D")],
    "groupnorm": [(), ("N", "G", "C", "H", "W")],
    "instancenorm": [(), ("N", "C", "H", "W")],
    "l2norm": [(), ("N", "D")],
    "layernorm": [(), ("N", "T", "D")],
    "layernorm-residual": [(), ("N", "T", "D")],
    "log-softmax": [(), ("N", "D")],
    "rmsnorm": [(), ("N", "T", "D")],
    "softmax": [(), ("N", "D")],
    "softmax-cross-entropy": [(), ("N", "D"), ("N", "T", "D")],
}


def made(layer):
    """The layer's functions with one sample; positive, since a variance that is given has to be."""
    derivation = derive(layer)
    return derivation.numpy(), Draw(derivation.graph, Setting(m=8), Random(7), positive=True).sample()  # noqa: S311


def test_every_function_in_the_table_is_tried_here():
    assert set(AXES) == set(CALLS)


@pytest.mark.parametrize(("name", "axes"), [(name, axes) for name, each in AXES.items() for axes in each])
def test_it_is_the_layer_forward_and_backward(name, axes):
    own, sample = made(load(name, axes))
    native = native_of(own.graph, sample.inputs, own.forward(*sample.inputs))
    assert native is not None
    assert native.name.startswith("PyTorch ")
    found = dict(zip(own.names, through_torch(native.output, sample.g, sample.inputs, "float64"), strict=True))
    for quantity, expected in own.backward(sample.g, *sample.inputs).items():
        np.testing.assert_allclose(found[quantity], expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("batchnorm-unbiased", "batchnorm"),  # another variance
        ("batchnorm-no-eps", "batchnorm"),  # PyTorch has none without ε
        ("softmax", "log-softmax"),
        ("l2norm", "layernorm"),  # other inputs
        ("cosine", "softmax-cross-entropy"),
        ("layernorm", "groupnorm"),  # other axes
    ],
)
def test_a_name_alone_is_not_enough(name, called):
    layer = replace(load(name), name=called)
    own, sample = made(layer)
    assert native_of(own.graph, sample.inputs, own.forward(*sample.inputs)) is None


def test_no_function_for_a_layer_that_is_not_in_the_table():
    own, sample = made(load("rmsnorm-eps-outside"))
    assert native_of(own.graph, sample.inputs, own.forward(*sample.inputs)) is None
