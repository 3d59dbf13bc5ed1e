"""The loop in which a network learns, whatever it learns."""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from loadtests.training.schedule import Budget, rate

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast and how long.

    Attributes:
        budget: When to stop.
        rate: Highest learning rate.
        longest: Length to which a longer gradient is cut, against single bad batches.
        report_every: Steps between two lines of the report.
    """

    budget: Budget
    rate: float
    longest: float
    report_every: int


def learn(
    optimizer: torch.optim.Optimizer,
    batches: Generator[T, None, None],
    losses: Callable[[T, float], dict[str, Tensor]],
    pace: Pace,
    report: Callable[[str], None],
) -> None:
    """Take steps until the budget is used up.

    Args:
        optimizer: Of all that learns.
        batches: Without end; closed afterwards.
        losses: From a batch and the part of the budget that is used: numbers by name, the first is minimised.
        pace: How fast and how long.
        report: Takes a line now and then, with the mean of each number since the last.
    """
    parameters = [values for group in optimizer.param_groups for values in group["params"]]
    recent: list[Tensor] = []
    step = 0
    with closing(batches):
        while (used := pace.budget.used(step)) < 1:
            for group in optimizer.param_groups:
                group["lr"] = rate(used, pace.rate)
            found = losses(next(batches), used)
            optimizer.zero_grad(set_to_none=True)
            next(iter(found.values())).backward()
            torch.nn.utils.clip_grad_norm_(parameters, pace.longest)
            optimizer.step()
            recent.append(torch.stack([value.detach() for value in found.values()]))
            step += 1
            if step % pace.report_every == 0:
                means = torch.stack(recent).mean(0).tolist()
                parts = [f"{name} {mean:.4f}" for name, mean in zip(found, means, strict=True)]
                report(f"step {step}, {used:.1%} of the budget: {', '.join(parts)}")
                recent.clear()
