"""`beholden evaluate`: how well a policy's detector and embedder do on people who do not exist."""

from loadtests.evaluate.command import evaluate

__all__ = ["evaluate"]
