"""`beholden-load`: scenarios of load, each with a verdict."""


def main() -> None:
    """Entry point. Commands are imported here, since they stand on what is in this package."""
    from loadtests.load.command import main as begin

    begin()
