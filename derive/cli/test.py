"""`derive-bn test`: somebody's backward function against the proved closed form."""

from __future__ import annotations

from typing import Any, Final

import click

from derive.cli.output import Formats, writer
from derive.cli.params import Nearest, listed, pair

__all__ = ["test_command"]

FORMATS: Final = Formats(
    {
        "text": writer("derive.write.examination:plain"),
        "json": writer("derive.write.examination_json:examination_json"),
    },
    {".txt": "text", ".json": "json"},
    writer("derive.write.examination:examination"),
)


@click.command("test")
@click.argument("function", metavar="FUNCTION")
@click.option("--layer", default="batchnorm", show_default=True, metavar="NAME|FILE", help="The layer it belongs to.")
@click.option(
    "--framework",
    type=Nearest(("numpy", "torch", "jax"), "framework"),
    help="What it takes and gives arrays of. Without it what its file alone imports, or NumPy's.",
)
@click.option("--axes", metavar="A,B,…", help="The axes of the data, such as m,n. Without it: ranks 2, 3 and 4.")
@click.option("--layout", metavar="A,B,…", help="The axes in the order in which your arrays have them: N,H,W,C.")
@click.option("--map", "given", multiple=True, metavar="NAME=WHAT", help="What a parameter is: gy=upstream, axis=-1.")
@click.option("--returns", metavar="A,B,…", help="What is returned, in order: dx,dgamma,_.")
@click.option("--forward", metavar="FUNCTION", help="Your forward pass, which makes the cache that FUNCTION takes.")
@click.option("--eps", type=float, default=1e-5, show_default=True, help="ε of a function that is not told one.")
@click.option("--seconds", type=click.FloatRange(min=0.1), default=5.0, show_default=True, help="Time limit of a call.")
@click.option("--format", "form", type=FORMATS.names, help="Output format. The ending of -o picks it too.")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE: .txt or .json.")
@click.pass_context
def test_command(context: click.Context, /, **options: Any) -> None:  # noqa: ANN401 -- click has checked each option
    r"""Run a backward function of yours against the proved closed form, on data that tells right from wrong.

    FUNCTION is FILE.py:NAME or MODULE:NAME; its file is run. Parameters are matched by name: dy (dout, grad_output), x,
    gamma (weight), eps, mean, rstd, xhat and so on, and what it returns in the order dx, dgamma, dbeta.

    \b
    derive-bn test norms.py:layernorm_backward --layer layernorm
    derive-bn test norms.py:backward --axes N,C,H,W --layout N,H,W,C
    derive-bn test kernels:RMSNorm --layer rmsnorm --framework torch
    """
    context.exit(_test(options))


def _test(options: dict[str, Any]) -> int:
    """Examines the function, writes, and gives the exit code: 0 passed, 1 failed."""
    from derive.own_layers import check_layer

    form, output = options.pop("form"), options.pop("output")
    check_layer(options["layer"])
    form = FORMATS.pick(form, output)
    from derive.testing.examining import examine

    function, layer = options.pop("function"), options.pop("layer")
    words = {name: listed(options.pop(name)) for name in ("axes", "layout", "returns")}
    given = dict(pair(one) for one in options.pop("given"))
    found = examine(function, layer, **words, given=given, epsilon=options.pop("eps"), **options)
    FORMATS.deliver(found, form, output)
    return 0 if found.passed else 1
