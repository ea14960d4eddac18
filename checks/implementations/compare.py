"""Who accepts what: `derive-bn test` beside PyTorch's gradcheck, slow and fast, and beside the comparison with loss = Σ y.

    python checks/implementations/compare.py            prints the table
    python checks/implementations/compare.py --write    puts it into README.md

It needs PyTorch, and JAX for the functions that are written in it. Each function of museum.toml becomes the backward
pass of a torch.autograd.Function whose forward pass is right, in float64 with ε = 1e-5, x and γ from a normal
distribution, contiguous arrays of the lowest rank that the layer has, a mean over 4 elements for the slow mode and for
the sum and over 32 for the fast mode, and the tolerances that PyTorch has by default: what people do who test a backward
pass. Every cell is the count over 20 seeds.
"""

from __future__ import annotations

import importlib.util
import inspect
import math
import re
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import gradcheck
from torch.autograd.function import FunctionCtx

from derive.code_names import RSTD, STD, plain, spellings, upstream_spellings

HERE = Path(__file__).parent
README = HERE / "README.md"
SEEDS = 20
SMALL, LARGE = 4, 32
"""Over how many elements a mean goes in the slow and in the fast mode."""
EPS = 1e-5
NOT_COMPARED = frozenset({"hangs", "exits"})
"""Functions that end the comparison and not themselves."""

Values = dict[str, Any]
"""What a backward function may ask for, by its name in programs."""


# --- the layers, once more and in PyTorch ------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A layer at some data: what is differentiated, in the order in which gradients are returned, and what is not."""

    inputs: dict[str, Tensor]
    constants: Values
    forward: Callable[..., Values]
    output: str = "y"

    def values(self, *inputs: Tensor) -> Values:
        """Everything that the forward pass knows; inputs in the order of `inputs`."""
        given = dict(zip(self.inputs, inputs, strict=True)) | self.constants
        return given | self.forward(**given)


def _channels(values: Tensor, like: Tensor, at: int) -> Tensor:
    return values.reshape([-1 if axis == at else 1 for axis in range(like.dim())])


def _normalize(x: Tensor, dims: tuple[int, ...], eps: float, correction: int = 0) -> Values:
    """x̂ and what is saved for it, the statistics without the axes that were reduced."""
    mean = x.mean(dims, keepdim=True)
    var = x.var(dims, correction=correction, keepdim=True)
    std = (var + eps).sqrt()
    saved = {"mean": mean, "var": var, "std": std, "rstd": 1 / std}
    shape = [length for axis, length in enumerate(x.shape) if axis not in {dim % x.dim() for dim in dims}]
    return {name: value.reshape(shape) for name, value in saved.items()} | {"xhat": (x - mean) / std}


def _batch(at: int = 1, correction: int = 0, *, fixed: bool = False) -> Callable[..., Values]:
    def forward(x: Tensor, gamma: Tensor, beta: Tensor, eps: float = 0.0, **given: Tensor) -> Values:
        if x.dim() == 1:
            found = {name: value[..., 0] for name, value in forward(x[:, None], gamma, beta, eps).items()}
            return found | {name: value[()] for name, value in found.items() if name not in {"xhat", "y"}}
        dims = tuple(axis for axis in range(x.dim()) if axis != at)
        found = _normalize(x, dims, eps, correction)
        if fixed:
            std = (given["var"] + eps).sqrt()
            xhat = (x - _channels(given["mean"], x, at)) / _channels(std, x, at)
            found = {**given, "std": std, "rstd": 1 / std, "xhat": xhat}
        return found | {"y": _channels(gamma, x, at) * found["xhat"] + _channels(beta, x, at)}

    return forward


def _layer_norm(x: Tensor, gamma: Tensor, beta: Tensor, eps: float, r: Tensor | None = None) -> Values:
    found = _normalize(x if r is None else x + r, (-1,), eps)
    return found | {"y": gamma * found["xhat"] + beta}


def _rms_norm(x: Tensor, gamma: Tensor, eps: float) -> Values:
    std = (x.square().mean(-1, keepdim=True) + eps).sqrt()
    return {"std": std[..., 0], "rstd": 1 / std[..., 0], "xhat": x / std, "y": gamma * x / std}


def _rms_norm_outside(x: Tensor, gamma: Tensor, eps: float) -> Values:
    xhat = x / (x.square().mean(-1, keepdim=True).sqrt() + eps)
    return {"xhat": xhat, "y": gamma * xhat}


def _residual_stream(x: Tensor, r: Tensor, gamma: Tensor, eps: float) -> Values:
    z = x + r
    return {"y": z + gamma * z / (z.square().mean(-1, keepdim=True) + eps).sqrt()}


def _group_norm(x: Tensor, gamma: Tensor, beta: Tensor, eps: float, groups: int) -> Values:
    rows = _normalize(x.reshape(x.shape[0], groups, -1), (2,), eps)
    xhat = rows["xhat"].reshape(x.shape)
    return rows | {"xhat": xhat, "y": _channels(gamma, x, 1) * xhat + _channels(beta, x, 1)}


def _instance_norm(x: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> Values:
    found = _normalize(x, tuple(range(2, x.dim())), eps)
    return found | {"y": _channels(gamma, x, 1) * found["xhat"] + _channels(beta, x, 1)}


def _cross_entropy(x: Tensor, t: Tensor) -> Values:
    return {"p": x.softmax(-1), "y": -(t * x.log_softmax(-1)).sum(-1)}


def _l2(x: Tensor) -> Values:
    rho = x.square().sum(-1).sqrt()
    return {"rho": rho, "y": x / rho[..., None]}


def _weight_norm(v: Tensor, gamma: Tensor) -> Values:
    rho = v.square().sum(-1).sqrt()
    return {"rho": rho, "w": (gamma / rho)[..., None] * v}


def _cosine(a: Tensor, b: Tensor) -> Values:
    return {"y": (a * b).sum(-1) / (a.square().sum(-1) * b.square().sum(-1)).sqrt()}


Draw = Callable[..., Tensor]


def case(layer: str, shape: tuple[int, ...], draw: Draw, eps: float = EPS, groups: int = 2) -> Case:
    """The layer at data of this shape, drawn one array after the other."""
    x, row, rest = draw(*shape), shape[-1:], shape[:-1]

    def affine(of: tuple[int, ...], *more: str) -> dict[str, Tensor]:
        return {"x": x, **{name: draw(*shape) for name in more}, "gamma": draw(*of), "beta": draw(*of)}

    features = shape[1:2]
    match layer:
        case "batchnorm":
            return Case(affine(features), {"eps": eps}, _batch())
        case "batchnorm-unbiased":
            return Case(affine(features), {"eps": eps}, _batch(correction=1))
        case "batchnorm-no-eps":
            return Case(affine(features), {}, _batch())
        case "batchnorm-inference":
            fixed = {"mean": draw(*features), "var": draw(*features).square() + 0.5, "eps": eps}
            return Case(affine(features), fixed, _batch(fixed=True))
        case "syncbatchnorm":
            return Case(affine(shape[2:3]), {"eps": eps}, _batch(2))
        case "layernorm":
            return Case(affine(row), {"eps": eps}, _layer_norm)
        case "layernorm-residual":
            return Case(affine(row, "r"), {"eps": eps}, _layer_norm)
        case "residual_stream.py":
            return Case({"x": x, "r": draw(*shape), "gamma": draw(*row)}, {"eps": eps}, _residual_stream)
        case "rmsnorm" | "rmsnorm-eps-outside":
            forward = _rms_norm if layer == "rmsnorm" else _rms_norm_outside
            return Case({"x": x, "gamma": draw(*row)}, {"eps": eps}, forward)
        case "groupnorm":
            return Case(affine(features), {"eps": eps, "groups": groups}, _group_norm)
        case "instancenorm":
            return Case(affine(features), {"eps": eps}, _instance_norm)
        case "softmax":
            return Case({"x": x}, {}, lambda x: {"p": x.softmax(-1)}, "p")
        case "log-softmax":
            return Case({"x": x}, {}, lambda x: {"p": x.softmax(-1), "y": x.log_softmax(-1)})
        case "softmax-cross-entropy":
            return Case({"x": x}, {"t": draw(*shape).softmax(-1)}, _cross_entropy)
        case "l2norm":
            return Case({"x": x}, {}, _l2)
        case "weightnorm":
            return Case({"v": x, "gamma": draw(*rest)}, {}, _weight_norm, "w")
        case "cosine":
            return Case({"a": x, "b": draw(*shape)}, {}, _cosine)
    raise ValueError(layer)


def shape_for(layer: str, axes: str | None, count: int) -> tuple[int, ...]:
    """An array of the lowest rank, or of the one that `axes` have, for means over `count` elements."""
    side = math.isqrt(count // 2)
    rank = axes.count(",") + 1 if axes else {"syncbatchnorm": 3, "groupnorm": 3, "instancenorm": 3}.get(layer, 2)
    match layer, rank:
        case "groupnorm", _:
            return (3, 4, count // 2) if rank == 3 else (3, 4, side, side)
        case "instancenorm", _:
            return 2, 3, count
        case "syncbatchnorm", _:
            return 2, count // 2, 3
        case _, 1:
            return (count,)
        case str(name), 2:
            return (count, 3) if name.startswith("batchnorm") else (3, count)
        case _, 3:
            return 2, 3, count
    return 2, 3, max(side, 2), max(side, 2)


# --- a function of the museum -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Exhibit:
    """An entry of museum.toml with the function it names."""

    entry: Mapping[str, Any]
    function: Callable[..., Any]
    parameters: tuple[inspect.Parameter, ...]

    @property
    def framework(self) -> str:
        return str(self.entry.get("framework", "numpy"))

    def gradients(self, case_: Case, inputs: tuple[Tensor, ...], dy: Tensor) -> tuple[Any, ...]:
        """What the function returns, or its framework goes back to, for these inputs."""
        values = case_.values(*inputs)
        if any(self._is_upstream(one.name, case_) for one in self.parameters):
            found = self.function(**self._arguments(case_, {**values, "dy": dy}))
            return found if isinstance(found, tuple) else (found,)
        return _FORWARD[self.framework](self, case_, values, dy)

    def _is_upstream(self, name: str, case_: Case) -> bool:
        return plain(name) in {plain(one) for one in upstream_spellings("g", case_.output)}

    def _arguments(self, case_: Case, values: Values) -> Values:
        known = {plain(alias): key for key in values for alias in _aliases(key)}
        known |= {name: case_.output for name in ("y", "out", "output")}
        wanted = {one.name: "dy" if self._is_upstream(one.name, case_) else None for one in self.parameters}
        named = {name: key or known.get(plain(name)) for name, key in wanted.items()}
        convert = _CONVERT[self.framework]
        return {
            one.name: convert(values[named[one.name]])
            for one in self.parameters
            if named[one.name] in values or one.default is one.empty
        }


def _aliases(key: str) -> Iterable[str]:
    symbols = {"gamma": "γ", "beta": "β", "eps": "ε", "mean": "μ", "var": "σ²", "xhat": "x̂"}
    match key:
        case "rstd":
            return RSTD
        case "std":
            return STD
    return (key, *spellings(symbols.get(key, key)))


def _numpy(value: Any) -> Any:  # noqa: ANN401 -- an array or a number
    return value.detach().numpy() if isinstance(value, Tensor) else value


def _jax(value: Any) -> Any:  # noqa: ANN401
    import jax

    jax.config.update("jax_enable_x64", True)  # noqa: FBT003
    return jax.numpy.asarray(value.detach().numpy()) if isinstance(value, Tensor) else value


_CONVERT: Mapping[str, Callable[[Any], Any]] = {
    "numpy": _numpy,
    "torch": lambda value: value.detach() if isinstance(value, Tensor) else value,
    "jax": _jax,
}


def _torch_forward(exhibit: Exhibit, case_: Case, values: Values, dy: Tensor) -> tuple[Any, ...]:
    call = getattr(exhibit.function, "apply", exhibit.function)
    arguments = exhibit._arguments(case_, values)  # noqa: SLF001
    with torch.enable_grad():
        wanted = [one.requires_grad_() for one in arguments.values() if isinstance(one, Tensor)]
        found = torch.autograd.grad(call(*arguments.values()), wanted, dy, materialize_grads=True, allow_unused=True)
    return tuple(found)


def _jax_forward(exhibit: Exhibit, case_: Case, values: Values, dy: Tensor) -> tuple[Any, ...]:
    import jax

    arguments = exhibit._arguments(case_, values)  # noqa: SLF001
    arrays = [one for one in arguments.values() if isinstance(one, jax.Array)]
    numbers = [one for one in arguments.values() if not isinstance(one, jax.Array)]
    _, back = jax.vjp(lambda *given: exhibit.function(*given, *numbers), *arrays)
    return tuple(back(_jax(dy)))


_FORWARD = {"torch": _torch_forward, "jax": _jax_forward}


@cache
def _module(file: str) -> Any:  # noqa: ANN401 -- a module
    spec = importlib.util.spec_from_file_location(f"museum_{Path(file).stem}", HERE / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def entries() -> list[dict[str, Any]]:
    with (HERE / "museum.toml").open("rb") as file:
        return tomllib.load(file)["function"]


def exhibits() -> Iterator[Exhibit]:
    """Every function that can be called."""
    for entry in entries():
        file, name = entry["function"].split(":")
        if entry["verdict"] != "refused" and name not in NOT_COMPARED:
            function = getattr(_module(file), name)
            forward = getattr(function, "forward", None) if inspect.isclass(function) else function
            parameters = tuple(inspect.signature(forward).parameters.values())
            yield Exhibit(entry, function, tuple(one for one in parameters if one.name != "ctx"))


# --- who accepts it ----------------------------------------------------------------------------------------------


class Wrapped(torch.autograd.Function):
    """The right forward pass with the exhibit for its backward pass."""

    @staticmethod
    def forward(ctx: Any, exhibit: Exhibit, case_: Case, *inputs: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(*inputs)
        ctx.exhibit, ctx.case = exhibit, case_
        return case_.values(*inputs)[case_.output]

    @staticmethod
    def backward(ctx: FunctionCtx, dy: Tensor) -> tuple[Any, ...]:
        found = ctx.exhibit.gradients(ctx.case, ctx.saved_tensors, dy)
        tensors = [one if isinstance(one, Tensor) else torch.from_numpy(np.array(one)) for one in found]
        return None, None, *tensors, *[None] * (len(ctx.saved_tensors) - len(tensors))


def _set_up(exhibit: Exhibit, count: int, seed: int) -> tuple[Case, tuple[Tensor, ...]]:
    """The layer at random data, and its inputs: those differentiated that the function returns gradients for."""
    generator = torch.Generator().manual_seed(seed)
    entry = exhibit.entry

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=generator)

    made = case(entry["layer"], shape_for(entry["layer"], entry.get("axes"), count), draw)
    inputs = tuple(made.inputs.values())
    dy = torch.ones_like(made.values(*inputs)[made.output])
    returned = len(exhibit.gradients(made, tuple(one.clone() for one in inputs), dy))
    return made, tuple(one.requires_grad_(place < returned) for place, one in enumerate(inputs))


def by_gradcheck(exhibit: Exhibit, seed: int, *, fast: bool) -> bool:
    made, inputs = _set_up(exhibit, LARGE if fast else SMALL, seed)
    torch.manual_seed(seed)
    return gradcheck(
        lambda *given: Wrapped.apply(exhibit, made, *given), inputs, fast_mode=fast, raise_exception=False
    )


def by_the_sum(exhibit: Exhibit, seed: int) -> bool:
    """Whether the gradients of Σ y are those of automatic differentiation."""
    made, inputs = _set_up(exhibit, SMALL, seed)
    wanted = [one for one in inputs if one.requires_grad]
    found = torch.autograd.grad(Wrapped.apply(exhibit, made, *inputs).sum(), wanted)
    right = torch.autograd.grad(made.values(*inputs)[made.output].sum(), wanted)
    return all(torch.allclose(one, other) for one, other in zip(found, right, strict=True))


def accepted(judge: Callable[[Exhibit, int], bool], exhibit: Exhibit) -> int:
    """In how many of the seeds it is accepted. An error on the way is a refusal."""

    def once(seed: int) -> bool:
        try:
            with redirect_stdout(StringIO()), redirect_stderr(StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return judge(exhibit, seed)
        except Exception:  # noqa: BLE001 -- whatever the function does
            return False

    return sum(map(once, range(SEEDS)))


COLUMNS: dict[str, Callable[[Exhibit, int], bool]] = {
    "gradcheck": lambda exhibit, seed: by_gradcheck(exhibit, seed, fast=False),
    "gradcheck, fast": lambda exhibit, seed: by_gradcheck(exhibit, seed, fast=True),
    "Σ y": by_the_sum,
}


# --- the table ---------------------------------------------------------------------------------------------------


def verdict_of(entry: Mapping[str, Any]) -> str:
    """What `derive-bn test` says."""
    from derive.testing import examine

    layer = entry["layer"]
    found = examine(
        str(HERE / entry["function"]),
        layer=str(HERE / layer) if layer.endswith(".py") else layer,
        framework=entry.get("framework", "numpy"),
        axes=tuple(entry["axes"].split(",")) if "axes" in entry else None,
    )
    return str(found.verdict)


def rows() -> Iterator[tuple[Exhibit, str, dict[str, int]]]:
    for exhibit in exhibits():
        counts = {name: accepted(judge, exhibit) for name, judge in COLUMNS.items()}
        yield exhibit, verdict_of(exhibit.entry), counts
        print(exhibit.entry["function"], *counts.values(), file=sys.stderr)


def _cell(count: int) -> str:
    return {0: "refused", SEEDS: "accepted"}.get(count, f"{count} of {SEEDS} accepted")


def _line(exhibit: Exhibit, verdict: str, counts: Mapping[str, int]) -> str:
    entry = exhibit.entry
    file, name = entry["function"].split(":")
    right = "right" if entry["verdict"] == "passed" else "wrong"
    cells = [f"[{file.removesuffix('.py')}]({file}) {name}", entry["layer"], entry["what"], right, verdict]
    return f"| {' | '.join(cells)} | {' | '.join(map(_cell, counts.values()))} |"


def table() -> str:
    """The table in Markdown, and above it what comes out of it."""
    found = list(rows())
    head = ["function", "layer", "what", "it is", "derive-bn test", *COLUMNS]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [_line(*row) for row in found]
    return "\n".join([*_summary(found), "", *lines])


def _summary(found: list[tuple[Exhibit, str, dict[str, int]]]) -> Iterator[str]:
    for verdict, name, wanted in (("failed", "wrong", 0), ("passed", "right", SEEDS)):
        those = [row for row in found if row[0].entry["verdict"] == verdict]
        judged = [("derive-bn test", sum(said == "passed" for _, said, _ in those), 0)]
        for column in COLUMNS:
            counts = [row[2][column] for row in those]
            judged.append((column, counts.count(SEEDS), len(counts) - counts.count(SEEDS) - counts.count(0)))
        yield f"Of {len(those)} {name} functions"
        for column, always, sometimes in judged:
            mixed = f", {sometimes} in some seeds" if sometimes else ""
            yield f"- {column} accepts {always}{mixed}"
        yield "" if wanted == 0 else ""


def main() -> int:
    made = table()
    versions = f"PyTorch {torch.__version__}, NumPy {np.__version__}, seeds 0 to {SEEDS - 1}."
    text = f"{versions}\n\n{made}"
    if "--write" not in sys.argv[1:]:
        print(text)
        return 0
    marked = re.sub(
        r"(?<=<!-- table -->\n).*?(?=<!-- end of the table -->)", lambda _: f"\n{text}\n\n", README.read_text("utf-8"), flags=re.DOTALL
    )
    README.write_text(marked, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
