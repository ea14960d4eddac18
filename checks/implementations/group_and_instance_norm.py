"""Group norm and instance norm: right and wrong."""

import numpy as np


def group_by_reshaping(dy, x, gamma, eps, groups):
    """Right: each group is a row."""
    n, c = x.shape[:2]
    lift = (1, c) + (1,) * (x.ndim - 2)
    rows = x.reshape(n * groups, -1)
    s = np.sqrt(rows.var(1, keepdims=True) + eps)
    xhat = (rows - rows.mean(1, keepdims=True)) / s
    g = (dy * gamma.reshape(lift)).reshape(n * groups, -1)
    dx = (g - g.mean(1, keepdims=True) - xhat * (g * xhat).mean(1, keepdims=True)) / s
    over = (0, *range(2, x.ndim))
    return dx.reshape(x.shape), (dy * xhat.reshape(x.shape)).sum(over), dy.sum(over)


def group_as_kernels_do(dy, x, gamma, mean, rstd, groups):
    """Right: sums for each channel first, then two numbers for each group: dx = a·dy + b·x + c. For images."""
    n, c, h, w = x.shape
    d = c // groups
    size = d * h * w
    ds = (dy * x).sum((2, 3))
    db = dy.sum((2, 3))
    ds_group = (ds * gamma).reshape(n, groups, d).sum(2)
    db_group = (db * gamma).reshape(n, groups, d).sum(2)
    b = (db_group * mean - ds_group) * rstd**3 / size
    bias = -b * mean - db_group * rstd / size
    a = np.repeat(rstd, d, axis=1) * gamma
    dx = a[:, :, None, None] * dy
    dx += np.repeat(b, d, axis=1)[:, :, None, None] * x
    dx += np.repeat(bias, d, axis=1)[:, :, None, None]
    m, r = np.repeat(mean, d, axis=1), np.repeat(rstd, d, axis=1)
    return dx, ((ds - db * m) * r).sum(0), db.sum(0)


def group_five_axes(dy, x, gamma, eps, groups):
    """Right: with an axis for the groups and one for the channels of a group."""
    n, c, *space = x.shape
    z = x.reshape(n, groups, c // groups, *space)
    inner = tuple(range(2, z.ndim))
    z = z - z.mean(inner, keepdims=True)
    inv = 1 / np.sqrt((z * z).mean(inner, keepdims=True) + eps)
    z = z * inv
    weight = gamma.reshape(1, groups, c // groups, *[1] * len(space))
    g = dy.reshape(z.shape) * weight
    return (inv * (g - g.mean(inner, keepdims=True) - z * (g * z).mean(inner, keepdims=True))).reshape(x.shape)


def group_means_over_all_groups(dy, x, gamma, eps, groups):
    """Wrong: x̂ is by groups, the means of the backward pass are over all channels of the sample."""
    n, c = x.shape[:2]
    rows = x.reshape(n * groups, -1)
    s = np.sqrt(rows.var(1, keepdims=True) + eps)
    xhat = ((rows - rows.mean(1, keepdims=True)) / s).reshape(x.shape)
    s = np.repeat(s.reshape(n, groups), c // groups, axis=1).reshape(n, c, *[1] * (x.ndim - 2))
    g = dy * gamma.reshape(1, c, *[1] * (x.ndim - 2))
    axes = tuple(range(1, x.ndim))
    return (g - g.mean(axes, keepdims=True) - xhat * (g * xhat).mean(axes, keepdims=True)) / s


def group_channels_dealt_out(dy, x, gamma, eps, groups):
    """Wrong: channel c belongs to group c mod G, as in a reshape to (channels, groups); it is c // (channels/G)."""
    n, c, *space = x.shape
    z = x.reshape(n, c // groups, groups, *space)
    g = (dy * gamma.reshape(1, c, *[1] * len(space))).reshape(z.shape)
    axes = (1, *range(3, z.ndim))
    s = np.sqrt(z.var(axes, keepdims=True) + eps)
    z = (z - z.mean(axes, keepdims=True)) / s
    return ((g - g.mean(axes, keepdims=True) - z * (g * z).mean(axes, keepdims=True)) / s).reshape(x.shape)


def group_gamma_after_the_means(dy, x, gamma, eps, groups):
    """Wrong unless γ is constant in each group: γ is multiplied on at the end."""
    n, c = x.shape[:2]
    rows, g = x.reshape(n * groups, -1), dy.reshape(n * groups, -1)
    s = np.sqrt(rows.var(1, keepdims=True) + eps)
    xhat = (rows - rows.mean(1, keepdims=True)) / s
    dx = (g - g.mean(1, keepdims=True) - xhat * (g * xhat).mean(1, keepdims=True)) / s
    return dx.reshape(x.shape) * gamma.reshape(1, c, *[1] * (x.ndim - 2))


def group_positions_not_counted(dy, x, gamma, eps, groups):
    """Wrong where there are positions: the sums over a group are divided by its channels alone."""
    n, c = x.shape[:2]
    d = c // groups
    rows = x.reshape(n * groups, -1)
    s = np.sqrt(rows.var(1, keepdims=True) + eps)
    xhat = (rows - rows.mean(1, keepdims=True)) / s
    g = (dy * gamma.reshape(1, c, *[1] * (x.ndim - 2))).reshape(n * groups, -1)
    return ((g - g.sum(1, keepdims=True) / d - xhat * (g * xhat).sum(1, keepdims=True) / d) / s).reshape(x.shape)


def instance(dy, x, gamma, eps):
    """Right: each channel of each sample by itself."""
    axes = tuple(range(2, x.ndim))
    lift = (1, -1) + (1,) * len(axes)
    s = np.sqrt(x.var(axes, keepdims=True) + eps)
    xhat = (x - x.mean(axes, keepdims=True)) / s
    dx = gamma.reshape(lift) / s * (dy - dy.mean(axes, keepdims=True) - xhat * (dy * xhat).mean(axes, keepdims=True))
    return dx, (dy * xhat).sum((0, *axes)), dy.sum((0, *axes))


def instance_as_a_batch_norm(grad_output, x, weight, eps=1e-5):
    """Right: (N, C, S) as batch norm of N · C channels with a batch of S, the weight repeated for each sample."""
    n, c = x.shape[:2]
    cols = x.reshape(n * c, -1).T
    g = grad_output.reshape(n * c, -1).T
    w = np.tile(weight, n)
    xc = cols - cols.mean(0)
    rstd = 1 / np.sqrt((xc**2).mean(0) + eps)
    z = xc * rstd
    gw = (g * z).sum(0)
    gb = g.sum(0)
    dx = w * rstd * (g - (gb + z * gw) / len(cols))
    return dx.T.reshape(x.shape), gw.reshape(n, c).sum(0), gb.reshape(n, c).sum(0)


def instance_means_over_the_batch(dy, x, gamma, eps):
    """Wrong: the statistics are of each sample, the two means are over the batch too."""
    own = tuple(range(2, x.ndim))
    both = (0, *own)
    lift = (1, -1) + (1,) * len(own)
    s = np.sqrt(x.var(own, keepdims=True) + eps)
    xhat = (x - x.mean(own, keepdims=True)) / s
    return gamma.reshape(lift) / s * (dy - dy.mean(both, keepdims=True) - xhat * (dy * xhat).mean(both, keepdims=True))


def instance_dgamma_of_each_sample(dy, x, gamma, eps):
    """Wrong: dγ and dβ are not summed over the samples."""
    axes = tuple(range(2, x.ndim))
    lift = (1, -1) + (1,) * len(axes)
    s = np.sqrt(x.var(axes, keepdims=True) + eps)
    xhat = (x - x.mean(axes, keepdims=True)) / s
    dx = gamma.reshape(lift) / s * (dy - dy.mean(axes, keepdims=True) - xhat * (dy * xhat).mean(axes, keepdims=True))
    return dx, (dy * xhat).sum(axes), dy.sum(axes)


def instance_counts_the_first_position_axis(dy, x, gamma, eps):
    """Wrong for images: the count is taken from the shape's third entry alone."""
    axes = tuple(range(2, x.ndim))
    count = x.shape[2]
    lift = (1, -1) + (1,) * len(axes)
    s = np.sqrt(x.var(axes, keepdims=True) + eps)
    xhat = (x - x.mean(axes, keepdims=True)) / s
    sum1, sum2 = dy.sum(axes, keepdims=True), (dy * xhat).sum(axes, keepdims=True)
    return gamma.reshape(lift) / s * (dy - sum1 / count - xhat * sum2 / count)
