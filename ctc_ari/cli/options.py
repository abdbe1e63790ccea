"""What commands share: `--config`, wherever it stands, the configuration it leads to, and how things are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ctc_ari.config import Config

__all__ = ["config_option", "configuration", "configuration_file", "one_of", "print_table"]

_META = "ctc_ari.config"
_Function = TypeVar("_Function", bound=Callable[..., Any])


def config_option(function: _Function) -> _Function:
    """Adds `--config FILE`; of several, the one nearest to the end counts."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        expose_value=False,
        is_eager=True,
        callback=_remember,
        help="The configuration.  [default: config.yaml in this folder, if there is one]",
    )(function)


def _remember(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        #: Shared by all contexts of one command line.
        ctx.meta[_META] = value


def configuration_file() -> Path | None:
    """The file that `--config` names, or config.yaml if there is one here."""
    from ctc_ari.config import DEFAULT_FILE

    given: Path | None = click.get_current_context().meta.get(_META)
    return given or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)


def configuration() -> Config:
    """Raises ConfigError."""
    from ctc_ari.config import load

    return load(configuration_file())


def one_of(argument: str | None, option: str | None, what: str) -> str:
    """What can be given with or without its option's name, exactly once. Raises UsageError."""
    if bool(argument) == bool(option):
        raise click.UsageError(f"Give one {what}")
    return argument or option or ""


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str | None]]) -> None:
    """Aligned columns; `-` where there is nothing."""
    lines = [heads, *([cell or "-" for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
