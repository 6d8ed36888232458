"""What the commands have in common: options, and how an application answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Claims = Annotated[Path | None, typer.Option("--folder", metavar="DIR", help="Folder of your own papers' CSVs.")]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Data root (else BENCH_DATA, else a user cache).")
]
Device = Annotated[str | None, typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:1, ...")]
Folder = Annotated[Path, typer.Option("--folder", metavar="DIR", help="Where to write the file.")]
Json = Annotated[bool, typer.Option("--json", help="JSON for scripts.")]
Plugins = Annotated[
    list[Path] | None, typer.Option("--plugins", metavar="DIR", help="Folder of your own plug-ins; may be repeated.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no table.")]
Results = Annotated[Path, typer.Option("--results", metavar="DIR", help="Folder of the records.")]
Weights = Annotated[
    Path | None, typer.Option("--weights", metavar="DIR", help="Weights folder (else BENCH_WEIGHTS, else timm's hub).")
]


def application(**options: Any) -> typer.Typer:
    """A group of commands."""
    # without rich markup, help does not import rich: it answers in half the time
    return typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, **options)


def plugin_folders(ctx: typer.Context, plugins: list[Path] | None) -> tuple[Path, ...]:
    """The folders that were given before or after the command's name."""
    return (*ctx.obj, *(plugins or []))


def use_plugins(ctx: typer.Context, plugins: list[Path] | None) -> None:
    """Make the folders known that were given before or after the command's name."""
    from bench.plugins.folders import use_folders

    use_folders(list(plugin_folders(ctx, plugins)))
