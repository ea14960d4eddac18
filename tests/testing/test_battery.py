"""The battery has everything that tells right from wrong."""

import numpy as np
import pytest

from derive.graph import build
from derive.layers import names
from derive.testing.arrangement import arrangements
from derive.testing.battery import battery, draw, rounded
from derive.testing.frameworks import FRAMEWORKS


def cases(layer="layernorm", framework="numpy"):
    return list(battery(arrangements(layer), FRAMEWORKS[framework], (0.1, 1e-5, 0.0)))


def test_it_has_every_condition():
    found = cases(framework="torch")
    assert {case.epsilon for case in found} == {0.1, 1e-5, 0.0}
    assert {case.dtype for case in found} == {"float64", "float32", "bfloat16"}
    assert {case.memory for case in found} == {"contiguous", "strided", "transposed", "broadcast"}
    assert {case.arrangement for case in found if case.kind == "plain"} == {0, 1, 2}
    assert {case.kappa for case in found if case.dtype == "float64"} == {0, 1e2, 1e4, 1e6}
    assert {"zeros", "constant", "huge", "tiny", "no upstream", "few"} <= {case.kind for case in found}


def test_one_or_two_elements_in_a_mean_are_said_to_tell_little():
    few = [case for case in cases() if "in each mean" in case.said]
    assert [(case.sizes["D"], "says little" in case.said) for case in few] == [(1, True), (2, True), (3, False)]


@pytest.mark.parametrize("name", names())
def test_data_is_seeded_and_nowhere_constant(name):
    subjects = arrangements(name)
    graphs = [build(one.layer) for one in subjects]
    for case in cases(name):
        drawn, again = (draw(case, subjects[case.arrangement], graphs[case.arrangement]) for _ in range(2))
        assert all(np.array_equal(one, again.inputs[of]) for of, one in drawn.inputs.items())
        if case.kind == "plain":
            arrays = [*drawn.inputs.values(), drawn.upstreams[0]]
            assert all(len(np.unique(one)) == np.size(one) for one in arrays)


def test_the_lengths_of_axes_differ():
    assert all(
        len(set(case.sizes.values())) == len(case.sizes) for case in cases() if case.kind == "plain" and not case.said
    )


@pytest.mark.parametrize("value", [1.0, 0.1, -3.7, 1e30, 1e-30])
def test_bfloat16_keeps_eight_bits(value):
    found = float(rounded(np.array(value), "bfloat16"))
    assert abs(found - value) <= abs(value) * 2.0**-8
    assert float(rounded(np.array(found), "bfloat16")) == found
