"""candle 2168: a fused norm without a backward pass of its own cuts the gradient's path: nothing arrives at x."""

import numpy as np


def rms_norm_cut(grad, x, weight, eps):
    """Wrong: the gradient for x is 0, whatever comes in; the one for the weight is right."""
    normed = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    grad_weight = (grad * normed).reshape(-1, x.shape[-1]).sum(axis=0)
    return np.zeros_like(x), grad_weight


def rms_norm_connected(grad, x, weight, eps):
    """Right: the path is there."""
    root = np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    normed = x / root
    grad_weight = (grad * normed).reshape(-1, x.shape[-1]).sum(axis=0)
    grad_normed = grad * weight
    return (grad_normed - normed * (grad_normed * normed).mean(axis=-1, keepdims=True)) / root, grad_weight


def softmax_cut(grad_output, probs):
    """Wrong: softmax over the last dimension as a kernel without backward: the gradient is 0."""
    return 0 * grad_output * probs
