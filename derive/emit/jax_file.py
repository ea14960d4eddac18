"""The JAX file: the two functions, and a `jax.custom_vjp` made of them."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import ClassVar

from derive.emit.blocks import BlockWriter
from derive.emit.files import FileWriter, fused, unfused
from derive.emit.library_functions import WideWriter
from derive.emit.printer import Library

__all__ = ["JaxFile"]

WIDE = '''\
def _wide(*arrays):
    """In float32 at least: half precision is for storage, not for sums."""
    return [jnp.asarray(one, jnp.promote_types(jnp.result_type(one), jnp.float32)) for one in arrays]'''


class JaxWriter(WideWriter):
    """Writes a function of JAX arrays."""

    cast = "astype"

    def stopped(self, text: str) -> str:
        return f"jax.lax.stop_gradient({text})"


class JaxFile(FileWriter):
    """JAX."""

    title: ClassVar = "JAX"
    library: ClassVar = Library("jnp", "axis", "keepdims", MappingProxyType({"erf": "jax.scipy.special.erf"}))
    writer: ClassVar = JaxWriter

    def imports(self) -> str:
        standard = ["import math"] if "math" in self.needs else []
        standard += ["from functools import partial"] if self.recipe.forward.counted else []
        third = ["import jax", *(["import jax.scipy"] if "erf" in self.needs else []), "import jax.numpy as jnp"]
        return "\n\n".join(filter(None, ("\n".join(standard), "\n".join(third))))

    def notes(self) -> Iterator[str]:
        yield from super().notes()
        yield (
            f"`{self.names.function}` works under jit, vmap and grad, and grad of grad. Half precision is computed in"
            " float32 and returned as it came."
        )

    def traffic(self, plans: list[tuple[str, BlockWriter]]) -> str:
        return (
            f"Memory traffic, in arrays of the size of the data: fused by jit, {fused(plans)} at least; with a kernel"
            f" for each operation {unfused(plans)}."
        )

    def helpers(self) -> Iterator[str]:
        yield WIDE

    # --- custom_vjp --------------------------------------------------------------------------------------------------

    def more(self) -> Iterator[str]:
        yield self._primal()
        yield self._forward()
        yield f"{self._backward()}\n\n\n{self.names.function}.defvjp(_{self.names.forward}, _{self.names.backward})"

    @property
    def _arguments(self) -> list[str]:
        forward = self.recipe.forward
        return [self.recipe.name(one) for one in (*forward.parameters, *forward.counted, *forward.constants)]

    @property
    def _counted(self) -> list[str]:
        return [self.recipe.name(one) for one in self.recipe.forward.counted]

    @property
    def _extra(self) -> list[str]:
        return [self.recipe.name(one) for one in self.recipe.forward.returns[1:]]

    def _primal(self) -> str:
        forward = self.recipe.forward
        places = tuple(self._arguments.index(one) for one in self._counted)
        decorator = f"@partial(jax.custom_vjp, nondiff_argnums={places})" if places else "@jax.custom_vjp"
        signature = self.made(forward).signature(self.names.function)
        said = (
            f'"""{self.document.layer.title}: {self.recipe.name(forward.returns[0])}, with its closed-form gradient."""'
        )
        call = f"{self.names.forward}({', '.join(self._arguments)})"
        return f"{decorator}\n{signature}\n    {said}\n    return {call}{'[0]' if self._extra else ''}"

    def _forward(self) -> str:
        output = self.recipe.name(self.recipe.output)
        results = ", ".join([output, *self._extra])
        saved = self._saved
        kept = f"({', '.join(saved)}{',' if len(saved) == 1 else ''})"
        arguments = ", ".join(self._arguments)
        return (
            f"def _{self.names.forward}({arguments}):\n"
            f"    {results} = {self.names.forward}({arguments})\n"
            f"    return {output}, {kept}"
        )

    @property
    def _saved(self) -> list[str]:
        """What backward takes but for the upstream gradient and the numbers of groups."""
        backward = self.recipe.backward
        read = (*backward.parameters, *backward.constants)
        return [self.recipe.name(one) for one in read if one != self.recipe.upstream]

    def _backward(self) -> str:
        backward = self.recipe.backward
        upstream = self.recipe.name(self.recipe.upstream)
        saved = ", ".join(self._saved)
        results = ", ".join(map(self.recipe.name, backward.returns))
        groups = [self.recipe.name(one) for one in backward.counted]
        constants = [self.recipe.name(one) for one in backward.constants]
        plain = [self.recipe.name(one) for one in backward.parameters]
        forward = self.recipe.forward
        given = [self.recipe.gradients[one] for one in (*forward.parameters, *forward.constants)]
        returned = ", ".join("None" if one is None else self.recipe.name(one) for one in given)
        unpacked = f"    {saved}{',' if len(self._saved) == 1 else ''} = saved\n" if saved else ""
        return (
            f"def _{self.names.backward}({', '.join([*groups, 'saved', upstream])}):\n"
            f"{unpacked}"
            f"    {results} = {self.names.backward}({', '.join([*plain, *groups, *constants])})\n"
            f"    return {returned}{',' if len(given) == 1 else ''}"
        )
