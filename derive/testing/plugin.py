"""The pytest plugin: a failed examination reads like an assertion of pytest's own, and files can be tested by mark.

@pytest.mark.backward(layer="layernorm")        the function that the test returns is examined
def test_mine():
    return my_backward

assert examine(my_backward, layer="layernorm")  says on failure what the function computes instead
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

__all__ = ["pytest_configure", "pytest_pyfunc_call"]


def pytest_configure(config: pytest.Config) -> None:
    """Registers the mark."""
    config.addinivalue_line(
        "markers", "backward(layer, **options): the function that the test returns is the backward pass of the layer"
    )


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a marked test, and examines the function that it returns."""
    mark = pyfuncitem.get_closest_marker("backward")
    if mark is None:
        return None
    from derive.testing.assertion import assert_backward

    __tracebackhide__ = True
    wanted = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}  # noqa: SLF001 -- as pytest
    function: Callable[..., Any] | str = pyfuncitem.obj(**wanted)
    assert_backward(function, *mark.args, **mark.kwargs)
    return True
