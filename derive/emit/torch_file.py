"""The PyTorch file: the two functions, and a `torch.autograd.Function` around them that can be differentiated again."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import ClassVar

from sympy import Symbol

from derive.emit.blocks import BlockWriter
from derive.emit.files import FileWriter, fused, unfused
from derive.emit.layout import indented
from derive.emit.library_functions import WideWriter
from derive.emit.printer import Library

__all__ = ["TorchFile"]

WIDE = '''\
def _wide(*tensors):
    """In float32 at least: half precision is for storage, not for sums."""
    return [one.to(torch.promote_types(one.dtype, torch.float32)) for one in tensors]'''


NAMES = MappingProxyType(
    {"max": "torch.amax", "maximum": "torch.clamp({}, min={})", "minimum": "torch.clamp({}, max={})"}
)


class TorchWriter(WideWriter):
    """Writes a function of tensors."""

    cast = "to"

    def stopped(self, text: str) -> str:
        return f"{text}.detach()"


class TorchFile(FileWriter):
    """PyTorch."""

    title: ClassVar = "PyTorch"
    library: ClassVar = Library("torch", "dim", "keepdim", NAMES)
    writer: ClassVar = TorchWriter

    def imports(self) -> str:
        return "import math\n\nimport torch" if "math" in self.needs else "import torch"

    def notes(self) -> Iterator[str]:
        yield from super().notes()
        yield (
            f"`{self.names.function}` can be differentiated any number of times: the backward pass is made of"
            " differentiable operations, and computes its statistics again where a graph of it is wanted."
            " Half precision is computed in float32 and returned as it came."
        )

    def traffic(self, plans: list[tuple[str, BlockWriter]]) -> str:
        return (
            f"Memory traffic, in arrays of the size of the data: with a kernel for each operation {unfused(plans)};"
            f" fused, as by torch.compile, {fused(plans)}."
        )

    def helpers(self) -> Iterator[str]:
        yield WIDE

    # --- the Function ------------------------------------------------------------------------------------------------

    def more(self) -> Iterator[str]:
        yield f"class {self.names.type}(torch.autograd.Function):\n" + indented("\n\n".join(self._methods()))
        yield self._apply()

    def _methods(self) -> Iterator[str]:
        arguments = ", ".join(self._arguments)
        yield f'"""{self.document.layer.title} with its closed-form gradient."""'
        yield "generate_vmap_rule = True"
        yield f"@staticmethod\ndef forward({arguments}):\n    return {self.names.forward}({arguments})"
        yield "@staticmethod\ndef setup_context(ctx, inputs, output):\n" + indented("\n".join(self._context()))
        yield "@staticmethod\ndef backward(ctx, *upstream):\n" + indented("\n".join(self._backward()))

    @property
    def _arguments(self) -> list[str]:
        forward = self.recipe.forward
        return [self.recipe.name(one) for one in (*forward.parameters, *forward.counted, *forward.constants)]

    @property
    def _numbers(self) -> list[str]:
        """Arguments that are no tensors."""
        forward = self.recipe.forward
        return [self.recipe.name(one) for one in (*forward.counted, *forward.constants)]

    @property
    def _returned(self) -> tuple[Symbol, ...]:
        """What the forward function returns beside the output."""
        return self.recipe.forward.returns[1:]

    @property
    def _kept(self) -> list[str]:
        """The tensors to save: what backward reads, and what it takes to compute its statistics again."""
        forward, backward = self.recipe.forward, self.recipe.backward
        read = [one for one in backward.parameters if one != self.recipe.upstream]
        again = forward.parameters if self._returned else ()
        inputs = [one for one in forward.parameters if one in read or one in again]
        return [self.recipe.name(one) for one in (*inputs, *(one for one in read if one not in forward.parameters))]

    def _context(self) -> Iterator[str]:
        """Takes inputs and outputs apart and saves what is needed."""
        kept = self._kept
        taken = [f"ctx.{one}" if one in self._numbers else one if one in kept else "_" for one in self._arguments]
        if set(taken) != {"_"}:
            yield f"{', '.join(taken)} = inputs" if len(taken) > 1 else f"({taken[0]},) = inputs"
        if self._returned:
            output = self.recipe.name(self.recipe.output)
            extra = [self.recipe.name(one) for one in self._returned]
            yield f"{', '.join([output if output in kept else '_', *extra])} = output"
            yield f"ctx.mark_non_differentiable({', '.join(extra)})"
        elif self.recipe.name(self.recipe.output) in kept:
            yield f"{self.recipe.name(self.recipe.output)} = output"
        yield f"ctx.save_for_backward({', '.join(kept)})"

    def _backward(self) -> Iterator[str]:
        kept, backward = self._kept, self.recipe.backward
        name = self.recipe.name(self.recipe.upstream)
        yield f"{name} = upstream[0]"
        if kept:
            yield f"{', '.join(kept)} = ctx.saved_tensors" if len(kept) > 1 else f"({kept[0]},) = ctx.saved_tensors"
        if self._returned:
            numbers = [f"ctx.{one}" if one in self._numbers else one for one in self._arguments]
            extra = [self.recipe.name(one) for one in self._returned]
            yield "if torch.is_grad_enabled():  # a graph of the gradient is wanted, and these are part of it"
            yield f"    _, {', '.join(extra)} = {self.names.forward}({', '.join(numbers)})"
        plain = [self.recipe.name(one) for one in backward.parameters]
        numbers = [f"ctx.{self.recipe.name(one)}" for one in (*backward.counted, *backward.constants)]
        results = [self.recipe.name(one) for one in backward.returns]
        call = f"{self.names.backward}({', '.join([*plain, *numbers])})"
        yield f"{', '.join(results)} = {call}"
        given = [self.recipe.gradients[one] for one in self.recipe.forward.parameters]
        returned = [self.recipe.name(one) if one is not None else "None" for one in given]
        yield f"return {', '.join([*returned, *('None' for _ in self._numbers)])}"

    def _apply(self) -> str:
        signature = self.made(self.recipe.forward).signature(self.names.function)
        output, *_ = self.recipe.forward.returns
        said = f'"""{self.document.layer.title}: {self.recipe.name(output)}, differentiable."""'
        call = f"{self.names.type}.apply({', '.join(self._arguments)})"
        return f"{signature}\n    {said}\n    return {call}{'[0]' if self._returned else ''}"
