"""CrypTen 143: the statistics of the batch taken for constants, and where that is right."""

import numpy as np


def batchnorm_backward(grad_output, x, weight, eps=1e-5):
    """Wrong: dx = γ dy/s. Neither the mean nor the variance is differentiated, though both are made of x."""
    shape = [1] * x.ndim
    shape[1] = x.shape[1]
    dims = tuple(d for d in range(x.ndim) if d != 1)
    mean = x.mean(axis=dims, keepdims=True)
    variance = x.var(axis=dims, keepdims=True)
    inv_std = 1 / np.sqrt(variance + eps)
    x_norm = (x - mean) * inv_std
    weight_grad = (grad_output * x_norm).sum(axis=dims)
    bias_grad = grad_output.sum(axis=dims)
    grad_input = grad_output * weight.reshape(shape) * inv_std
    return grad_input, weight_grad, bias_grad


def variance_constant(dout, gamma, rstd):
    """Wrong: the path through the mean is there, the one through the variance is not."""
    m = dout.shape[0]
    return gamma * rstd * (dout - dout.sum(axis=0) / m)


def mean_constant(dout, xhat, gamma, rstd):
    """Wrong: the path through the variance is there, the one through the mean is not."""
    return gamma * rstd * (dout - xhat * np.mean(dout * xhat, axis=0))


def layernorm_backward(dy, gamma, rstd):
    """Wrong: the same in a layer norm: only the way straight through x̂ is taken."""
    return dy * gamma * rstd[..., np.newaxis]


def rmsnorm_backward(dy, x, gamma, eps):
    """Wrong: the same in an RMS norm: the root mean square is a function of x too."""
    rms = np.sqrt((x * x).mean(-1, keepdims=True) + eps)
    return gamma * dy / rms, (dy * x / rms).reshape(-1, x.shape[-1]).sum(0)


def inference_backward(grad_output, x, weight, running_mean, running_var, eps=1e-5):
    """Right: the same lines, where the statistics are given and do not depend on x."""
    shape = [1] * x.ndim
    shape[1] = x.shape[1]
    dims = tuple(d for d in range(x.ndim) if d != 1)
    inv_std = 1 / np.sqrt(running_var + eps).reshape(shape)
    x_norm = (x - running_mean.reshape(shape)) * inv_std
    weight_grad = (grad_output * x_norm).sum(axis=dims)
    bias_grad = grad_output.sum(axis=dims)
    return grad_output * weight.reshape(shape) * inv_std, weight_grad, bias_grad
