"""Who has been silent for too long, on a clock that moves when told to."""

from cluster.patience import SILENT_S, STARTING_S, Patience


def test_one_that_has_answered_may_be_silent_for_a_while_and_an_answer_begins_it_anew() -> None:
    """Whatever another one does."""
    now_s = [50.0]
    patience = Patience(lambda: now_s[0])
    for _ in range(3):
        patience.answered("a")
        assert not patience.is_over("a")
        now_s[0] += SILENT_S - 1
        patience.answered("b")
        assert not patience.is_over("a")
    now_s[0] += 1
    assert patience.is_over("a")
    assert not patience.is_over("b")


def test_one_that_begins_has_longer() -> None:
    """As one that was never heard of."""
    now_s = [50.0]
    patience = Patience(lambda: now_s[0])
    patience.answered("a")
    assert not patience.is_over("a")
    patience.begins("a")
    for name in ("a", "b"):
        assert not patience.is_over(name)
    now_s[0] += STARTING_S - 1
    assert not patience.is_over("a")
    now_s[0] += 1
    assert patience.is_over("a")
    assert patience.is_over("b")
