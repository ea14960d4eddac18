"""Megatron-LM 6859: an RMS norm whose weight is applied twice in the second term."""

import numpy as np


def weight_again_inside(grad_output, hidden_states, weight, eps=1e-6):
    """Wrong: the mean is of w² dy x̂. With a weight of ones, as it is initialized, it is right."""
    inv_rms = 1 / np.sqrt(np.mean(hidden_states**2, axis=-1, keepdims=True) + eps)
    normed = hidden_states * inv_rms
    grad_normed = grad_output * weight
    correction = np.mean(grad_normed * (weight * normed), axis=-1, keepdims=True)
    grad_weight = np.sum(grad_output * normed, axis=tuple(range(grad_output.ndim - 1)))
    return inv_rms * (grad_normed - normed * correction), grad_weight


def weight_again_outside(grad_output, hidden_states, weight, eps=1e-6):
    """Wrong: the whole bracket gets the weight, and its second term has it in the mean already."""
    inv_rms = 1 / np.sqrt(np.mean(hidden_states**2, axis=-1, keepdims=True) + eps)
    normed = hidden_states * inv_rms
    correction = np.mean(grad_output * weight * normed, axis=-1, keepdims=True)
    grad_weight = np.sum(grad_output * normed, axis=tuple(range(grad_output.ndim - 1)))
    return inv_rms * weight * (grad_output - normed * correction), grad_weight


def weight_once(grad_output, hidden_states, weight, eps=1e-6):
    """Right: the weight goes with dy, once."""
    inv_rms = 1 / np.sqrt(np.mean(hidden_states**2, axis=-1, keepdims=True) + eps)
    normed = hidden_states * inv_rms
    grad_normed = grad_output * weight
    correction = np.mean(grad_normed * normed, axis=-1, keepdims=True)
    grad_weight = np.sum(grad_output * normed, axis=tuple(range(grad_output.ndim - 1)))
    return inv_rms * (grad_normed - normed * correction), grad_weight
