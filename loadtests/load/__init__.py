"""`beholden-load`: scenarios of load, each with a verdict."""

from loadtests.load.command import load, main

__all__ = ["load", "main"]
