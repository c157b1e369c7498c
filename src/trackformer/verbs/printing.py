"""Printing for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def print_whole(table: Table) -> None:
    """Print a table as wide as it is: rich would shorten the numbers to fit the terminal."""
    from rich.console import Console

    console = Console()
    unlimited = console.options.update(width=1000)
    width = console.measure(table, options=unlimited).maximum
    Console(width=max(width, console.width)).print(table)
