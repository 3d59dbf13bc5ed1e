"""`python -m cluster` is `beholden`."""

from cluster.cli import main

main()
