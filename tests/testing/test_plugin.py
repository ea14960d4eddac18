"""In pytest: `assert_backward`, the mark, and what a failure looks like."""

pytest_plugins = ["pytester"]

FUNCTIONS = """
    import numpy as np
    import pytest
    from derive.testing import assert_backward, examine

    def right(grad_output, probs):
        return probs * (grad_output - (grad_output * probs).sum(-1, keepdims=True))

    def wrong(grad_output, probs):
        return probs * grad_output
"""


def test_assert_backward_passes_and_fails(pytester):
    pytester.makepyfile(
        FUNCTIONS
        + """
    def test_right():
        assert_backward(right, layer="softmax")

    def test_wrong():
        assert_backward(wrong, layer="softmax")
    """
    )
    result = pytester.runpytest("-q")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*AssertionError*", "*✗ dx: wrong*", "*failed: 0 of 1 gradients right*"])
    result.stdout.no_fnmatch_line("*examining.py*")


def test_the_mark_examines_what_a_test_returns(pytester):
    pytester.makepyfile(
        FUNCTIONS
        + """
    @pytest.mark.backward(layer="softmax")
    def test_right():
        return right

    @pytest.mark.backward(layer="softmax", axes=("N", "C"))
    @pytest.mark.parametrize("function", [right, wrong])
    def test_both(function):
        return function
    """
    )
    result = pytester.runpytest("-q", "--strict-markers")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*✗ dx: wrong*"])


def test_what_cannot_be_examined_is_an_error_of_the_test(pytester):
    pytester.makepyfile(FUNCTIONS + "\n    def test_it():\n        assert_backward(right, layer='softmix')\n")
    result = pytester.runpytest("-q")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*There is no layer 'softmix'. Did you mean*"])
