"""The JAX file: the two functions, and a `jax.custom_vjp` made of them."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import ClassVar

from derive.emit.files import FileWriter, Plans, fused, tuple_of, unfused
from derive.emit.layout import WIDEST, function, wrapped
from derive.emit.library_functions import WideWriter
from derive.emit.printer import Library

__all__ = ["JaxFile"]

WIDE = '''\
def _wide(*arrays):
    """In float32 at least: half precision is for storage, not for sums."""
    dtypes = (jnp.promote_types(jnp.result_type(one), jnp.float32) for one in arrays)
    return [jnp.asarray(one, dtype) for one, dtype in zip(arrays, dtypes, strict=True)]'''


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
        third = ["import jax", "import jax.numpy as jnp", *(["import jax.scipy"] if "erf" in self.needs else [])]
        return "\n\n".join(filter(None, ("\n".join(standard), "\n".join(third))))

    def notes(self) -> Iterator[str]:
        yield from super().notes()
        yield (
            f"`{self.names.function}` works under jit, vmap and grad, and grad of grad. Half precision is computed in"
            " float32 and returned as it came."
        )

    def traffic(self, plans: Plans) -> str:
        return (
            f"Memory traffic, in arrays of the size of the data: fused by jit, {fused(plans)} at least; with a kernel"
            f" for each operation {unfused(plans)}."
        )

    def helpers(self) -> Iterator[str]:
        yield WIDE

    # --- custom_vjp --------------------------------------------------------------------------------------------------

    def more(self) -> Iterator[str]:
        yield self._function_of_arguments()
        yield self._with_saved()
        yield self._gradients()
        yield wrapped(f"{self.names.function}.defvjp(_{self.names.forward}, _{self.names.backward})", WIDEST)

    def _function_of_arguments(self) -> str:
        forward = self.recipe.forward
        places = tuple(self.arguments.index(one) for one in self.called(forward.counted))
        decorator = f"@partial(jax.custom_vjp, nondiff_argnums={places})" if places else "@jax.custom_vjp"
        call = f"{self.names.forward}({', '.join(self.arguments)})"
        said = f"{self.document.layer.title}: {self.output}, with its closed-form gradient."
        signature = self.made(forward).signature(self.names.function)
        return f"{decorator}\n" + function(signature, [f"return {call}{'[0]' if self.extra else ''}"], said)

    def _with_saved(self) -> str:
        """The forward pass with what the gradient needs of it."""
        arguments, saved = ", ".join(self.arguments), self._saved
        kept = tuple_of(saved) if len(saved) == 1 else f"({', '.join(saved)})"
        call = f"{', '.join([self.output, *self.extra])} = {self.names.forward}({arguments})"
        return function(f"def _{self.names.forward}({arguments}):", [call, f"return {self.output}, {kept}"])

    @property
    def _saved(self) -> list[str]:
        """What backward takes but for the upstream gradient and the numbers of groups."""
        read = (*self.recipe.backward.parameters, *self.recipe.backward.constants)
        return self.called(one for one in read if one != self.recipe.upstream)

    def _gradients(self) -> str:
        backward = self.recipe.backward
        groups = self.called(backward.counted)
        arguments = [*self.called(backward.parameters), *groups, *self.called(backward.constants)]
        returned = [*self.returned, *("None" for _ in self.recipe.forward.constants)]
        lines = [
            *([f"{tuple_of(self._saved)} = saved"] if self._saved else []),
            f"{', '.join(self.called(backward.returns))} = {self.names.backward}({', '.join(arguments)})",
            f"return {tuple_of(returned)}",
        ]
        return function(f"def _{self.names.backward}({', '.join([*groups, 'saved', self.upstream])}):", lines)
