"""The state with the answers that count, by a policy and by what somebody settled.

Guarantee: the result is a pure function of the events and the policy. Where one person answered a
question and nobody settled it, their own event counts, under any policy. Policies:

- latest: the latest answer.
- majority: the answer of most people. Of a tie no verdict and no label counts: the recipe decides.
- dawid-skene: the likeliest answer, by how often each person is right. The rates are fitted on the
  events up to a number that grows in steps of an eighth to a sixteenth, so that an answer does not
  move all others. Of answers that are equally likely none counts.

Of numbers both take the median, which one careless number does not move. Of a tie about a question of
the lead's, such as a free text, the latest answer counts.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from statistics import median
from typing import Any

from curation.decisions.answers import SETTLED, Outcome, answer_of, value_of
from curation.decisions.dawid_skene import Answer, Rates, fit
from curation.decisions.event import Decision, Event, question_of
from curation.decisions.fold import Fold, fold
from curation.decisions.state import State
from curation.decisions.store import DecisionStore
from curation.decisions.subjects import TABLES, content_number
from curation.decisions.table import Table

POLICIES = ("latest", "majority", "dawid-skene")

_COUNTED = (*TABLES.values(), "answers", "unsettled")

Models = Mapping[str, Rates | None]
"""Question → how often each person is right."""

_REMEMBERED = 8
"""Earlier states kept in memory."""


def consensus(state: State, policy: str, models: Models | None = None) -> State:
    """Return a state in which the answers count that a policy and the settled ones make.

    state: as the store folds it. models: of `rates`, for dawid-skene. Counts all examples; `Consensus`
    counts only those that changed.
    """
    return _Counted(policy, models or _NONE).of(state, None)


def fit_point(last: int) -> int:
    """Return the number of the event up to which rates are fitted, while `last` is the newest."""
    step = 1 << max(0, last.bit_length() - 4)
    return last - last % step


def rates(state: State) -> dict[str, Rates | None]:
    """Fit how often each person is right, by question; ratings have no right answer.

    Answers without a name are left out.
    """
    examples: dict[str, list[list[Answer]]] = {}
    for opinions in state.opinions.values():
        if len(opinions) > 1:
            for question, events in by_question(opinions).items():
                answers = [(e.annotator, answer_of(e)) for e in events if e.annotator]
                examples.setdefault(question, []).append(answers)
    return {
        question: fit(answers) for question, answers in examples.items() if question != "rating"
    }


def by_question(opinions: Iterable[Event]) -> dict[str, list[Event]]:
    """Group an example's opinions by their question."""
    groups: dict[str, list[Event]] = {}
    for event in opinions:
        groups.setdefault(question_of(event), []).append(event)
    return groups


@dataclass
class _Counted:
    """The tables of a policy, kept from one state to the next."""

    policy: str
    models: Models
    former: State = field(default_factory=State)
    tables: dict[str, Table[Any]] = field(default_factory=dict)
    shift: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _choices: dict[Any, str | None] = field(default_factory=dict)

    def of(self, state: State, touched: Iterable[str] | None) -> State:
        """Return the counted state of a later state. touched: examples that changed; None for all."""
        if touched is None:
            self.tables = {name: Table(getattr(state, name)) for name in _COUNTED}
            self.shift.clear()
            touched = {*state.settled}
            if self.policy != "latest":
                touched |= {i for i, opinions in state.opinions.items() if len(opinions) > 1}
        else:
            for name in self.tables:
                self.tables[name] = self.tables[name].copy()  # states that were returned share them
            for example in (touched := list(touched)):
                self._forget(state, example)
        for example in touched:
            for question, event in self._answers(state, example).items():
                self._enter(state, example, question, event)
        self.former = state
        sums = {
            kind: (state.marks.get(kind, 0) + self.shift.get(kind, 0)) % 2**256
            for kind in {*state.marks, *self.shift}
        }
        marks = {kind: mark for kind, mark in sums.items() if mark}
        tables: dict[str, Any] = dict(self.tables)
        return replace(state, **tables, marks=marks, policy=self.policy)

    def _forget(self, state: State, example: str) -> None:
        """Put the entries of the folded state in the place of those that were counted."""
        for name in _COUNTED:
            counted = self.tables[name].get(example)
            if name != "unsettled":
                folded = getattr(self.former, name).get(example)
                for key in {*_entries(counted), *_entries(folded)}:
                    former, event = _entries(counted).get(key), _entries(folded).get(key)
                    self._replace(former, event, self.former)
            if (entry := getattr(state, name).get(example)) is not None:
                self.tables[name][example] = entry
            elif counted is not None:
                del self.tables[name][example]

    def _enter(self, state: State, example: str, question: str, event: Event | None) -> None:
        """Let an event count, or no answer at all."""
        if question in TABLES:
            table = self.tables[TABLES[question]]
            former = table.get(example)
            self._replace(former, event, state)
            if event is not None:
                table[example] = event
            else:
                if former is not None:
                    del table[example]
                ties = self.tables["unsettled"]
                ties[example] = (*ties.get(example, ()), question)
        elif event is not None:
            answers = self.tables["answers"].get(example, {})
            self._replace(answers.get(question), event, state)
            self.tables["answers"][example] = {**answers, question: event}

    def _replace(self, former: Event | None, event: Event | None, state: State) -> None:
        """Change the marks as an entry of a table changes; the reasons of both are in a state."""
        if former is event:
            return
        for entry, sign in ((former, -1), (event, 1)):
            if entry is not None:
                notes = state.notes.get(entry.example_id, ())
                self.shift[entry.kind] += sign * content_number(entry, notes)

    def _answers(self, state: State, example: str) -> dict[str, Event | None]:
        """Return question → the event that counts, None for a tie, where that may not be the latest."""
        settled = state.settled.get(example, {})
        groups = by_question(state.opinions.get(example, ()))
        answers: dict[str, Event | None] = {}
        if self.policy != "latest":
            for question, events in groups.items():
                if len(events) > 1 and question not in settled:
                    answers[question] = self._counted(question, events)
        for question, event in settled.items():
            people = len(groups.get(question, ()))
            answers[question] = _outcome([event], event.settles(), people, SETTLED)
        return answers

    def _counted(self, question: str, events: list[Event]) -> Event | None:
        values = [value_of(e) for e in events]
        if all(isinstance(value, int | float) for value in values):
            return _median(events, values)
        given = tuple((e.annotator, answer_of(e)) for e in events)
        key = question, tuple(sorted(given))
        if key not in self._choices:
            self._choices[key] = self._choice(question, given)
        chosen = self._choices[key]
        because = [e for e, (_, answer) in zip(events, given, strict=True) if answer == chosen]
        return _outcome(because, because[-1], len(events), self.policy) if because else None

    def _choice(self, question: str, given: tuple[Answer, ...]) -> str | None:
        """Return the answer with the most weight; None where two have the same."""
        model = self.models.get(question) if self.policy == "dawid-skene" else None
        weights: dict[str, float] | None = model.likelihoods(given) if model else None
        if weights is None:
            weights = defaultdict(float)
            for _, answer in given:
                weights[answer] += 1
        best = max(weights.values())
        winners = [answer for answer, weight in weights.items() if weight >= best - 1e-5]
        return winners[0] if len(winners) == 1 else None


def _entries(entry: Any) -> dict[str, Event]:
    """Return an entry of a table as a dictionary: one event, several by their question, or none."""
    if entry is None:
        return {}
    return entry if isinstance(entry, dict) else {"": entry}


def _median(events: list[Event], values: list[float]) -> Outcome:
    middle = median(values)
    number = int(middle) if float(middle).is_integer() else middle
    answer = events[-1]
    value = {**answer.value, "value": number} if answer.kind == "answer" else number
    return _outcome(events, replace(answer, value=value), len(events), "median")


def _outcome(because: list[Event], answer: Decision, answers: int, policy: str) -> Outcome:
    """Return an outcome with the fields of the newest event, and the kind and value of an answer."""
    values = {f.name: getattr(because[-1], f.name) for f in fields(Event)}
    values |= {"kind": answer.kind, "value": answer.value}
    return Outcome(**values, because=tuple(because), answers=answers, policy=policy)


class Consensus:
    """The counted states of a store; a new event costs only the examples that it touches.

    Safe for several threads; a fit holds up only those who need it. Accepted cost: with dawid-skene
    the events are folded once more whenever the fit point moves, and whoever asks then waits.
    """

    def __init__(self, store: DecisionStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._fitting = threading.Lock()  # taken inside _lock or alone
        self._forget(None)

    def _forget(self, events: Fold | None) -> None:
        """Begin anew with a fold: a repair numbers events anew, and the store folds them again."""
        self._fold = events
        self._newest: dict[str, tuple[_Counted, State]] = {}
        self._fitted: dict[int, Models] = {}
        self._earlier: OrderedDict[tuple[str, int], State] = OrderedDict()

    def state(self, policy: str, until: int | None = None) -> State:
        """Return the counted state now, or after event `until`.

        Raises CurationError when the database cannot be read.
        """
        state = self._store.state(until)
        if policy == "latest" and not state.settled:
            return state
        if (policy, state.last) not in self._earlier:
            self._models(policy, state.last)  # outside the lock, which others need
        with self._lock:
            counted, newest = self._newest.get(policy, (None, None))
            last = counted.former.last if counted else 0
            events, now, touched = self._store.read(lambda f: (f, f.state(), f.touched(last)))
            if events is not self._fold:
                self._forget(events)
                counted = None
            if until is not None and until < now.last:
                return self._past(policy, state)
            if newest is not None and counted is not None and now.last == newest.last:
                return newest
            models = self._models(policy, now.last)
            if counted is None or counted.models is not models:
                newest = (counted := _Counted(policy, models)).of(now, None)
            else:
                newest = counted.of(now, touched)
            self._newest = {policy: (counted, newest)}
            return newest

    def models(self, last: int) -> Models:
        """Return how often each person is right, by the events up to the fit point of a number."""
        return self._models("dawid-skene", last)

    def _past(self, policy: str, state: State) -> State:
        key = policy, state.last
        if key not in self._earlier:
            self._earlier[key] = consensus(state, policy, self._models(policy, state.last))
        self._earlier.move_to_end(key)
        while len(self._earlier) > _REMEMBERED:
            self._earlier.popitem(last=False)
        return self._earlier[key]

    def _models(self, policy: str, last: int) -> Models:
        if policy != "dawid-skene":
            return _NONE
        point, fitted = fit_point(last), self._fitted  # a repair puts another in its place
        with self._fitting:
            if point not in fitted:
                while len(fitted) >= _REMEMBERED:
                    del fitted[min(fitted)]
                fitted[point] = rates(fold(self._store.events(until=point)))
            return fitted[point]


_NONE: Models = {}
"""The models of a policy that has none."""
