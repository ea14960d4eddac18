"""Right, inaccurate or wrong: the tolerance follows the conditioning of the data."""

import numpy as np
import pytest

from derive.layers import load
from derive.testing.arrangement import Arrangement
from derive.testing.call import Returned
from derive.testing.judge import excused, judge
from derive.testing.truth import Known

SUBJECT, SIZES = Arrangement(load("softmax", ("N", "C"))), {"N": 2, "C": 2}
TRUE = np.array([[1.0, 2.0], [3.0, 4.0]])


def known(tight=1e-15, loose=1e-12, *, overflows=False):
    return Known(TRUE, tight, loose, 4.0, overflows)


def status(array, dtype="float64", given="float64", **bounds):
    return judge(Returned(None, array, dtype), "x", (SUBJECT, SIZES), known(**bounds), given).status


@pytest.mark.parametrize(
    ("array", "bounds", "expected"),
    [
        (TRUE, {}, "right"),
        (TRUE + 5e-15, {}, "right"),
        (TRUE + 1e-13, {}, "inaccurate"),
        (TRUE + 1e-11, {"loose": 1e-11}, "inaccurate"),
        (TRUE + 1e-3, {}, "wrong"),
        (TRUE + 1e-7, {}, "wrong"),
        ((TRUE + 1e-7).astype("float32").astype(float), {}, "inaccurate"),
        (TRUE + 1e-3, {"tight": 1.0, "loose": 1.0}, "nothing told"),
        (TRUE * np.nan, {}, "not finite"),
        (TRUE * np.nan, {"overflows": True}, "inaccurate"),
        (TRUE * np.nan, {"loose": 4.0}, "inaccurate"),
        (TRUE * np.inf, {}, "not finite"),
        (TRUE[:1], {}, "wrong shape"),
        (TRUE[0, 0], {}, "wrong shape"),
        (None, {}, "missing"),
    ],
)
def test_an_array_is_judged_by_what_rounding_explains(array, bounds, expected):
    with np.errstate(all="ignore"):
        assert status(array, **bounds) == expected


@pytest.mark.parametrize(
    ("dtype", "given", "expected"),
    [
        ("float32", "float32", "right"),
        ("float64", "float32", "right"),
        ("float32", "float64", "wrong dtype"),
        ("int64", "float64", "wrong dtype"),
        ("complex128", "float64", "wrong dtype"),
        ("float32", "bfloat16", "wrong dtype"),
    ],
)
def test_a_dtype_may_be_wider_and_nothing_else(dtype, given, expected):
    assert status(TRUE, dtype, given) == expected


def test_an_error_no_larger_than_that_of_rounded_arguments_is_excused():
    wrong = judge(Returned(None, TRUE + 1e-3, "float64"), "x", (SUBJECT, SIZES), known(), "float64")
    moved, still = (
        judge(Returned(None, TRUE + 1e-3 + step, "float64"), "x", (SUBJECT, SIZES), known(), "float64")
        for step in (1e-3, 1e-9)
    )
    assert excused(wrong, [moved]).status == "inaccurate"
    assert excused(wrong, [still]).status == "wrong"
    assert excused(wrong, [None]).status == "wrong"
