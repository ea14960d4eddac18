"""How a layer's axes lie in a program's arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from derive.errors import ShapeError
from derive.layers import load, names
from derive.testing.arrangement import AXES, Arrangement, MisfitError, arrangements, vector

SIZES = dict(zip(AXES, (4, 3, 5, 2, 6, 7), strict=True))


@pytest.mark.parametrize(
    ("layer", "ranks"),
    [
        ("batchnorm", [2, 3, 4]),
        ("layernorm", [2, 3, 4]),
        ("groupnorm", [2, 3, 4]),
        ("instancenorm", [3, 4]),
        ("syncbatchnorm", [3, 4]),
        ("softmax", [2, 3, 4]),
        ("cosine", [2, 3, 4]),
    ],
)
def test_a_layer_is_tested_at_every_rank_at_which_it_normalizes(layer, ranks):
    assert [one.rank for one in arrangements(layer)] == ranks


@pytest.mark.parametrize(
    ("layer", "axes", "order", "quantity", "shape"),
    [
        ("batchnorm", ("N", "C", "H", "W"), (), "x", (4, 3, 5, 2)),
        ("batchnorm", ("N", "C", "H", "W"), ("N", "H", "W", "C"), "x", (4, 5, 2, 3)),
        ("batchnorm", ("N", "C", "H", "W"), ("N", "H", "W", "C"), "γ", (3,)),
        ("groupnorm", ("N", "C", "H", "W"), (), "x", (4, 15, 2)),
        ("groupnorm", ("N", "C", "H", "W"), (), "γ", (15,)),
        ("groupnorm", ("N", "C", "H", "W"), (), "μ", (4, 3)),
        ("groupnorm", ("N", "C", "H", "W"), ("N", "W", "C", "H"), "x", (4, 2, 15)),
        ("layernorm", ("N", "C", "H"), (), "μ", (4, 3)),
        ("cosine", ("N", "C"), (), "y", (4,)),
    ],
)
def test_the_shape_of_a_quantity_in_a_program(layer, axes, order, quantity, shape):
    subject = Arrangement(load(layer, axes), order)
    assert subject.shape(subject.quantities[quantity], SIZES) == shape


@pytest.mark.parametrize(
    ("layer", "data", "reduced"),
    [
        ("batchnorm", ("x",), ("N", "H")),
        ("layernorm", ("x",), ("H",)),
        ("softmax-cross-entropy", ("x",), ("H",)),
        ("cosine", ("a", "b"), ("H",)),
        ("layernorm-residual", ("x", "r"), ("H",)),
        ("batchnorm-inference", ("x",), ()),
    ],
)
def test_what_is_data_and_what_is_reduced(layer, data, reduced):
    subject = Arrangement(load(layer, ("N", "C", "H")))
    assert (subject.data, subject.reduced) == (data, reduced)


@pytest.mark.parametrize(
    ("layer", "axes"),
    [
        ("batchnorm", [("m", "N"), ("N", "C", "H"), ("N", "C", "H", "W")]),
        ("layernorm", [("N", "D"), ("N", "C", "D"), ("N", "C", "H", "D")]),
        ("groupnorm", [("N", "G", "C"), ("N", "G", "C", "S"), ("N", "G", "C", "H", "W")]),
        ("instancenorm", [("N", "C", "S"), ("N", "C", "H", "W")]),
    ],
)
def test_axes_have_the_names_of_the_layers_file_where_they_are_the_same(layer, axes):
    assert [one.axes for one in arrangements(layer)] == axes


@given(st.sampled_from(names()), st.data())
def test_there_and_back_is_the_same_array(layer, data):
    subject = data.draw(st.sampled_from(arrangements(layer)))
    order = data.draw(st.permutations(subject.axes))
    sizes = dict(zip(subject.axes, SIZES.values(), strict=False))
    subject = Arrangement(subject.layer, tuple(order))
    for quantity in subject.quantities.values():
        shape = [sizes[str(size)] for size in getattr(getattr(quantity, "base", None), "shape", ())]
        array = np.arange(np.prod(shape)).reshape(shape)
        laid = subject.to_program(quantity, array)
        assert laid.shape == subject.shape(quantity, sizes)
        assert np.array_equal(subject.to_layer(quantity, laid, sizes), array)


def test_another_shape_is_told_with_the_right_one():
    subject = Arrangement(load("batchnorm", ("N", "C")))
    with pytest.raises(MisfitError, match=r"its shape is \(3, 4\) and not \(4, 3\)"):
        subject.to_layer(subject.quantities["x"], np.zeros((3, 4)), SIZES)


def test_a_layout_names_every_axis():
    with pytest.raises(ShapeError, match="does not name the axes"):
        arrangements("batchnorm", ("N", "C", "H"), ("N", "C"))


def test_a_layer_of_groups_has_no_vector():
    assert vector("groupnorm") is None
    assert vector("batchnorm").rank == 1
