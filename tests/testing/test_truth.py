"""The right gradients, and the bounds on what rounding may do to them."""

import numpy as np
import pytest

from derive.layers import names
from derive.testing.arrangement import arrangements
from derive.testing.battery import battery, draw
from derive.testing.frameworks import FRAMEWORKS
from derive.testing.truth import Truth


def cases(truth):
    return list(battery([truth.arrangement], FRAMEWORKS["numpy"], (0.1, 1e-5, 0.0)))


@pytest.mark.parametrize("name", names())
def test_every_layer_is_proved_and_its_gradients_stay_within_their_bounds(name):
    truth = Truth(arrangements(name)[0])
    assert truth.proved
    for case in cases(truth)[:6]:
        drawn = draw(case, truth.arrangement, truth.derivation.graph, positive=True)
        if not truth.defined(drawn.inputs):
            continue
        exact, plain = (truth.gradients(drawn.inputs, drawn.upstreams[0], "float64", digits=d) for d in (True, False))
        for of in truth.names:
            assert np.max(np.abs(exact[of].value - plain[of].value)) <= 8 * exact[of].tight
            assert 0 < exact[of].tight <= exact[of].loose


def test_a_layer_is_not_defined_where_it_divides_by_0():
    truth = Truth(arrangements("l2norm")[0])
    assert not truth.defined({"x": np.zeros((4, 3))})
    assert truth.defined({"x": np.ones((4, 3))})


def test_the_cancelling_bound_grows_faster_than_the_other():
    truth = Truth(arrangements("layernorm")[0])
    far = [case for case in cases(truth) if case.kind == "far" and case.dtype == "float32"]
    drawn = [draw(case, truth.arrangement, truth.derivation.graph) for case in far]
    known = [truth.gradients(one.inputs, one.upstreams[0], "float32")["x"] for one in drawn]
    ratios = [one.loose / one.tight for one in known]
    assert ratios[0] * 50 < ratios[2]
