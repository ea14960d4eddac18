"""`assert_backward`: an examination as an assertion, for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from derive.layers.layer import Layer
from derive.report.examination import Examination
from derive.testing.examining import examine
from derive.write.examination import plain

__all__ = ["assert_backward"]


def assert_backward(
    function: str | Callable[..., Any],
    layer: str | Layer = "batchnorm",
    **options: Any,  # noqa: ANN401 -- those of Request
) -> Examination:
    """Passes if `function` is the backward pass of `layer`; the options are those of `Request`.

    Raises `AssertionError` with the whole examination otherwise, and a `DeriveError` for what can't be examined.
    """
    __tracebackhide__ = True
    found = examine(function, layer, **options)
    if not found.passed:
        raise AssertionError(f"\n{plain(found)}".rstrip())
    return found
