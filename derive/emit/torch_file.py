"""The PyTorch file: the two functions, and a `torch.autograd.Function` around them that can be differentiated again."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import ClassVar

from derive.emit.files import FileWriter, Plans, fused, tuple_of, unfused
from derive.emit.layout import docstring, function, indented
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

    def traffic(self, plans: Plans) -> str:
        return (
            f"Memory traffic, in arrays of the size of the data: with a kernel for each operation {unfused(plans)};"
            f" fused, as by torch.compile, {fused(plans)}."
        )

    def helpers(self) -> Iterator[str]:
        yield WIDE

    # --- the Function ------------------------------------------------------------------------------------------------

    def more(self) -> Iterator[str]:
        yield f"class {self.names.type}(torch.autograd.Function):\n" + indented("\n\n".join(self._methods()))
        signature = self.made(self.recipe.forward).signature(self.names.function)
        call = f"{self.names.type}.apply({', '.join(self.arguments)})"
        said = f"{self.document.layer.title}: {self.output}, differentiable."
        yield function(signature, [f"return {call}{'[0]' if self.extra else ''}"], said)

    def _methods(self) -> Iterator[str]:
        arguments = ", ".join(self.arguments)
        call = f"return {self.names.forward}({arguments})"
        yield docstring(f"{self.document.layer.title} with its closed-form gradient.")
        yield "generate_vmap_rule = True"
        yield "@staticmethod\n" + function(f"def forward({arguments}):", [call])
        yield "@staticmethod\n" + function("def setup_context(ctx, inputs, output):", self._context())
        yield "@staticmethod\n" + function("def backward(ctx, *upstream):", self._gradients())

    @property
    def _kept(self) -> list[str]:
        """The tensors to save: what backward reads, and what it takes to compute its statistics again."""
        forward, backward = self.recipe.forward, self.recipe.backward
        read = [one for one in backward.parameters if one != self.recipe.upstream]
        inputs = [one for one in forward.parameters if one in read or self.extra]
        return self.called((*inputs, *(one for one in read if one not in forward.parameters)))

    def _context(self) -> Iterator[str]:
        """Takes inputs and outputs apart and saves what is needed."""
        kept = self._kept
        taken = [f"ctx.{one}" if one in self.numbers else one if one in kept else "_" for one in self.arguments]
        if set(taken) != {"_"}:
            yield f"{tuple_of(taken)} = inputs"
        output = self.output if self.output in kept else "_"
        if self.extra:
            yield f"{tuple_of([output, *self.extra])} = output"
            yield f"ctx.mark_non_differentiable({', '.join(self.extra)})"
        elif output != "_":
            yield f"{output} = output"
        yield f"ctx.save_for_backward({', '.join(kept)})"

    def _gradients(self) -> Iterator[str]:
        kept, backward = self._kept, self.recipe.backward
        yield f"{self.upstream} = upstream[0]"
        if kept:
            yield f"{tuple_of(kept)} = ctx.saved_tensors"
        if self.extra:
            arguments = (f"ctx.{one}" if one in self.numbers else one for one in self.arguments)
            yield "if torch.is_grad_enabled():  # a graph of the gradient is wanted, and these are part of it"
            yield f"    {tuple_of(['_', *self.extra])} = {self.names.forward}({', '.join(arguments)})"
        numbers = (f"ctx.{one}" for one in self.called((*backward.counted, *backward.constants)))
        call = f"{self.names.backward}({', '.join([*self.called(backward.parameters), *numbers])})"
        gradients, returned = self.called(backward.returns), [*self.returned, *("None" for _ in self.numbers)]
        if gradients == returned:
            yield f"return {call}"
        else:
            yield f"{', '.join(gradients)} = {call}"
            yield f"return {', '.join(returned)}"
