"""The compiled closed form is at least as fast as the NumPy code one writes by hand, measured in the same run."""

import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "numeric"))

from material import SAMPLES

from derive.numeric.functions import functions

SHAPE = (4096, 512)
ROUNDS = 25


def by_hand(g, x, gamma, eps):
    m = x.shape[0]
    root = np.sqrt(x.var(axis=0) + eps)
    hat = (x - x.mean(axis=0)) / root
    dbeta = g.sum(axis=0)
    dgamma = (g * hat).sum(axis=0)
    return {"x": gamma / (m * root) * (m * g - dbeta - hat * dgamma), "γ": dgamma, "β": dbeta}


def seconds(function):
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


@pytest.mark.slow
def test_backward_is_as_fast_as_code_written_by_hand():
    rng = np.random.default_rng(0)
    g, x = (rng.normal(size=SHAPE).astype(np.float32) for _ in range(2))
    gamma, beta = (rng.normal(size=SHAPE[1:]).astype(np.float32) for _ in range(2))
    sample = SAMPLES["batchnorm"]
    made = functions(sample.graph, sample.staged, sample.gradients)
    ours, theirs = made.backward(g, x, gamma, beta, 1e-5), by_hand(g, x, gamma, 1e-5)
    for name, expected in theirs.items():
        assert ours[name].dtype == np.float32
        np.testing.assert_allclose(ours[name], expected, rtol=1e-3, atol=1e-3)
    # One after the other, so that both meet the same machine.
    pairs = [
        (seconds(lambda: made.backward(g, x, gamma, beta, 1e-5)), seconds(lambda: by_hand(g, x, gamma, 1e-5)))
        for _ in range(ROUNDS)
    ]
    ratio = median(first for first, _ in pairs) / median(second for _, second in pairs)
    assert ratio <= 1.0, f"ours takes {ratio:.2f} times as long"
