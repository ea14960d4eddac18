"""Backward passes in JAX: functions of arrays, custom_vjp, and a forward pass for jax.grad."""

from functools import partial

import jax
import jax.numpy as jnp


def softmax_backward(dy, x):
    """Right: a function of arrays."""
    p = jax.nn.softmax(x, axis=-1)
    return p * (dy - jnp.sum(dy * p, axis=-1, keepdims=True))


def group_norm_backward(dy, x, gamma, eps, groups):
    """Right: every group a row."""
    n, c = x.shape[:2]
    lift = (1, c) + (1,) * (x.ndim - 2)
    rows = x.reshape(n * groups, -1)
    rstd = jax.lax.rsqrt(rows.var(axis=1, keepdims=True) + eps)
    xhat = (rows - rows.mean(axis=1, keepdims=True)) * rstd
    g = (dy * gamma.reshape(lift)).reshape(rows.shape)
    dx = rstd * (g - g.mean(axis=1, keepdims=True) - xhat * (g * xhat).mean(axis=1, keepdims=True))
    over = (0, *range(2, x.ndim))
    return dx.reshape(x.shape), jnp.sum(dy * xhat.reshape(x.shape), axis=over), jnp.sum(dy, axis=over)


def layer_norm_backward_without_gamma(dy, x, gamma, eps):
    """Wrong: γ is missing in dx (Knet.jl 288)."""
    xc = x - x.mean(-1, keepdims=True)
    rstd = jax.lax.rsqrt(jnp.square(xc).mean(-1, keepdims=True) + eps)
    xhat = xc * rstd
    return rstd * (dy - dy.mean(-1, keepdims=True) - xhat * (dy * xhat).mean(-1, keepdims=True))


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def layer_norm(x, gamma, beta, eps):
    """Right: layer norm with a backward pass of its own."""
    return _layer_norm_forward(x, gamma, beta, eps)[0]


def _layer_norm_forward(x, gamma, beta, eps):
    xc = x - x.mean(-1, keepdims=True)
    rstd = jax.lax.rsqrt(jnp.square(xc).mean(-1, keepdims=True) + eps)
    xhat = xc * rstd
    return gamma * xhat + beta, (xhat, rstd, gamma)


def _layer_norm_backward(eps, saved, dy):
    xhat, rstd, gamma = saved
    g = gamma * dy
    dx = rstd * (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True))
    rows = tuple(range(dy.ndim - 1))
    return dx, (dy * xhat).sum(rows), dy.sum(rows)


layer_norm.defvjp(_layer_norm_forward, _layer_norm_backward)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def layer_norm_projection_lost(x, gamma, beta, eps):
    """Wrong: the backward pass holds σ² constant."""
    return _layer_norm_forward(x, gamma, beta, eps)[0]


def _projection_lost(eps, saved, dy):
    xhat, rstd, gamma = saved
    g = gamma * dy
    rows = tuple(range(dy.ndim - 1))
    return rstd * (g - g.mean(-1, keepdims=True)), (dy * xhat).sum(rows), dy.sum(rows)


layer_norm_projection_lost.defvjp(_layer_norm_forward, _projection_lost)


def rms_norm_stopped(x, gamma, eps):
    """Wrong: a forward pass for jax.grad in which stop_gradient cuts the path through the root (candle 2168)."""
    root = jax.lax.stop_gradient(jnp.sqrt(jnp.mean(x * x, axis=-1, keepdims=True) + eps))
    return gamma * x / root
