"""The data that accuracy is measured on: held by the dtype, as far from zero and as large as it says."""

import math
from dataclasses import replace
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from derive.derivation import derive
from derive.numeric.settings import BASE, EPSILON, Draw, Setting, counted_over, data_of, held, lengths_of, sweep

DTYPES = tuple(EPSILON)


def drawn(name, setting, seed=0, axes=(), **options):
    return Draw(derive(name, axes=axes).graph, setting, Random(seed), **options).sample()  # noqa: S311


BFLOAT16 = [
    (1.0, 1.0),
    (1 + 2**-7, 1 + 2**-7),
    (1 + 2**-8, 1.0),  # a tie goes to the even one
    (1 + 3 * 2**-8, 1 + 2**-6),
    (1 + 2**-8 + 2**-20, 1 + 2**-7),
    (-3.0e38, -226 * 2.0**120),
    (65504.0, 65536.0),
    (1e-40, 2.0**-133),
    (0.0, 0.0),
]


@pytest.mark.parametrize(("number", "expected"), BFLOAT16)
def test_bfloat16_is_rounded_to_the_nearest(number, expected):
    assert held(np.asarray(number), "bfloat16") == expected


def test_bfloat16_is_that_of_ml_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    numbers = np.random.default_rng(1).normal(size=1000) * 10.0 ** np.arange(-30, 30).repeat(17)[:1000]
    np.testing.assert_array_equal(
        held(numbers, "bfloat16"), numbers.astype(np.float32).astype(ml_dtypes.bfloat16).astype(float)
    )


@pytest.mark.parametrize("dtype", DTYPES)
@given(st.floats(1e-3, 1e3))
def test_what_is_held_is_near_and_stays(dtype, number):
    once = held(np.asarray(number), dtype)
    assert abs(once - number) <= EPSILON[dtype] / 2 * number * (1 + 1e-6)
    assert held(once, dtype) == once


LENGTHS = [
    ("batchnorm", (), {"m": 64}, "m"),
    ("softmax", (), {"m": 64}, "m"),
    ("layernorm", (), {"N": 2, "D": 64}, "D"),
    ("groupnorm", (), {"N": 2, "G": 2, "C": 2, "S": 32}, "CS"),
    ("syncbatchnorm", (), {"W": 2, "m": 32}, "Wm"),
    ("batchnorm", tuple("NCHW"), {"N": 2, "C": 2, "H": 2, "W": 16}, "NHW"),
    ("batchnorm-inference", (), {"m": 64}, "m"),  # no sum: the first size
]


@pytest.mark.parametrize(("name", "axes", "expected", "counted"), LENGTHS)
def test_a_statistic_is_over_m_elements(name, axes, expected, counted):
    graph = derive(name, axes=axes).graph
    assert {size.name: length for size, length in lengths_of(graph, 64).items()} == expected
    assert counted_over(graph) == tuple(counted)
    assert math.prod(expected[size] for size in counted) == 64


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("batchnorm", "x"),
        ("layernorm-residual", "xr"),
        ("cosine", "ab"),
        ("weightnorm", "v"),
        ("softmax-cross-entropy", "x"),
    ],
)
def test_what_is_data_and_what_is_a_parameter(name, data):
    assert data_of(derive(name).graph) == set(data)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_sweep_varies_one_thing_at_a_time(dtype):
    found = sweep(dtype)
    assert len(found) == len(set(found))
    base = replace(BASE, dtype=dtype)
    assert base in found
    for one in found:
        assert sum(getattr(one, name) != getattr(base, name) for name in ("kappa", "scale", "m")) <= 1
        assert one.kappa <= 1 / EPSILON[dtype]


def test_the_sweep_goes_as_far_as_a_dtype_has_digits():
    assert {dtype: max(one.kappa for one in sweep(dtype)) for dtype in DTYPES} == {
        "float64": 1e8,
        "float32": 1e6,
        "float16": 1e2,
        "bfloat16": 1e2,
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["batchnorm", "groupnorm", "softmax-cross-entropy", "cosine"])
def test_every_number_is_held(name, dtype):
    sample = drawn(name, Setting(dtype))
    for array in (sample.g, *sample.inputs):
        np.testing.assert_array_equal(held(np.asarray(array), dtype), array)


@pytest.mark.parametrize(("kappa", "scale"), [(0.0, 1.0), (1e4, 1.0), (1.0, 1e6), (1e4, 1e-6)])
def test_data_has_the_offset_and_the_scale_it_says(kappa, scale):
    x, *_ = drawn("batchnorm", Setting(kappa=kappa, scale=scale, m=1024)).inputs
    assert np.std(x) == pytest.approx(scale, rel=0.1)
    assert np.mean(x) == pytest.approx(kappa * scale, abs=0.1 * scale)


def test_the_same_seed_draws_the_same_numbers_wherever_they_are_put():
    near, far = (drawn("layernorm", Setting(kappa=kappa), seed=3) for kappa in (0.0, 1e4))
    np.testing.assert_allclose(far.inputs[0] - 1e4, near.inputs[0], atol=1e-11)
    np.testing.assert_array_equal(near.g, far.g)
    assert not np.array_equal(near.g, drawn("layernorm", Setting(), seed=4).g)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", [4, 6, 64, 1024])
def test_what_a_layer_assumes_holds_exactly(dtype, m):
    target = drawn("softmax-cross-entropy", Setting(dtype, m=m)).inputs[1]
    assert sum(map(Fraction, target.tolist())) == 1
    assert len(set(target.tolist())) > 1


def test_along_rows_each_sums_to_one():
    target = drawn("softmax-cross-entropy", Setting(), axes=("N", "T", "D")).inputs[1]
    assert target.shape == (2, 2, 64)
    np.testing.assert_array_equal(target.sum(axis=-1), 1)


def test_positive_draws_have_no_sign():
    signs = [np.sign(array) for array in drawn("batchnorm-inference", Setting(), positive=True).inputs]
    assert all(np.all(sign > 0) for sign in signs)
