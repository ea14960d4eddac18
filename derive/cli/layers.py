"""`derive-bn layers`: what there is to derive."""

from __future__ import annotations

import click

from derive.cli.output import put, width
from derive.cli.params import Nearest

__all__ = ["layers_command"]


@click.command("layers")
@click.option("--format", "form", type=Nearest(("text", "json")), default="text", show_default=True)
def layers_command(form: str) -> None:
    """List the layers with their forward pass and closed forms."""
    from derive.report import catalogue
    from derive.write.catalogue import catalogue_json, catalogue_text

    if form == "json":
        put(catalogue_json(catalogue()), None)
        return
    from rich.console import Console

    put(catalogue_text(catalogue(), Console(width=width()).width), None)
