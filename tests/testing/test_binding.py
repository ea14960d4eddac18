"""What the parameters of a function stand for."""

import pytest

from derive.layers import load
from derive.testing.arrangement import Arrangement
from derive.testing.binding import Cache, Constant, Root, SignatureError, Size, Upstream, Value, bindings
from derive.testing.described import Described, Parameter


def function(*names, optional=()):
    parameters = (
        *(Parameter(name, required=True) for name in names),
        *(Parameter(name, required=False) for name in optional),
    )
    return Described("f", "numpy", parameters, (), forward=False)


def subject(layer, axes=("N", "C")):
    return Arrangement(load(layer, axes))


def first(layer, *names, axes=("N", "C"), **options):
    return dict(bindings(function(*names), subject(layer, axes), options.pop("given", {}), **options)[0].sources)


@pytest.mark.parametrize(
    ("layer", "names", "sources"),
    [
        ("batchnorm", ("dy", "x", "gamma", "eps"), (Upstream(), Value("x"), Value("γ"), Value("ε"))),
        ("batchnorm", ("grad_output", "input", "weight", "bias"), (Upstream(), Value("x"), Value("γ"), Value("β"))),
        ("batchnorm", ("dOut", "X_hat", "Gamma", "ivar"), (Upstream(), Value("x̂"), Value("γ"), Root(-1))),
        ("batchnorm", ("dy", "save_mean", "save_invstd"), (Upstream(), Value("μ"), Root(-1))),
        ("batchnorm", ("dy", "std", "sample_var"), (Upstream(), Root(1), Value("σ²"))),
        ("batchnorm", ("dy", "x", "m"), (Upstream(), Value("x"), Size(("N",)))),
        ("rmsnorm", ("dy", "x", "scale", "rrms"), (Upstream(), Value("x"), Value("γ"), Root(-1))),
        ("softmax", ("dy", "y"), (Upstream(), Value("p"))),
        ("softmax", ("grad", "output"), (Upstream(), Value("p"))),
        ("softmax", ("dp", "logits"), (Upstream(), Value("x"))),
        ("weightnorm", ("dw", "v", "g"), (Upstream(), Value("v"), Value("γ"))),
        ("layernorm-residual", ("dy", "x", "residual", "eps"), (Upstream(), Value("x"), Value("r"), Value("ε"))),
    ],
)
def test_parameters_are_matched_by_their_names(layer, names, sources):
    assert tuple(first(layer, *names).values()) == sources


def test_groups_are_a_size():
    assert first("groupnorm", "dy", "num_groups", axes=("N", "G", "C", "S"))["num_groups"] == Size(("G",))


def test_a_name_with_several_meanings_has_a_binding_for_each():
    ways = bindings(function("dy", "x", "s"), subject("batchnorm"), {})
    assert {dict(way.sources)["s"] for way in ways} == {Root(1)}
    ways = bindings(function("dy", "y", "x"), subject("softmax"), {})
    assert {dict(way.sources)["y"] for way in ways} == {Value("p")}


def test_saved_statistics_come_with_and_without_axes_of_length_1():
    assert [way.keepdims for way in bindings(function("dy", "x", "mean"), subject("layernorm"), {})] == [False, True]


@pytest.mark.parametrize(
    ("said", "source"),
    [("x", Value("x")), ("upstream", Upstream()), ("rstd", Root(-1)), ("-1", Constant(-1)), ("None", Constant(None))],
)
def test_what_a_parameter_is_can_be_said(said, source):
    assert first("batchnorm", "foo", given={"foo": said}, forward=True)["foo"] == source


def test_a_cache_needs_a_forward_pass():
    assert first("batchnorm", "dout", "cache", cached=True)["cache"] == Cache()
    with pytest.raises(SignatureError, match="--forward"):
        first("batchnorm", "dout", "cache")


def test_what_has_a_default_need_not_be_matched():
    (way, *_) = bindings(function("dy", "x", optional=("frobnicate",)), subject("batchnorm"), {})
    assert "frobnicate" not in dict(way.sources)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("dy", "foo"), "The parameter 'foo' matches nothing of batchnorm, which has upstream, x, γ, β, ε"),
        (("dy", "foo", "bar"), "The parameters 'foo', 'bar' match nothing"),
        (("x", "gamma"), "No parameter is the upstream gradient"),
        (("dy", "dout", "x"), "The parameters dy and dout seem to be the same"),
    ],
)
def test_what_matches_nothing_is_named(names, said):
    with pytest.raises(SignatureError, match=said):
        first("batchnorm", *names)
