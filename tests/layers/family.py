"""The family of normalization layers, each with its gradients as the literature writes them; and second derivatives.

`ORDER_2` holds layers whose forward pass is itself a backward pass: the output is q = Σ u ∂L/∂x for a given u, so that
the gradients of q are the second-order gradients.
"""
# ruff: noqa: N806, PLR0913 -- a variable is named like the tensor it holds, and a layer has that many sides

from sympy import IndexedBase, Rational, Symbol, exp, log, sqrt

from derive.layers.layer import Assignment, Gradient, Layer, index, positive, scalar, size, tensor, total

m, n, N, C, D, G, H, S, W = (size(name) for name in ("m", "n", "N", "C", "D", "G", "H", "S", "W"))
i, j, k, p, a, b, c, s, w = (index(letter) for letter in "ijkpabcsw")
gamma, beta, mu, var, rho, z, q = (scalar(name) for name in ("γ", "β", "μ", "σ²", "ρ", "Z", "q"))
eps = positive("ε")
x, xhat, y, g, u, e, t = (tensor(name, m) for name in ("x", "x̂", "y", "g", "u", "e", "t"))
g_scalar, h = Symbol("g"), Symbol("h")


def layer(inputs, forward, gradients, upstream):
    lines = tuple(Assignment(*line) for line in forward)
    return Layer("layer", "layer", inputs, lines, upstream, tuple(Gradient(*claim) for claim in gradients), "")


def summed(term, *over):
    for letter, length in over:
        term = total(term, letter, length)
    return term


def averaged(term, *over):
    for letter, length in over:
        term = total(term, letter, length) / length
    return term


# --- order 1 -----------------------------------------------------------------------------------------------------


def normalized(axes, own, other, *, of, centred=True):
    """Normalization over `other`: pairs of an index of `own` and the letter that is summed over in its place.

    `of` are the indices of the statistics, and those of γ and β.
    """
    X, XH, Y, U = (tensor(name, *axes) for name in ("x", "x̂", "y", "g"))
    sizes = dict(zip(own, axes, strict=True))
    moved = tuple(dict(other).get(letter, letter) for letter in own)
    over = [(to, sizes[letter]) for letter, to in other]
    kept, scaled = of
    stat, stat_2 = (tensor(name, *(sizes[letter] for letter in kept))[kept] for name in ("μ", "σ²"))
    weights = {name: tensor(name, *(sizes[letter] for letter in scaled)) for name in ("γ", "β")}
    there = tuple(dict(other).get(letter, letter) for letter in scaled)
    ga, ga_there, be = weights["γ"][scaled], weights["γ"][there], weights["β"][scaled]
    mean = stat if centred else 0
    count = 1
    for _, length in over:
        count *= length
    root = sqrt(stat_2 + eps)
    forward = [
        (stat_2, averaged((X[moved] - mean) ** 2, *over)),
        (XH[own], (X[own] - mean) / root),
        (Y[own], ga * XH[own] + be),
    ]
    if centred:
        forward.insert(0, (stat, averaged(X[moved], *over)))
    rest = [(letter, sizes[letter]) for letter in own if letter not in scaled]
    sum_g = summed(ga_there * U[moved], *over) if centred else 0
    dx = (count * ga * U[own] - sum_g - XH[own] * summed(ga_there * U[moved] * XH[moved], *over)) / (count * root)
    if not set(dict(other)) & set(scaled):  # the weight is the same in all the sums
        sum_g = summed(U[moved], *over) if centred else 0
        dx = ga / (count * root) * (count * U[own] - sum_g - XH[own] * summed(U[moved] * XH[moved], *over))
    return layer(
        (X[own], ga, be, eps),
        forward,
        ((ga, summed(U[own] * XH[own], *rest)), (be, summed(U[own], *rest)), (X[own], dx)),
        U,
    )


def sync():
    X, XH, Y, U = (tensor(name, W, m) for name in ("x", "x̂", "y", "g"))
    first, second = tensor("s", W), tensor("q", W)
    root, over = sqrt(var + eps), ((i, m), (w, W))
    at = X[w, i], XH[w, i], Y[w, i], U[w, i]
    sum_g, sum_gx = (summed(term, (b, m), (a, W)) for term in (U[a, b], U[a, b] * XH[a, b]))
    return layer(
        (at[0], gamma, beta, eps),
        (
            (first[w], total(X[w, b], b, m)),
            (second[w], total(X[w, b] ** 2, b, m)),
            (mu, total(first[a], a, W) / (W * m)),
            (var, total(second[a], a, W) / (W * m) - mu**2),
            (at[1], (at[0] - mu) / root),
            (at[2], gamma * at[1] + beta),
        ),
        (
            (gamma, summed(at[3] * at[1], *over)),
            (beta, summed(at[3], *over)),
            (at[0], gamma / (W * m * root) * (W * m * at[3] - sum_g - at[1] * sum_gx)),
        ),
        U,
    )


def rms_eps_outside():
    X, XH, Y, U, weight = *(tensor(name, N, D) for name in ("x", "x̂", "y", "g")), tensor("γ", D)
    r_i, q_i = (tensor(name, N)[i] for name in ("r", "q"))
    shared = total(weight[k] * U[i, k] * XH[i, k], k, D)
    return layer(
        (X[i, j], weight[j], eps),
        (
            (r_i, averaged(X[i, k] ** 2, (k, D))),
            (q_i, sqrt(r_i)),
            (XH[i, j], X[i, j] / (q_i + eps)),
            (Y[i, j], weight[j] * XH[i, j]),
        ),
        (
            (weight[j], total(U[i, j] * XH[i, j], i, N)),
            (X[i, j], (weight[j] * U[i, j] - X[i, j] / (D * q_i) * shared) / (q_i + eps)),
        ),
        U,
    )


def of_one_feature(variance, *, epsilon=eps, factor=1, mean=mu, learned=()):
    """Batch norm of one feature with another variance; dx carries `factor` on its last term."""
    root = sqrt(var + epsilon)
    sum_gx = total(g[j] * xhat[j], j, m)
    return layer(
        (x[i], gamma, beta, *learned),
        (
            (mean, averaged(x[j], (j, m))),
            (var, variance),
            (xhat[i], (x[i] - mean) / root),
            (y[i], gamma * xhat[i] + beta),
        ),
        (
            (gamma, sum_gx),
            (beta, total(g[j], j, m)),
            (x[i], gamma / (m * root) * (m * g[i] - total(g[j], j, m) - factor * xhat[i] * sum_gx)),
        ),
        g,
    )


def fixed_statistics():
    root = sqrt(var + eps)
    return layer(
        (x[i], gamma, beta, mu, var, eps),
        ((xhat[i], (x[i] - mu) / root), (y[i], gamma * xhat[i] + beta)),
        ((gamma, total(g[j] * xhat[j], j, m)), (beta, total(g[j], j, m)), (x[i], gamma * g[i] / root)),
        g,
    )


def l2():
    return layer(
        (x[i],),
        ((rho, sqrt(total(x[j] ** 2, j, m))), (y[i], x[i] / rho)),
        ((x[i], (g[i] - y[i] * total(g[j] * y[j], j, m)) / rho),),
        g,
    )


def weight_norm():
    sum_g = total(g[j] * xhat[j], j, m)
    return layer(
        (x[i], gamma),
        ((rho, sqrt(total(x[j] ** 2, j, m))), (xhat[i], x[i] / rho), (y[i], gamma * xhat[i])),
        ((gamma, sum_g), (x[i], gamma / rho * (g[i] - xhat[i] * sum_g))),
        g,
    )


def cosine():
    left, right = tensor("a", m), tensor("b", m)
    product, alpha, norm_b, out = (scalar(name) for name in ("p", "α", "β", "y"))
    return layer(
        (left[i], right[i]),
        (
            (product, total(left[j] * right[j], j, m)),
            (alpha, sqrt(total(left[j] ** 2, j, m))),
            (norm_b, sqrt(total(right[j] ** 2, j, m))),
            (out, product / (alpha * norm_b)),
        ),
        (
            (left[i], g_scalar / alpha * (right[i] / norm_b - out * left[i] / alpha)),
            (right[i], g_scalar / norm_b * (left[i] / alpha - out * right[i] / norm_b)),
        ),
        IndexedBase("g"),
    )


SOFTMAX = ((e[i], exp(x[i])), (z, total(e[j], j, m)), (xhat[i], e[i] / z))


def cross_entropy():
    loss = scalar("y")
    dx = g_scalar * (xhat[i] * total(t[j], j, m) - t[i])
    forward = (*SOFTMAX, (loss, -total(t[j] * (x[j] - log(z)), j, m)))
    return layer((x[i], t[i]), forward, ((x[i], dx),), IndexedBase("g"))


def power_norm():
    mean = total(x[j] ** 4, j, m) / m
    dx = (g[i] - y[i] ** 3 * total(g[j] * y[j], j, m) / m) / rho
    return layer((x[i],), ((rho, mean ** Rational(1, 4)), (y[i], x[i] / rho)), ((x[i], dx),), g)


def learned_epsilon():
    lam = scalar("λ")
    root = sqrt(var + lam**2)
    sum_gx = total(g[j] * xhat[j], j, m)
    return layer(
        (x[i], lam),
        ((mu, averaged(x[j], (j, m))), (var, averaged((x[j] - mu) ** 2, (j, m))), (xhat[i], (x[i] - mu) / root)),
        ((lam, -lam / root**2 * sum_gx), (x[i], (m * g[i] - total(g[j], j, m) - xhat[i] * sum_gx) / (m * root))),
        g,
    )


CENTRED = averaged((x[j] - mu) ** 2, (j, m))
ORDER_1 = {
    "batch norm": of_one_feature(CENTRED, learned=(eps,)),
    "batch norm, rank 2": normalized((m, n), (i, j), ((i, a),), of=((j,), (j,))),
    "batch norm, rank 3": normalized((N, C, W), (i, j, w), ((i, a), (w, b)), of=((j,), (j,))),
    "batch norm, rank 4": normalized((N, C, H, W), (i, j, s, w), ((i, a), (s, b), (w, c)), of=((j,), (j,))),
    "batch norm, fixed statistics": fixed_statistics(),
    "batch norm, unbiased": of_one_feature(total((x[j] - mu) ** 2, j, m) / (m - 1), learned=(eps,), factor=m / (m - 1)),
    "batch norm, no ε": of_one_feature(CENTRED, epsilon=0),
    "batch norm, E[x²] − μ²": of_one_feature(averaged(x[j] ** 2, (j, m)) - mu**2, learned=(eps,)),
    "layer norm": normalized((N, D), (i, j), ((j, k),), of=((i,), (j,))),
    "RMS norm": normalized((N, D), (i, j), ((j, k),), of=((i,), (j,)), centred=False),
    "RMS norm, ε outside": rms_eps_outside(),
    "group norm": normalized((N, G, C, S), (i, k, c, s), ((c, a), (s, b)), of=((i, k), (k, c))),
    "instance norm": normalized((N, C, S), (i, c, s), ((s, b),), of=((i, c), (c,))),
    "sync batch norm": sync(),
    "L2 norm": l2(),
    "weight norm": weight_norm(),
    "cosine": cosine(),
    "softmax": layer((x[i],), SOFTMAX, ((x[i], xhat[i] * (g[i] - total(g[j] * xhat[j], j, m))),), g),
    "log-softmax": layer((x[i],), (*SOFTMAX, (y[i], x[i] - log(z))), ((x[i], g[i] - xhat[i] * total(g[j], j, m)),), g),
    "softmax and cross-entropy": cross_entropy(),
    "power norm": power_norm(),
    "learned ε": learned_epsilon(),
}


# --- order 2 -----------------------------------------------------------------------------------------------------


def second_order(axes, own, other, *, of, centred=True, root_named=False):
    """q = Σ u ∂L/∂x of a normalization layer; means that are shared have names.

    A = mean(γ g x̂), B = mean(u x̂), C = mean((u − ū)(γ g − ḡ)); without centring ū = ḡ = 0.
    """
    X, XH, U, V = (tensor(name, *axes) for name in ("x", "x̂", "g", "u"))
    sizes = dict(zip(own, axes, strict=True))
    moved = tuple(dict(other).get(letter, letter) for letter in own)
    over = [(to, sizes[letter]) for letter, to in other]
    kept, scaled = of

    def statistic(name):
        return tensor(name, *(sizes[letter] for letter in kept))[kept] if kept else scalar(name)

    weight = tensor("γ", *(sizes[letter] for letter in scaled)) if scaled else None
    ga = weight[scaled] if scaled else gamma
    ga_there = weight[tuple(dict(other).get(letter, letter) for letter in scaled)] if scaled else gamma
    mean, variance, mean_g, mean_u, A, B, scale = (statistic(name) for name in ("μ", "σ²", "ḡ", "ū", "A", "B", "s"))
    if not centred:
        mean = mean_g = mean_u = 0
    power = scale if root_named else 1 / sqrt(variance + eps)
    wg, wg_there = ga * U[own], ga_there * U[moved]
    forward = [
        (mean, averaged(X[moved], *over)),
        (variance, averaged((X[moved] - mean) ** 2, *over)),
        *([(scale, 1 / sqrt(variance + eps))] if root_named else []),
        (XH[own], (X[own] - mean) * power),
        (mean_g, averaged(wg_there, *over)),
        (mean_u, averaged(V[moved], *over)),
        (A, averaged(wg_there * XH[moved], *over)),
        (B, averaged(V[moved] * XH[moved], *over)),
        (
            q,
            summed(
                V[own] * power * (wg - mean_g - XH[own] * A),
                *((letter, sizes[letter]) for letter in own),
            ),
        ),
    ]
    C_ = averaged((V[moved] - mean_u) * (wg_there - mean_g), *over)
    rest = [(letter, sizes[letter]) for letter in own if letter not in scaled]
    inner = V[own] - mean_u - XH[own] * B
    dx = -XH[own] * C_ + 3 * XH[own] * A * B - B * (wg - mean_g) - A * (V[own] - mean_u)
    return layer(
        (X[own], ga, U[own], V[own], eps),
        [line for line in forward if line[0] != 0],
        (
            (U[own], h * ga * power * inner),
            (ga, h * summed(U[own] * power * inner, *rest)),
            (X[own], h * power**2 * dx),
        ),
        IndexedBase("h"),
    )


def of_batch_norm(*, named=False, root_named=False, staged=False):
    """q = Σ u ∂L/∂x of batch norm of one feature: the backward pass in its closed form, or `staged` as reverse mode."""
    power = scalar("s") if root_named else 1 / sqrt(var + eps)
    mean_g, mean_u, A, B = (scalar(name) for name in ("ḡ", "ū", "A", "B"))
    d, dxhat, dvar, dmu = tensor("d", m), tensor("dx̂", m), scalar("dσ²"), scalar("dμ")
    of = {
        mean_g: averaged(g[j], (j, m)),
        mean_u: averaged(u[j], (j, m)),
        A: averaged(g[j] * xhat[j], (j, m)),
        B: averaged(u[j] * xhat[j], (j, m)),
    }
    means = of if not named else {name: name for name in of}
    G_, U_, A_, B_ = means.values()
    backward = ((d[i], gamma * power * (g[i] - G_ - xhat[i] * A_)),)
    if staged:
        backward = (
            (dxhat[i], gamma * g[i]),
            (dvar, -total(dxhat[j] * (x[j] - mu), j, m) * power**3 / 2),
            (dmu, -total(dxhat[j], j, m) * power),
            (d[i], dxhat[i] * power + 2 * dvar * (x[i] - mu) / m + dmu / m),
        )
    C_ = averaged((u[j] - U_) * (g[j] - G_), (j, m)) if named else averaged(u[j] * g[j], (j, m)) - U_ * G_
    dx = -xhat[i] * C_ + 3 * xhat[i] * A_ * B_ - B_ * (g[i] - G_) - A_ * (u[i] - U_)
    return layer(
        (x[i], gamma, g[i], u[i], eps),
        (
            (mu, averaged(x[j], (j, m))),
            (var, CENTRED),
            *(((power, 1 / sqrt(var + eps)),) if root_named else ()),
            (xhat[i], (x[i] - mu) * power),
            *(of.items() if named else ()),
            *backward,
            (q, total(u[j] * d[j], j, m)),
        ),
        (
            (g[i], h * gamma * power * (u[i] - U_ - xhat[i] * B_)),
            (gamma, h * power * m * (averaged(u[j] * g[j], (j, m)) - U_ * G_ - A_ * B_)),
            (x[i], h * gamma * power**2 * dx),
        ),
        IndexedBase("h"),
    )


def of_upstream():
    """The backward pass of batch norm as a layer whose upstream gradient is u: the means of u have no names."""
    mean_g, mean_gx, d = scalar("ḡ"), scalar("A"), tensor("d", m)
    root = sqrt(var + eps)
    mean_u, mean_ux, mean_ug = (averaged(term, (j, m)) for term in (u[j], u[j] * xhat[j], u[j] * g[j]))
    inside = (
        -xhat[i] * (mean_ug - mean_u * mean_g)
        + 3 * xhat[i] * mean_gx * mean_ux
        - mean_ux * (g[i] - mean_g)
        - mean_gx * (u[i] - mean_u)
    )
    return layer(
        (x[i], gamma, g[i], eps),
        (
            (mu, averaged(x[j], (j, m))),
            (var, CENTRED),
            (xhat[i], (x[i] - mu) / root),
            (mean_g, averaged(g[j], (j, m))),
            (mean_gx, averaged(g[j] * xhat[j], (j, m))),
            (d[i], gamma / root * (g[i] - mean_g - xhat[i] * mean_gx)),
        ),
        (
            (g[i], gamma / root * (u[i] - mean_u - xhat[i] * mean_ux)),
            (gamma, m / root * (mean_ug - mean_u * mean_g - mean_gx * mean_ux)),
            (x[i], gamma / root**2 * inside),
        ),
        u,
    )


ORDER_2 = {
    "batch norm": of_batch_norm(named=True),
    "batch norm, s named": of_batch_norm(named=True, root_named=True),
    "batch norm, no mean named": of_batch_norm(),
    "batch norm, u upstream": of_upstream(),
    "batch norm, staged": of_batch_norm(staged=True),
    "batch norm, rank 2": second_order((m, n), (i, j), ((i, a),), of=((j,), (j,))),
    "layer norm": second_order((N, D), (i, j), ((j, k),), of=((i,), (j,))),
    "layer norm, s named": second_order((N, D), (i, j), ((j, k),), of=((i,), (j,)), root_named=True),
    "RMS norm": second_order((N, D), (i, j), ((j, k),), of=((i,), (j,)), centred=False),
    "group norm": second_order((N, G, C, S), (i, k, c, s), ((c, a), (s, b)), of=((i, k), (k, c))),
}
