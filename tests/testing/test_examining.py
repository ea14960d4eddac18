"""Right functions pass, wrong ones fail where they are wrong, and whatever a function does is told of it."""

import numpy as np
import pytest

from derive.errors import DeriveError
from derive.testing import examine

RIGHT = [
    ("batchnorm", "batchnorm", {}),
    ("batchnorm_rank_2", "batchnorm", {}),
    ("batchnorm_named", "batchnorm", {}),
    ("batchnorm_other_order", "batchnorm", {}),
    ("batchnorm_images_only", "batchnorm", {}),
    ("batchnorm_channels_last", "batchnorm", {"axes": ("N", "C", "H", "W"), "layout": ("N", "H", "W", "C")}),
    ("batchnorm_vector", "batchnorm", {"axes": ("m",)}),
    ("layernorm", "layernorm", {}),
    ("layernorm_saved", "layernorm", {}),
    ("layernorm_saved_with_axes", "layernorm", {}),
    ("layernorm_fixed_epsilon", "layernorm", {}),
    ("groupnorm", "groupnorm", {}),
    ("softmax", "softmax", {}),
    ("cross_entropy", "softmax-cross-entropy", {}),
    ("cosine", "cosine", {}),
    ("cross_entropy_of_the_sum", "softmax-cross-entropy", {}),
    ("layernorm_told_its_size", "layernorm", {}),
]


@pytest.mark.parametrize(("name", "layer", "options"), RIGHT, ids=[row[0] for row in RIGHT])
def test_a_right_function_passes(judged, name, layer, options):
    found = judged(name, layer, **options)
    assert found.passed, found
    assert found.proved
    assert not any(output.inaccurate for output in found.outputs)


WRONG = [
    ("statistics_constant", "batchnorm", {"dx"}),
    ("gamma_forgotten", "batchnorm", {"dx"}),
    ("rows_of_rank_2_alone", "layernorm", {"dgamma", "dbeta"}),
    ("another_epsilon", "layernorm", {"dx"}),
    ("right_for_contiguous_memory", "layernorm", {"dx"}),
    ("right_for_float64", "layernorm", {"dx"}),
    ("not_linear", "layernorm", {"dx"}),
    ("batchnorm_vector", "batchnorm", {"dx", "dgamma", "dbeta"}),
    ("cross_entropy_of_the_mean", "softmax-cross-entropy", {"dx"}),
    ("softmax_almost", "softmax", {"dx"}),
]


@pytest.mark.parametrize(("name", "layer", "outputs"), WRONG, ids=[row[0] for row in WRONG])
def test_a_wrong_function_fails_where_it_is_wrong(judged, name, layer, outputs):
    found = judged(name, layer)
    assert found.verdict == "failed"
    assert {output.name for output in found.outputs if not output.passed} == outputs
    assert all(output.failing for output in found.outputs if not output.passed)


@pytest.mark.parametrize(
    ("name", "layer", "said"),
    [
        ("right_for_contiguous_memory", "layernorm", "non-contiguous"),
        ("right_for_float64", "layernorm", "float32"),
        ("rows_of_rank_2_alone", "layernorm", "rank 3"),
    ],
)
def test_what_is_right_but_for_some_conditions_is_told_with_these(judged, name, layer, said):
    told = [output.diagnosis or "" for output in judged(name, layer).outputs if not output.passed]
    assert all(said in one for one in told)


def test_a_rank_that_a_function_refuses_is_left_out_with_a_note(judged):
    notes = judged("batchnorm_rank_2", "batchnorm").notes
    assert [note[:20] for note in notes] == ["rank 3 is not taken:", "rank 4 is not taken:"]


def test_a_function_that_is_right_at_rank_2_alone_is_told_what_to_say(judged):
    assert "say --axes N,D" in " ".join(judged("rows_of_rank_2_alone", "layernorm").notes)
    assert judged("rows_of_rank_2_alone", "layernorm", axes=("N", "D")).passed


def test_a_function_of_vectors_is_told_what_to_say(judged):
    assert "say --axes N" in " ".join(judged("batchnorm_vector", "batchnorm").notes)


BAD = [
    ("raises", "it raises ValueError in line"),
    ("wrong_shape", "its shape is (4, 1) and not (4, 3)"),
    ("integers", "its dtype is int64 for float64 inputs"),
    ("narrower", "its dtype is float32 for float64 inputs"),
    ("no_number", "which is no array of numbers"),
    ("nothing", "it returned no gradient"),
    ("nan", "it is NaN"),
    ("two_arrays", "it returns 2 arrays and the layer has 1 gradient"),
    ("changes_its_input", "it changes its argument probs"),
    ("prints", "it prints to standard output: 'softmax (4, 3)'"),
    ("prints_past_python", "it prints to standard output: 'from below'"),
    ("remembers", "it gives another result for the same arguments"),
    ("loops", "it did not return within 1 s"),
    ("loops_and_holds_on", "it did not return within 1 s"),
    ("leaves", "it raises SystemExit"),
    ("ends_the_process", "it ended the process that it ran in"),
]


@pytest.mark.parametrize(("name", "said"), BAD, ids=[row[0] for row in BAD])
def test_a_function_that_does_not_behave_fails_with_what_it_does(judged, name, said):
    found = judged(name, "softmax", seconds=1.0)
    assert found.verdict == "failed"
    told = [*found.problems, *(one.said for output in found.outputs for one in output.failing)]
    assert said in " ".join(told)


def test_a_file_that_cannot_be_imported_fails_with_the_reason(tmp_path):
    file = tmp_path / "broken.py"
    file.write_text("x = 1\nraise RuntimeError('this file is broken')\n")
    found = examine(f"{file}:backward", "softmax")
    assert found.verdict == "failed"
    assert "RuntimeError in line 2: this file is broken" in found.problems[0]


REFUSED = [
    ("unknown_parameter", {}, "'frobnicate' matches nothing of softmax"),
    ("no_upstream", {}, "No parameter is the upstream gradient"),
    ("anything", {}, "names no parameter"),
    ("NUMBER", {}, "is int and no function"),
    ("softmax2", {}, "There is no softmax2 in"),
    ("softmax", {"returns": ("dgamma",)}, "'dgamma' is no gradient of softmax"),
    ("softmax", {"given": {"probs": "nonsense"}}, "'nonsense' for probs is nothing that softmax has"),
    ("softmax", {"layout": ("N", "C")}, "A layout needs the names of the axes"),
    ("softmax", {"axes": ("N", "C"), "layout": ("N", "N")}, "does not name the axes"),
]


@pytest.mark.parametrize(("name", "options", "said"), REFUSED)
def test_what_cannot_be_examined_is_an_error_that_says_why(judged, name, options, said):
    with pytest.raises(DeriveError, match=said.replace("(", r"\(")):
        judged(name, "softmax", **options)


def test_what_a_parameter_is_can_be_said(judged):
    assert judged("unknown_parameter", "softmax", given={"frobnicate": "3"}).passed


def test_the_cache_of_a_backward_function_comes_from_its_forward_pass(judged):
    from pathlib import Path

    forward = f"{Path(__file__).parent / 'functions.py'}:batchnorm_forward"
    assert judged("batchnorm_from_cache", "batchnorm", forward=forward, axes=("m", "n")).passed
    with pytest.raises(DeriveError, match="--forward"):
        judged("batchnorm_from_cache", "batchnorm")


def test_a_cancelling_function_is_inaccurate_and_not_wrong(judged):
    found = judged("layernorm_cancels", "layernorm")
    assert found.passed
    (output,) = found.outputs
    assert [one.condition.split(", ")[-2:] for one in output.inaccurate] == [
        ["float64", "offset 100 × scale"],
        ["float32", "offset 100 × scale"],
    ]


def test_a_function_that_computes_in_float32_is_inaccurate_and_not_wrong(judged):
    found = judged("layernorm_in_float32", "layernorm")
    assert found.passed
    assert any("computes in float32" in one.said for one in found.outputs[0].inaccurate)


def test_two_examinations_are_the_same(judged):
    first, second = (judged("gamma_forgotten", "batchnorm") for _ in range(2))
    assert first == second


def test_a_function_of_this_process_is_examined_too():
    def backward(grad_output, probs):
        return probs * (grad_output - (grad_output * probs).sum(-1, keepdims=True))

    assert examine(backward, "softmax").passed


def test_a_layer_of_ones_own_has_the_axes_that_it_says(tmp_path):
    file = tmp_path / "scaled.tex"
    file.write_text("$$r = \\sqrt{\\sum_{k=1}^m x_k^2} \\qquad y_i = 3 \\frac{x_i}{r}$$\n")
    right = lambda g, x: 3 / np.sqrt((x * x).sum()) * (g - x * (g * x).sum() / (x * x).sum())  # noqa: E731
    assert examine(right, str(file)).passed
    wrong = lambda g, x: 3 / np.sqrt((x * x).sum()) * (g - x * (g * x).sum())  # noqa: E731
    assert not examine(wrong, str(file)).passed
