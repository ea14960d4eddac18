"""Which gradient each returned array is."""

import numpy as np
import pytest

from derive.layers import load
from derive.testing.arrangement import Arrangement
from derive.testing.call import Returned
from derive.testing.described import Described
from derive.testing.outputs import MismatchError, OutputsError, by_name
from derive.testing.truth import Truth

SIZES = {"N": 4, "C": 3}
DATA, FEATURES = (4, 3), (3,)


@pytest.fixture(scope="module")
def truth():
    return Truth(Arrangement(load("batchnorm", ("N", "C"))))


def returned(*shapes, names=()):
    names = names or (None,) * len(shapes)
    arrays = (None if shape is None else np.zeros(shape) for shape in shapes)
    return [Returned(name, array, "float64") for name, array in zip(names, arrays, strict=True)]


def told(truth, values, returns=(), said=()):
    function = Described("f", "numpy", (), returns, forward=False)
    found = by_name(values, function, truth, said, SIZES)
    return {of: values.index(next(one for one in values if one is value)) for of, value in found.items()}


@pytest.mark.parametrize(
    ("values", "returns", "said", "expected"),
    [
        (returned(DATA, FEATURES, FEATURES), (), (), {"x": 0, "γ": 1, "β": 2}),
        (returned(DATA, FEATURES, FEATURES), ("dx", "db", "dw"), (), {"x": 0, "γ": 2, "β": 1}),
        (returned(FEATURES, FEATURES, DATA), ("dgamma", "dbeta", "dx"), (), {"x": 2, "γ": 0, "β": 1}),
        (returned(DATA, FEATURES, FEATURES), ("a", "b", "c"), (), {"x": 0, "γ": 1, "β": 2}),
        (returned(DATA), (), (), {"x": 0}),
        (returned(FEATURES, FEATURES), (), (), {"γ": 0, "β": 1}),
        (returned(DATA, FEATURES), (), (), {"x": 0, "γ": 1}),
        (returned(DATA, FEATURES, FEATURES, None), (), (), {"x": 0, "γ": 1, "β": 2}),
        (returned(FEATURES, DATA, names=("grad_weight", "grad_input")), (), (), {"x": 1, "γ": 0}),
        (returned(DATA, FEATURES, FEATURES), (), ("dx", "_", "dgamma"), {"x": 0, "γ": 2}),
    ],
)
def test_arrays_are_told_apart(truth, values, returns, said, expected):
    found = by_name(values, Described("f", "numpy", (), returns, forward=False), truth, said, SIZES)
    assert {of: next(at for at, one in enumerate(values) if one is value) for of, value in found.items()} == expected


def test_too_many_arrays_are_a_mismatch(truth):
    with pytest.raises(MismatchError, match="it returns 4 arrays and the layer has 3 gradients"):
        told(truth, returned(DATA, FEATURES, FEATURES, FEATURES))


def test_a_wrong_name_is_an_error(truth):
    with pytest.raises(OutputsError, match="'dz' is no gradient of batchnorm"):
        told(truth, returned(DATA), said=("dz",))
