"""The emitted NumPy backward pass beside a closed form written by hand, the bandwidth, and PyTorch's kernel."""

from importlib.util import find_spec
from statistics import median

import numpy as np
import pytest

from derive.emit import emit, load, names

SHAPE, ROUNDS, AT_LEAST = (4096, 1024), 15, 1.3


def batchnorm(dy, x, gamma, mean, rstd):
    m, xhat = len(x), (x - mean) * rstd
    dgamma, dbeta = (dy * xhat).sum(axis=0), dy.sum(axis=0)
    return gamma * rstd / m * (m * dy - dbeta - xhat * dgamma), dgamma, dbeta


def layernorm(dy, x, gamma, mean, rstd):
    d, mean, rstd = x.shape[1], mean[:, None], rstd[:, None]
    xhat, g = (x - mean) * rstd, gamma * dy
    dx = rstd / d * (d * g - g.sum(axis=1, keepdims=True) - xhat * (g * xhat).sum(axis=1, keepdims=True))
    return dx, (dy * xhat).sum(axis=0), dy.sum(axis=0)


def kernels(layer, given):
    """PyTorch's own backward pass on one and on two threads, if it is installed."""
    if find_spec("torch") is None:
        return {}
    import torch

    dy, x, gamma, mean, rstd = map(torch.from_numpy, given)
    every = [True, True, True]
    saved = gamma, None, None, mean, rstd, True, 1e-5

    def run(threads):
        torch.set_num_threads(threads)
        if layer == "batchnorm":
            torch.ops.aten.native_batch_norm_backward(dy, x, *saved, every)
        else:
            rows = mean[:, None], rstd[:, None]
            torch.ops.aten.native_layer_norm_backward(dy, x, [x.shape[1]], *rows, gamma, torch.zeros_like(gamma), every)

    return {"PyTorch, 1 thread": lambda: run(1), "PyTorch, 2 threads": lambda: run(2)}


@pytest.mark.slow
@pytest.mark.parametrize("by_hand", [batchnorm, layernorm], ids=["batchnorm", "layernorm"])
def test_emitted_code_is_faster_than_the_closed_form_by_hand(stopwatch, by_hand):
    layer, random = by_hand.__name__, np.random.default_rng(0)
    x, dy = (random.normal(size=SHAPE).astype(np.float32) for _ in range(2))
    gamma, beta = (random.normal(size=SHAPE[1]).astype(np.float32) for _ in range(2))
    module = load(emit(layer, "numpy"))
    _, mean, rstd = getattr(module, names(layer).forward)(x, gamma, beta)
    given = dy, x, gamma, mean, rstd
    backward = getattr(module, names(layer).backward)
    for ours, theirs in zip(backward(*given), by_hand(*given), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-2)
    target = np.empty_like(x)
    contestants = {
        "emitted": lambda: backward(*given),
        "by hand": lambda: by_hand(*given),
        "copy": lambda: np.copyto(target, x),
    }
    measured = stopwatch.interleaved(contestants | kernels(layer, given), ROUNDS)
    times = {name: median(taken) for name, taken in measured.items()}
    # Where other programs run too, the quickest of many rounds is what the code takes.
    ratio = min(measured["by hand"]) / min(measured["emitted"])
    # A copy reads and writes one array each; the backward pass has to read two and to write one.
    bandwidth = 1.5 * times["copy"] / times["emitted"]
    stopwatch.row(f"{layer} backward, {SHAPE} float32", times, by_hand_over_emitted=ratio, share_of_bandwidth=bandwidth)
    assert ratio >= AT_LEAST, f"by hand takes {ratio:.2f} times as long"
