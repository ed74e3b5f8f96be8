"""Gold items in people's queues, and how often each person answers them right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from curation.decisions.answers import answer_of
from curation.decisions.checks import is_check, own_checks
from curation.decisions.state import State
from curation.review import place_of

EVERYBODY = 1_000
"""People who may hold a gold item at a time."""


def among(
    order: Iterable[str], checks: Sequence[str], who: str, place: int, share: float
) -> Iterator[str]:
    """Yield an order of examples with gold items at a share of its places.

    checks: the gold items that wait for the person. place: the number of examples that the person
    had before these. Places and items depend on the person and their numbers alone, so that the same
    stand there however often it is asked. Items that are left stand at the end, so that a queue
    holds as many examples as it counts.
    """
    rest = iter(in_turn(checks, who))
    for example in order:
        while place_of(f"{who}\0{place}", b"gold place") < share:
            if (check := next(rest, None)) is None:
                break
            yield check
            place += 1
        yield example
        place += 1
    if share:
        yield from rest


def with_checks(
    chosen: Sequence[str],
    checks: Sequence[str],
    late: Sequence[str],
    who: str,
    place: int,
    share: float,
    more: bool,
) -> list[str]:
    """Return the examples that were chosen for a page, with gold items at a share of their places.

    checks, who, place, share: as in `among`; the examples are those of which nobody else is asked, so that
    none takes a place in vain. late: what was skipped, gold items too, which stands at the end. more:
    whether others wait that were not chosen; gold items that are left come after these.
    """
    skipped, present = frozenset(late), frozenset([*chosen, *checks])
    first = [example for example in chosen if example not in skipped]
    fresh = [example for example in checks if example not in skipped]
    order = list(among(first, fresh, who, place, share))
    if more and first:
        del order[order.index(first[-1]) + 1 :]
    return [*order, *(example for example in late if example in present)]


def in_turn(checks: Iterable[str], who: str) -> list[str]:
    """Return gold items in the order in which a person gets them."""
    return sorted(checks, key=lambda example: place_of(f"{who}\0{example}", b"gold item"))


def checked(people: State, who: str) -> dict[str, bool]:
    """Map the gold items on which a person is checked, in turn → whether they answered it already."""
    items = in_turn((i for i in people.gold if is_check(people, i, who)), who)
    return {i: bool(own_checks(people, i, who)) for i in items}


def by_person(people: State) -> pd.DataFrame:
    """Return how often each person answered gold items right, those with the most answers first.

    Columns: who, answers, right, share, low and high, the bounds of the 95 % interval (Wilson 1927).
    An answer counts while its question has a right answer that somebody else set.
    """
    return _shares("who", ((who, is_right) for who, _, is_right in _answers(people)))


def by_question(people: State) -> pd.DataFrame:
    """Return how often each question about gold items was answered right, as `by_person` does.

    Columns: question, and those of `by_person` after who. The answers of a person to several items
    are alike, so the intervals are too narrow where few people answered.
    """
    return _shares("question", ((name, is_right) for _, name, is_right in _answers(people)))


def _answers(people: State) -> Iterator[tuple[str, str, bool]]:
    """Yield person, question and whether the answer is right, for each answer that counts."""
    for example, checks in people.checks.items():
        gold = {
            question: event.settles() for question, event in people.gold.get(example, {}).items()
        }
        for who in {event.annotator for event in checks.values()}:
            for question, answer in own_checks(people, example, who).items():
                if question in gold and gold[question].annotator != who:
                    yield who, question, answer_of(answer) == answer_of(gold[question])


def _shares(name: str, answers: Iterable[tuple[str, bool]]) -> pd.DataFrame:
    """Return the share of right answers of each group; name: of the column of the groups."""
    from scipy.stats import binomtest

    counts: dict[str, list[int]] = {}
    for group, is_right in answers:
        count = counts.setdefault(group, [0, 0])
        count[0] += 1
        count[1] += is_right
    lines = []
    for group, (number, right) in sorted(counts.items(), key=lambda item: (-item[1][0], item[0])):
        ends = binomtest(right, number).proportion_ci(0.95, method="wilson")
        lines.append((group, number, right, right / number, float(ends.low), float(ends.high)))
    return pd.DataFrame(lines, columns=[name, "answers", "right", "share", "low", "high"])
