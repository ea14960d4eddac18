"""Backward functions for the tests: right ones in several styles, wrong ones, and some that do not behave."""

import os
import sys

import numpy as np

saved_calls = []


def _axes(x):
    return tuple(axis for axis in range(x.ndim) if axis != 1), [-1 if axis == 1 else 1 for axis in range(x.ndim)]


def batchnorm(dy, x, gamma, eps):
    axes, shape = _axes(x)
    xc = x - x.mean(axes, keepdims=True)
    rstd = 1 / np.sqrt((xc * xc).mean(axes, keepdims=True) + eps)
    xhat = xc * rstd
    dgamma, dbeta, m = (dy * xhat).sum(axes), dy.sum(axes), x.size // x.shape[1]
    dx = gamma.reshape(shape) * rstd / m * (m * dy - dbeta.reshape(shape) - xhat * dgamma.reshape(shape))
    return dx, dgamma, dbeta


def batchnorm_rank_2(dout, x, gamma, eps=1e-5):
    m, xmu = x.shape[0], x - x.mean(0)
    ivar = 1 / np.sqrt((xmu**2).mean(0) + eps)
    dxhat = dout * gamma
    dvar = (dxhat * xmu).sum(0) * -0.5 * ivar**3
    dmu = (-dxhat * ivar).sum(0) + dvar * (-2 * xmu).mean(0)
    return dxhat * ivar + dvar * 2 * xmu / m + dmu / m


def batchnorm_named(dout, x, gamma, eps):
    dx, dgamma, dbeta = batchnorm(dout, x, gamma, eps)
    return {"grad_bias": dbeta, "grad_input": dx, "grad_weight": dgamma}


def batchnorm_other_order(dout, x, gamma, eps):
    dx, dw, db = batchnorm(dout, x, gamma, eps)
    return dw, db, dx


def batchnorm_images_only(dy, x, gamma, save_mean, save_invstd):
    xhat = (x - save_mean.reshape(1, -1, 1, 1)) * save_invstd.reshape(1, -1, 1, 1)
    dgamma, dbeta, m = (dy * xhat).sum((0, 2, 3)), dy.sum((0, 2, 3)), x.size // x.shape[1]
    scale = (gamma * save_invstd / m).reshape(1, -1, 1, 1)
    dx = scale * (m * dy - dbeta.reshape(1, -1, 1, 1) - xhat * dgamma.reshape(1, -1, 1, 1))
    return dx, dgamma, dbeta


def batchnorm_channels_last(dy, x, gamma, eps):
    axes, m = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
    xc = x - x.mean(axes)
    rstd = 1 / np.sqrt((xc * xc).mean(axes) + eps)
    dgamma, dbeta = (dy * xc * rstd).sum(axes), dy.sum(axes)
    return gamma * rstd / m * (m * dy - dbeta - xc * rstd * dgamma), dgamma, dbeta


def batchnorm_vector(dy, x, gamma, eps):
    m, xhat = len(x), (x - x.mean()) / np.sqrt(x.var() + eps)
    dgamma = (dy * xhat).sum()
    return gamma / np.sqrt(x.var() + eps) / m * (m * dy - dy.sum() - xhat * dgamma), dgamma, dy.sum()


def batchnorm_forward(x, gamma, beta, eps):
    mean = x.mean(0)
    ivar = 1 / np.sqrt(x.var(0) + eps)
    xhat = (x - mean) * ivar
    return gamma * xhat + beta, (xhat, gamma, ivar)


def batchnorm_from_cache(dout, cache):
    xhat, gamma, ivar = cache
    m, dgamma = len(dout), (dout * xhat).sum(0)
    return gamma * ivar / m * (m * dout - dout.sum(0) - xhat * dgamma), dgamma, dout.sum(0)


def layernorm(dy, x, weight, eps):
    xc = x - x.mean(-1, keepdims=True)
    rstd = 1 / np.sqrt((xc * xc).mean(-1, keepdims=True) + eps)
    xhat, wdy, rows = xc * rstd, weight * dy, tuple(range(x.ndim - 1))
    dx = rstd * (wdy - wdy.mean(-1, keepdims=True) - xhat * (wdy * xhat).mean(-1, keepdims=True))
    return dx, (dy * xhat).sum(rows), dy.sum(rows)


def layernorm_saved(dy, x, weight, mean, rstd):
    xhat, wdy, rows = (x - mean[..., None]) * rstd[..., None], weight * dy, tuple(range(x.ndim - 1))
    dx = rstd[..., None] * (wdy - wdy.mean(-1, keepdims=True) - xhat * (wdy * xhat).mean(-1, keepdims=True))
    return dx, (dy * xhat).sum(rows), dy.sum(rows)


def layernorm_saved_with_axes(dy, x_hat, weight, rstd):
    wdy = weight * dy
    return rstd * (wdy - wdy.mean(-1, keepdims=True) - x_hat * (wdy * x_hat).mean(-1, keepdims=True))


def layernorm_fixed_epsilon(dy, x, weight):
    return layernorm(dy, x, weight, 1e-5)[0]


def layernorm_cancels(dy, x, weight, eps):
    mean = x.mean(-1, keepdims=True)
    rstd = 1 / np.sqrt(np.maximum((x * x).mean(-1, keepdims=True) - mean**2, 0) + eps)
    xhat, wdy = (x - mean) * rstd, weight * dy
    return rstd * (wdy - wdy.mean(-1, keepdims=True) - xhat * (wdy * xhat).mean(-1, keepdims=True))


def layernorm_in_float32(dy, x, weight, eps):
    return layernorm(*(one.astype(np.float32) for one in (dy, x, weight)), np.float32(eps))[0].astype(x.dtype)


def groupnorm(dy, x, gamma, num_groups, eps):
    batch, channels = x.shape[:2]
    shape, groups = [1, channels] + [1] * (x.ndim - 2), (batch, num_groups, -1)
    xg = x.reshape(groups)
    rstd = 1 / np.sqrt(xg.var(2, keepdims=True) + eps)
    xhat = (xg - xg.mean(2, keepdims=True)) * rstd
    wdy = (dy * gamma.reshape(shape)).reshape(groups)
    dx = rstd * (wdy - wdy.mean(2, keepdims=True) - xhat * (wdy * xhat).mean(2, keepdims=True))
    axes = (0, *range(2, x.ndim))
    return dx.reshape(x.shape), (dy * xhat.reshape(x.shape)).sum(axes), dy.sum(axes)


def softmax(grad_output, probs):
    return probs * (grad_output - (grad_output * probs).sum(-1, keepdims=True))


def cross_entropy(dy, p, targets):
    return dy[..., None] * (p - targets)


def cosine(dout, a, b):
    alpha, beta = (np.sqrt((one * one).sum(-1, keepdims=True)) for one in (a, b))
    y = (a * b).sum(-1, keepdims=True) / (alpha * beta)
    g = dout[..., None]
    return g / alpha * (b / beta - y * a / alpha), g / beta * (a / alpha - y * b / beta)


# --- wrong -------------------------------------------------------------------------------------------------------


def statistics_constant(dy, x, gamma, eps):
    axes, shape = _axes(x)
    return gamma.reshape(shape) * dy / np.sqrt(x.var(axes, keepdims=True) + eps)


def gamma_forgotten(dy, x, gamma, eps):
    dx, dgamma, dbeta = batchnorm(dy, x, gamma, eps)
    return dx / gamma.reshape(_axes(x)[1]), dgamma, dbeta


def rows_of_rank_2_alone(dy, x, weight, eps):
    dx, _, _ = layernorm(dy, x, weight, eps)
    return dx, (dy * (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)).sum(0), dy.sum(0)


def another_epsilon(dy, x, weight):
    return layernorm(dy, x, weight, 1e-4)[0]


def right_for_contiguous_memory(dy, x, weight, eps):
    dx = layernorm(dy, x, weight, eps)[0]
    return dx if x.flags.c_contiguous else dx[::-1]


def right_for_float64(dy, x, weight, eps):
    dx = layernorm(dy, x, weight, eps)[0]
    return dx if x.dtype == np.float64 else dx * np.float32(1.01)


def not_linear(dy, x, weight, eps):
    return layernorm(np.maximum(dy, 0), x, weight, eps)[0]


# --- bad citizens ------------------------------------------------------------------------------------------------


def raises(grad_output, probs):
    raise ValueError("not today")


def wrong_shape(grad_output, probs):
    return softmax(grad_output, probs)[..., :1]


def integers(grad_output, probs):
    return softmax(grad_output, probs).astype(int)


def narrower(grad_output, probs):
    return softmax(grad_output, probs).astype(np.float32)


def no_number(grad_output, probs):
    return "softmax"


def nothing(grad_output, probs):
    return None


def nan(grad_output, probs):
    return softmax(grad_output, probs) * np.nan


def two_arrays(grad_output, probs):
    return softmax(grad_output, probs), grad_output


def changes_its_input(grad_output, probs):
    found = softmax(grad_output, probs)
    probs *= 1.0000001
    return found


def prints(grad_output, probs):
    print("softmax", grad_output.shape)
    return softmax(grad_output, probs)


def prints_past_python(grad_output, probs):
    os.write(1, b"from below\n")
    return softmax(grad_output, probs)


def remembers(grad_output, probs):
    saved_calls.append(probs)
    return softmax(grad_output, saved_calls[0] if saved_calls[0].shape == probs.shape else probs) * len(saved_calls)


def loops(grad_output, probs):
    while True:
        pass


def loops_and_holds_on(grad_output, probs):
    while True:
        try:
            pass
        except Exception:
            pass


def leaves(grad_output, probs):
    sys.exit(3)


def ends_the_process(grad_output, probs):
    os._exit(0)


def unknown_parameter(grad_output, probs, frobnicate):
    return softmax(grad_output, probs)


def no_upstream(probs):
    return probs


def anything(*args, **kwargs):
    return args


def cross_entropy_of_the_sum(p, targets):
    return p - targets


def cross_entropy_of_the_mean(p, targets):
    return (p - targets) / len(p)


def layernorm_told_its_size(dy, x_hat, weight, rstd, D):
    wdy = weight * dy
    return rstd / D * (D * wdy - wdy.sum(-1, keepdims=True) - x_hat * (wdy * x_hat).sum(-1, keepdims=True))


def softmax_almost(grad_output, probs):
    return softmax(grad_output, probs) * (1 + 1e-7)


NUMBER = 3
