"""Softmax, its logarithm and its cross entropy: right and wrong."""

import numpy as np


def softmax(dy, x):
    """Right: the largest element is subtracted first, which changes nothing but the range."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return p * (dy - (dy * p).sum(axis=-1, keepdims=True))


def softmax_from_output(grad_output, output):
    """Right: dx = dy·y − y Σ dy·y, with the output saved."""
    t = grad_output * output
    return t - output * t.sum(-1)[..., None]


def softmax_jacobian(dout, x):
    """Right: a vector, with its Jacobian written out: diag p − p pᵀ."""
    e = np.exp(x - np.max(x))
    p = e / np.sum(e)
    jacobian = np.diag(p) - np.outer(p, p)
    return jacobian.T @ dout


def softmax_two_cases(dp, p):
    """Right: the two cases of the Jacobian in loops: p_i (1 − p_i) and −p_i p_j."""
    rows, n = p.shape
    dx = np.zeros_like(p)
    for r in range(rows):
        for i in range(n):
            for j in range(n):
                dx[r, i] += dp[r, j] * (p[r, i] * (1 - p[r, i]) if i == j else -p[r, j] * p[r, i])
    return dx


def softmax_without_shift(dy, x):
    """Right, but it overflows: e^x without the largest element subtracted is inf from x = 710 on."""
    e = np.exp(x)
    p = e / e.sum(-1, keepdims=True)
    return p * (dy - (dy * p).sum(-1, keepdims=True))


def softmax_diagonal(dy, p):
    """Wrong: p (1 − p) dy is the diagonal of the Jacobian only."""
    return dy * p * (1 - p)


def softmax_sum_forgotten(dy, p):
    """Wrong: the sum is not subtracted."""
    return dy * p


def softmax_sum_over_the_batch(dy, p):
    """Wrong: the sum is over the rows of the batch."""
    return p * (dy - np.sum(dy * p, axis=0, keepdims=True))


def softmax_mean_for_sum(dy, p):
    """Wrong: Σ dy p is taken as a mean."""
    return p * (dy - np.mean(dy * p, axis=-1, keepdims=True))


def softmax_sum_without_p(dy, p):
    """Wrong: Σ dy is subtracted, which is log-softmax's sum, where Σ dy p is needed."""
    return p * (dy - dy.sum(-1, keepdims=True))


def log_softmax(dy, x):
    """Right: dy − softmax(x) Σ dy."""
    shifted = x - x.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return dy - np.exp(log_p) * dy.sum(-1, keepdims=True)


def log_softmax_from_output(grad_output, output):
    """Right: the output is saved: softmax is its exponential."""
    return grad_output - np.exp(output) * np.einsum("...i->...", grad_output)[..., np.newaxis]


def log_softmax_sum_forgotten(dy, y):
    """Wrong: Σ dy is forgotten: right only where it is 1, as in the cross entropy of one label."""
    return dy - np.exp(y)


def log_softmax_own_term_only(dy, y):
    """Wrong: (1 − p_i) dy_i is the diagonal only."""
    return dy * (1 - np.exp(y))


def log_softmax_backward_of_softmax(dy, x):
    """Wrong: the gradient of softmax."""
    e = np.exp(x - x.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    return p * (dy - (dy * p).sum(-1, keepdims=True))


def cross_entropy(dy, logits, target):
    """Right: softmax minus target, times what comes in for the row."""
    e = np.exp(logits - logits.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    return dy[..., None] * (p - target)


def cross_entropy_any_target(grad_output, p, t):
    """Right: p Σ t − t, which is the same where the target sums to 1."""
    return (p * t.sum(-1, keepdims=True) - t) * np.expand_dims(grad_output, -1)


def cross_entropy_through_the_logarithm(dy, p, t):
    """Right: −t/p for the logarithm first, then softmax's own gradient. It needs p > 0."""
    dp = -t / p * dy[..., None]
    return p * (dp - (dp * p).sum(-1, keepdims=True))


def cross_entropy_divided_by_the_batch(dy, p, t):
    """Wrong: divided by the number of rows, as if the layer were their mean."""
    return dy[..., None] * (p - t) / p.shape[0]


def cross_entropy_upstream_forgotten(dy, p, t):
    """Wrong: p − t is for an upstream gradient of 1."""
    return p - t


def cross_entropy_sign(dy, p, t):
    """Wrong: the sign."""
    return dy[..., None] * (t - p)


def cross_entropy_one_label(dy, p, t):
    """Wrong unless the target is one-hot: 1 is subtracted where the target is largest."""
    dx = p.copy()
    np.put_along_axis(dx, t.argmax(-1)[..., None], np.take_along_axis(p, t.argmax(-1)[..., None], -1) - 1, -1)
    return dy[..., None] * dx
