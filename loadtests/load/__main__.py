"""`python -m loadtests.load` is `beholden-load`."""

from loadtests.load import main

main()
