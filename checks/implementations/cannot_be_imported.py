"""A file whose import fails."""

import no_such_package_as_this_one  # noqa: F401


def batchnorm_backward(dy, x, gamma, eps):
    """Never reached."""
    return dy
