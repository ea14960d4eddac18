"""Who accepts what: `derive-bn test`, PyTorch's gradcheck, slow and fast, and a comparison with loss = Σ y.

    python checks/implementations/compare.py            prints the table
    python checks/implementations/compare.py --write    puts it into README.md

It needs PyTorch, and JAX for the functions that are written in it, and takes about ten minutes. Each function of
museum.toml becomes the backward pass of a torch.autograd.Function whose forward pass is right. The three ways to test
are used as people use them: float64, ε = 1e-5, x, γ and β from a normal distribution, contiguous arrays of the lowest
rank that the layer has, PyTorch's own tolerances; means over 4 elements for the slow mode and for the sum, over 32 for
the fast mode.
"""

from __future__ import annotations

import importlib.util
import inspect
import math
import sys
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
from museum import HERE, Entry, entries, examined, framework, verdict
from torch import Tensor
from torch.autograd import gradcheck

from derive.code_names import RSTD, STD, plain, spellings, upstream_spellings

README = HERE / "README.md"
SEEDS = 20
SMALL, LARGE = 4, 32
"""Over how many elements a mean goes in the slow and in the fast mode."""
EPS = 1e-5
NOT_COMPARED = frozenset({"bad_citizens.py:hangs", "bad_citizens.py:exits", "cannot_be_imported.py:batchnorm_backward"})
"""Functions that end the comparison and not themselves, and one that there is no getting at."""

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


WHOLE, ROW, REST = slice(None), slice(-1, None), slice(-1)
CHANNEL, WORKERS_CHANNEL = slice(1, 2), slice(2, 3)
"""Which of the data's axes an input has."""

Shapes = Mapping[str, slice]
X: Shapes = {"x": WHOLE}
BATCH: Shapes = {**X, "gamma": CHANNEL, "beta": CHANNEL}
ROWS: Shapes = {**X, "gamma": ROW, "beta": ROW}
LAYERS: Mapping[str, tuple[Callable[..., Values], Shapes, str]] = {
    "batchnorm": (_batch(), BATCH, "eps"),
    "batchnorm-inference": (_batch(fixed=True), BATCH, "eps mean var"),
    "batchnorm-no-eps": (_batch(), BATCH, ""),
    "batchnorm-unbiased": (_batch(correction=1), BATCH, "eps"),
    "cosine": (_cosine, {"a": WHOLE, "b": WHOLE}, ""),
    "groupnorm": (_group_norm, BATCH, "eps groups"),
    "instancenorm": (_instance_norm, BATCH, "eps"),
    "l2norm": (_l2, X, ""),
    "layernorm": (_layer_norm, ROWS, "eps"),
    "layernorm-residual": (_layer_norm, {"x": WHOLE, "r": WHOLE, "gamma": ROW, "beta": ROW}, "eps"),
    "log-softmax": (lambda x: {"p": x.softmax(-1), "y": x.log_softmax(-1)}, X, ""),
    "residual_stream.py": (_residual_stream, {"x": WHOLE, "r": WHOLE, "gamma": ROW}, "eps"),
    "rmsnorm": (_rms_norm, {"x": WHOLE, "gamma": ROW}, "eps"),
    "rmsnorm-eps-outside": (_rms_norm_outside, {"x": WHOLE, "gamma": ROW}, "eps"),
    "softmax": (lambda x: {"p": x.softmax(-1)}, X, ""),
    "softmax-cross-entropy": (_cross_entropy, X, "t"),
    "syncbatchnorm": (_batch(2), {**X, "gamma": WORKERS_CHANNEL, "beta": WORKERS_CHANNEL}, "eps"),
    "weightnorm": (_weight_norm, {"v": WHOLE, "gamma": REST}, ""),
}
"""The forward pass, what is differentiated, and what else it takes."""

OUTPUTS = {"softmax": "p", "weightnorm": "w"}
"""What the output is called where that is not y."""

Draw = Callable[..., Tensor]


def case(layer: str, shape: tuple[int, ...], draw: Draw, eps: float = EPS, groups: int = 2) -> Case:
    """The layer at data of this shape, drawn one array after the other."""
    forward, shapes, further = LAYERS[layer]
    inputs = {name: draw(*shape[axes]) for name, axes in shapes.items()}
    known: Mapping[str, Callable[[], Any]] = {
        "eps": lambda: eps,
        "groups": lambda: groups,
        "mean": lambda: draw(*shape[CHANNEL]),
        "var": lambda: draw(*shape[CHANNEL]).square() + 0.5,
        "t": lambda: draw(*shape).softmax(-1),
    }
    constants = {name: known[name]() for name in further.split()}
    return Case(inputs, constants, forward, OUTPUTS.get(layer, "y"))


LOWEST = {"groupnorm": 3, "instancenorm": 3, "syncbatchnorm": 3}
"""The rank of the data where that is not 2."""


def shape_for(layer: str, axes: str | None, count: int) -> tuple[int, ...]:
    """An array of the lowest rank, or of the one that `axes` have, for means over `count` elements."""
    side = max(2, math.isqrt(count // 2))
    rank = axes.count(",") + 1 if axes else LOWEST.get(layer, 2)
    if layer == "groupnorm":
        return (3, 4, count // 2) if rank == 3 else (3, 4, side, side)
    if layer == "syncbatchnorm":
        return 2, count // 2, 3
    matrix = (count, 3) if layer.startswith("batchnorm") else (3, count)
    return {1: (count,), 2: matrix, 3: (2, 3, count), 4: (2, 3, side, side)}[rank]


# --- a function of the museum -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Exhibit:
    """An entry of museum.toml with the function it names."""

    entry: Entry
    function: Callable[..., Any]
    parameters: tuple[inspect.Parameter, ...]

    @property
    def framework(self) -> str:
        return framework(self.entry)

    def gradients(self, case_: Case, inputs: tuple[Tensor, ...], dy: Tensor) -> tuple[Any, ...]:
        """What the function returns, or its framework goes back to, for these inputs."""
        values = case_.values(*inputs)
        if "keepdims" in self.entry:
            values |= {name: values[name][..., None] for name in ("mean", "var", "std", "rstd")}
        if any(self._is_upstream(one.name, case_) for one in self.parameters):
            found = self.function(**self._arguments(case_, {**values, "dy": dy}))
            return found if isinstance(found, tuple) else (found,)
        return _FORWARD[self.framework](self, case_, values, dy)

    def _is_upstream(self, name: str, case_: Case) -> bool:
        return plain(name) in {plain(one) for one in upstream_spellings("g", case_.output)}

    def _arguments(self, case_: Case, values: Values) -> Values:
        known = {plain(alias): key for key in values for alias in _aliases(key)}
        known |= dict.fromkeys(("y", "out", "output"), case_.output)
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


def _numpy(value: Any) -> Any:
    return value.detach().numpy() if isinstance(value, Tensor) else value


def _jax(value: Any) -> Any:
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
def _module(file: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"museum_{Path(file).stem}", HERE / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def exhibits() -> Iterator[Exhibit]:
    """Every function that can be called."""
    for entry in entries():
        file, name = entry["function"].split(":")
        if entry["verdict"] != "refused" and entry["function"] not in NOT_COMPARED:
            function = getattr(_module(file), name)
            forward = getattr(function, "forward", None) if inspect.isclass(function) else function
            parameters = tuple(inspect.signature(forward).parameters.values())
            yield Exhibit(entry, function, tuple(one for one in parameters if one.name != "ctx"))


# --- who accepts it ----------------------------------------------------------------------------------------------


class Wrapped(torch.autograd.Function):
    """The right forward pass with the exhibit for its backward pass."""

    @staticmethod
    def forward(ctx: Any, exhibit: Exhibit, case_: Case, *inputs: Tensor) -> Tensor:
        ctx.save_for_backward(*inputs)
        ctx.exhibit, ctx.case = exhibit, case_
        return case_.values(*inputs)[case_.output]

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Any, ...]:
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
    return gradcheck(lambda *given: Wrapped.apply(exhibit, made, *given), inputs, fast_mode=fast, raise_exception=False)


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


Row = tuple[Exhibit, str, dict[str, int]]


def rows() -> Iterator[Row]:
    for exhibit in exhibits():
        counts = {name: accepted(judge, exhibit) for name, judge in COLUMNS.items()}
        yield exhibit, verdict(examined(exhibit.entry)), counts
        print(exhibit.entry["function"], *counts.values(), file=sys.stderr)


def cell(count: int) -> str:
    return {0: "refused", SEEDS: "accepted"}.get(count, f"{count} of {SEEDS} accepted")


def _line(exhibit: Exhibit, said: str, counts: Mapping[str, int]) -> str:
    entry = exhibit.entry
    file, name = entry["function"].split(":")
    right = "right" if entry["verdict"] == "passed" else "wrong"
    cells = [f"[{file.removesuffix('.py')}]({file}) {name}", entry["layer"], entry["what"], right, said]
    return f"| {' | '.join(cells)} | {' | '.join(map(cell, counts.values()))} |"


def table() -> str:
    """The table in Markdown, and above it what comes out of it."""
    found = list(rows())
    head = ["function", "layer", "what", "it is", "derive-bn test", *COLUMNS]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(_line(*row) for row in found)]
    return "\n".join([*_summary(found), "", *lines])


def _summary(found: list[Row]) -> Iterator[str]:
    """How many of the wrong ones and of the right ones each accepts: in every seed, and in some."""
    yield f"| accepted | {' | '.join(['derive-bn test', *COLUMNS])} |"
    yield f"|{'---|' * (2 + len(COLUMNS))}"
    for kind, name in (("failed", "wrong"), ("passed", "right")):
        those = [row for row in found if row[0].entry["verdict"] == kind]
        cells = [str(sum(said == "passed" for _, said, _ in those))]
        for column in COLUMNS:
            counts = [row[2][column] for row in those]
            some = sum(0 < count < SEEDS for count in counts)
            cells.append(f"{counts.count(SEEDS)}, and {some} in some seeds" if some else str(counts.count(SEEDS)))
        yield f"| of {len(those)} {name} ones | {' | '.join(cells)} |"


def main() -> int:
    versions = f"PyTorch {torch.__version__}, NumPy {np.__version__}, seeds 0 to {SEEDS - 1}."
    text = f"{versions}\n\n{table()}"
    if "--write" not in sys.argv[1:]:
        print(text)
        return 0
    before, mark, rest = README.read_text("utf-8").partition("<!-- table -->\n")
    _, end, after = rest.partition("<!-- end of the table -->")
    README.write_text(f"{before}{mark}\n{text}\n\n{end}{after}", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
