"""Errors planted in right functions are found: a mutant passes if and only if it still computes the gradients."""

import ast
import copy
import random
import types
from pathlib import Path

import numpy as np
import pytest

from derive.errors import DeriveError
from derive.layers import load
from derive.testing import examine
from derive.testing.arrangement import Arrangement
from derive.testing.truth import Truth

TREE = ast.parse((Path(__file__).parent / "functions.py").read_text())
OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)
CONSTANTS = (0, 1, 2, 3, -1, -0.5)
NAMES = ("dy", "x", "xhat", "wdy", "rstd", "xc", "dgamma", "dbeta")
COUNT = 25


def edits(function):
    """Every single edit: another operator, an operand alone, another constant, another name."""
    for place, node in enumerate(ast.walk(function)):
        match node:
            case ast.BinOp():
                yield from ((place, "op", kind()) for kind in OPERATORS if not isinstance(node.op, kind))
                yield from ((place, side, None) for side in ("left", "right"))
            case ast.Constant(value=int() | float()):
                yield from ((place, "value", value) for value in CONSTANTS if value != node.value)
            case ast.Name(id=name, ctx=ast.Load()):
                yield from ((place, "id", other) for other in NAMES if other != name)


def edited(function, place, what, value):
    changed = copy.deepcopy(function)
    node = list(ast.walk(changed))[place]
    if what in {"left", "right"}:
        operand = getattr(node, what)
        node.__class__, node.__dict__ = operand.__class__, operand.__dict__
    else:
        setattr(node, what, value)
    return ast.fix_missing_locations(changed)


def made(name, function):
    others = [one for one in TREE.body if getattr(one, "name", "") != name]
    module = types.ModuleType("planted")
    exec(compile(ast.Module([*others, function], []), "planted", "exec"), module.__dict__)  # noqa: S102 -- the test's own
    return getattr(module, name)


def is_right(function, truth):
    """By the closed form at one generic point, with nothing of the battery."""
    data = np.random.default_rng(5)
    inputs = {"x": data.normal(size=(7, 5)) + 2, "γ": data.normal(size=5) + 3, "β": data.normal(size=5), "ε": 0.3}
    upstream = data.normal(size=(7, 5)) + 1
    known = truth.gradients(inputs, upstream, "float64")
    try:
        with np.errstate(all="ignore"):
            found = function(upstream.copy(), inputs["x"].copy(), inputs["γ"].copy(), inputs["ε"])
        found = found if isinstance(found, tuple) else (found,)
        return all(
            np.allclose(one, known[of].value, 1e-9, 1e-11) for one, of in zip(found, ("x", "γ", "β"), strict=False)
        )
    except Exception:  # noqa: BLE001 -- a mutant may do anything
        return False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layer"), [("batchnorm", "batchnorm"), ("batchnorm_rank_2", "batchnorm"), ("layernorm", "layernorm")]
)
def test_a_planted_error_is_found_and_nothing_else(name, layer):
    (function,) = (one for one in TREE.body if getattr(one, "name", "") == name)
    truth = Truth(Arrangement(load(layer, ("N", "D"))))
    chosen = random.Random(20).sample(list(edits(function)), COUNT)  # noqa: S311 -- the same ones each time
    for place, what, value in chosen:
        mutant = edited(function, place, what, value)
        planted = made(name, mutant)
        try:
            passed = examine(planted, layer, axes=("N", "D"), seconds=2.0).passed
        except DeriveError:
            continue
        assert passed == is_right(planted, truth), ast.unparse(mutant)
