"""`derive-bn emit`: a layer's forward and backward pass as a source file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from derive.cli.output import check_target, put, say
from derive.cli.params import Nearest, listed

__all__ = ["TARGETS", "emit_command"]

TARGETS: Final = ("numpy", "torch", "jax")
UNDECIDED: Final = 3
HELP: Final = """Write a source file with the forward and backward pass of a layer.

The file stands alone: it says its formulas, shapes and memory traffic, and imports the array library only. For torch it
has an autograd.Function that can be differentiated twice, for jax a custom_vjp.

\b
derive-bn emit --layer layernorm --target numpy -o layernorm.py
derive-bn emit --layer own.tex --target torch
"""


@click.command("emit", help=HELP)
@click.option(
    "--layer", default="batchnorm", show_default=True, metavar="NAME|FILE", help="The layer: a name or a file."
)
@click.option("--target", required=True, type=Nearest(TARGETS, "target"), help="The array library to write for.")
@click.option("--axes", metavar="A,B,…", help="The axes of the data, such as N,C,H,W. Without it: every rank.")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE, such as norms.py.")
@click.pass_context
def emit_command(context: click.Context, layer: str, target: str, axes: str | None, output: str | None) -> None:
    context.exit(_emit(layer, target, listed(axes), output))


def _emit(layer: str, target: str, axes: tuple[str, ...], output: str | None) -> int:
    """Writes the file; 3 where a closed form is neither proved nor refuted, which the file says too."""
    from derive.own_layers import check_layer, of_own_file

    check_layer(layer)
    if output is not None:
        check_target(Path(output))
    from derive.emit import emitted

    with of_own_file(layer, "written as code"):
        found = emitted(layer, target, axes)
    put(found.source, output)
    if not found.undecided:
        return 0
    said = f"The gradients for {', '.join(found.undecided)} are neither proved nor refuted."
    return say(f"{said} Compare them with another implementation before you rely on them.", UNDECIDED)
