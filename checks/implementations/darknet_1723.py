"""darknet 1723: reported as a bug: the gradient of the mean has one term. Equal to the true gradient."""

import numpy as np


def backward_batchnorm_layer(delta, x, scale, mean, variance, eps=1e-5):
    """Right: mean_delta without the term of the variance, by loops over flat arrays, for images."""
    batch, filters, h, w = x.shape
    spatial = h * w
    x_flat, d_flat = x.ravel(), delta.ravel()
    count = spatial * batch
    out = np.zeros(x.size)
    scale_updates = np.zeros(filters)
    bias_updates = np.zeros(filters)
    for f in range(filters):
        where = np.array([b * filters * spatial + f * spatial + k for b in range(batch) for k in range(spatial)])
        root = np.sqrt(variance[f] + eps)
        xs, ds = x_flat[where], d_flat[where]
        bias_updates[f] = ds.sum()
        scale_updates[f] = (ds * (xs - mean[f]) / root).sum()
        ds = ds * scale[f]
        mean_delta = ds.sum() * (-1.0 / root)
        variance_delta = (ds * (xs - mean[f])).sum() * -0.5 * (variance[f] + eps) ** (-3.0 / 2.0)
        out[where] = ds / root + variance_delta * 2.0 * (xs - mean[f]) / count + mean_delta / count
    return out.reshape(x.shape), scale_updates, bias_updates


def vectorized(delta, x, scale, mean, variance, eps=1e-5):
    """Right: the same for arrays of any rank."""
    dims = (0, *range(2, x.ndim))
    mean, variance, scale = (np.expand_dims(v, tuple(range(1, x.ndim - 1))) for v in (mean, variance, scale))
    count = x.size // x.shape[1]
    delta = delta * scale
    mean_delta = -delta.sum(dims, keepdims=True) / np.sqrt(variance + eps)
    variance_delta = -0.5 * (delta * (x - mean)).sum(dims, keepdims=True) * (variance + eps) ** -1.5
    return delta / np.sqrt(variance + eps) + (variance_delta * 2 * (x - mean) + mean_delta) / count
