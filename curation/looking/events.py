"""People's decisions as a history: acts, newest first, each in words and with its fate.

An act is what one click or one import wrote: the events of one batch that follow each other. A page
of acts is found by walking back from the newest event, so it costs as many events as it passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, TypeVar

from curation.decisions.answers import answer_of, asked_words
from curation.decisions.checks import as_answer
from curation.decisions.event import (
    IMPORT,
    KINDS,
    SWITCHES,
    Event,
    beside,
    is_reason,
    question_of,
)
from curation.decisions.fold import Fold
from curation.decisions.receipt import fate
from curation.decisions.state import State
from curation.decisions.store import DecisionStore
from curation.decisions.subjects import act_of, actor, overruled, returns, subject_of
from curation.decisions.suggested import is_accepted, offers, suggestion_words
from curation.decisions.switches import act_target
from curation.errors import CurationError
from curation.looking.acts import DONE, grouped, many, short
from curation.text.counted import counted

T = TypeVar("T")

PAGE = 50
"""Acts of a page."""


@dataclass(frozen=True)
class Search:
    """The acts that a person looks for: those with an event that meets every condition.

    person: who decided, or who imported. kinds: of decisions; none for all. example: an id. since,
    until: UTC seconds. batch: the name of an act. counts: True for events that count, False for those
    that were undone or overruled, None for both. Raises CurationError for an unknown kind.
    """

    person: str = ""
    kinds: tuple[str, ...] = ()
    example: str = ""
    since: float | None = None
    until: float | None = None
    batch: str = ""
    counts: bool | None = None

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise CurationError(
                    f"There is no decision {kind!r}; choose one of: {', '.join(KINDS)}."
                )

    @property
    def narrow(self) -> bool:
        """Whether an event may fail the search."""
        return self != Search()


@dataclass(frozen=True)
class Act:
    """An act in words.

    seq, first: numbers of its newest and oldest event. who: its person. words: what was done. example:
    an id where it is about one example, otherwise "". examples: their number. time: UTC seconds by
    the person's clock. reason: of its decisions. fate: "" where it counts. target: what an undo or redo
    of it names. undone: whether an undo would change nothing.
    """

    seq: int
    first: int
    who: str
    words: str
    example: str
    examples: int
    time: float
    reason: str
    fate: str
    target: dict[str, str]
    undone: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the act as a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class Page:
    """Acts, newest first. older: the number to pass as `before` for the next page; 0 for none."""

    acts: list[Act]
    older: int


class Reader:
    """Reads the history of a store as it is now.

    people: the decisions that count, of this store; without, the latest of each question count.
    label_of: returns the label with which an example was imported, "" for none.
    """

    def __init__(
        self,
        store: DecisionStore,
        label_of: Callable[[str], str] = lambda example: "",
        people: State | None = None,
    ) -> None:
        self.store = store
        self.state = people or store.state()
        self.label_of = label_of
        self._pasts: dict[str, list[Event]] = {}  # example → its events, oldest first
        self._later: dict[str, dict[str, Event]] = {}  # example → op_id → what overruled it

    def page(self, search: Search | None = None, before: int = 0, size: int = PAGE) -> Page:
        """Return the newest acts that a search holds, of events with a number below `before`.

        before: 0 for the newest of all.
        """
        search = search or Search()
        acts: list[Act] = []
        end = self.state.last if before <= 0 else min(before - 1, self.state.last)
        older = 0
        for first, run in self._runs(search, end):
            if search.narrow and not any(self._meets(event, search) for event in run):
                continue
            if len(acts) == size:
                return Page(acts, older)
            acts.append(self._act(run))
            older = first
        return Page(acts, 0)

    def people(self) -> list[str]:
        """Return everybody who decided something, in alphabetical order."""
        return sorted({e.annotator for e in self._read(lambda fold: fold.upto(self.state.last))})

    def events(self, act: Act, most: int = 1_000) -> list[tuple[Event, str, str]]:
        """Return the first events of an act: each with its words and its fate.

        Reasons and suggestions, which stand beside others, are left out.
        """
        top = act.target.get("batch", "")
        later = self._read(lambda fold: fold.after(act.first - 1))
        run = [e for e in later if e.seq <= act.seq and act_of(e) == top][:most]
        rows = [event for event in run if not beside(event)]
        fates = self._fates(rows)
        return [(e, self._words([e]), fate) for e, fate in zip(rows, fates, strict=True)]

    def counts(self, event: Event) -> bool:
        """Return whether an event is on and no later one with its subject overrules it."""
        return event.op_id not in self.state.undone and not self._lost(event)

    def fate(self, event: Event) -> str:
        """Return who undid or overruled an event, in words; empty where it counts."""
        return self._fates([event])[0]

    def _fates(self, events: Sequence[Event]) -> list[str]:
        """Return the fate of each event."""
        off = [event for event in events if event.op_id in self.state.undone]
        by = self._read(lambda fold: _switched_by(fold, off)) if off else {}
        return [by.get(event.op_id) or self._lost(event) for event in events]

    def _lost(self, event: Event) -> str:
        """Return why an event that is on does not count, in words; empty where it does."""
        example = event.example_id
        if example not in self._later:
            past, state = self._past(example), self.state
            self._later[example] = overruled(past, state.undone, state.policy)
        return fate(event, self.state, self._later[example])[0]

    def _read(self, look: Callable[[Fold], T]) -> T:
        """Return what a function makes of the events; those of the state were read with it."""
        return self.store.read(look, anew=False)

    def _past(self, example: str) -> list[Event]:
        """Return an example's events, oldest first."""
        if example not in self._pasts:
            past = self._read(lambda fold: fold.events_of(example))
            self._pasts[example] = [e for e in past if e.seq <= self.state.last]
        return self._pasts[example]

    # --- searching --------------------------------------------------------------------------

    def _runs(self, search: Search, end: int) -> Iterator[tuple[int, list[Event]]]:
        """Yield the acts that may meet a search, newest first, with the number that each begins at.

        It begins at `end` or before. An example's act is listed once, where its newest part is.
        """
        if search.example:
            listed = set[str]()
            for part in grouped(self._past(search.example)):
                top, first = act_of(part[0]), part[0].seq
                if first <= end and top not in listed:
                    yield first, self._whole(part)
                listed |= {top} - {""}
            return
        events = self._read(lambda fold: fold.upto(end))
        while events:
            place = next(
                (n for n in range(len(events) - 1, -1, -1) if self._may_meet(events[n], search)), -1
            )
            if place < 0:
                return
            last = place + 1
            while last < len(events) and act_of(events[place]) == act_of(events[last]) != "":
                last += 1
            del events[last:]
            run = next(grouped(events))
            yield run[0].seq, run
            del events[last - len(run) :]

    def _whole(self, run: list[Event]) -> list[Event]:
        """Return an act of which some events are listed, with all its events."""
        top = act_of(run[0])
        if not top:
            return run
        events = self._read(
            lambda fold: [e for op in fold.op_ids_of({"batch": top}) if (e := fold.get(op))]
        )
        return sorted((e for e in events if act_of(e) == top), key=lambda event: event.seq)

    def _may_meet(self, event: Event, search: Search) -> bool:
        """Return whether an event meets what can be read from it alone; a million are tried a second."""
        return (
            event.kind != "gold"  # those who are checked read the history too
            and (not search.kinds or as_answer(event).kind in search.kinds)
            and (
                not search.person
                or event.annotator == search.person
                or (event.batch.startswith(IMPORT) and actor(event) == search.person)
            )
            and (not search.batch or event.batch.startswith(search.batch))
            and (search.since is None or event.time >= search.since)
            and (search.until is None or event.time < search.until)
        )

    def _meets(self, event: Event, search: Search) -> bool:
        return (
            self._may_meet(event, search)
            and (not search.batch or search.batch in (event.batch, act_of(event)))
            and (search.counts is None or self.counts(event) == search.counts)
        )

    # --- words ------------------------------------------------------------------------------

    def _act(self, run: list[Event]) -> Act:
        newest, oldest = run[-1], run[0]
        main = [event for event in run if not beside(event)] or run
        examples = {event.example_id for event in main}
        reasons = dict.fromkeys(str(event.value) for event in run if is_reason(event))
        off = [event for event in main if event.op_id in self.state.undone]
        return Act(
            seq=newest.seq,
            first=oldest.seq,
            who=actor(oldest),
            words=self._words(main) + _accepted(run),
            example=oldest.example_id if len(examples) == 1 and not returns(oldest) else "",
            examples=len(examples),
            time=oldest.time,
            reason=" · ".join(reasons),
            fate=self._fate(main, off),
            target=act_target(oldest),
            undone=len(off) == len(main),
        )

    def _fate(self, main: Sequence[Event], off: Sequence[Event]) -> str:
        if len(main) == 1 or len(off) == len(main):
            return self.fate(main[0])
        if off:
            return f"{len(off):,} of {len(main):,} undone"
        lost = sum(bool(self._lost(event)) for event in main)
        return f"{lost:,} of {len(main):,} overruled" if lost else ""

    def _words(self, events: Sequence[Event]) -> str:
        """Return what the events of one act did, in words; a check reads as any other answer."""
        events = [as_answer(event) for event in events]
        first = events[0]
        if returns(first):
            number = int(first.batch.split(":")[1])
            return f"went back to {f'event {number:,}' if number else 'the beginning'}"
        words = self._one(first) if len(events) == 1 else many(events)
        if first.batch.startswith(f"{IMPORT}:") and len(events) > 1:
            return f"imported: {words}"
        return words

    def _one(self, event: Event) -> str:
        """Return what an event did, in words, with the former value where it changed one."""
        words = self._done(event)
        if question_of(event):
            offered = offers(self._past(event.example_id))
            if suggestion := suggestion_words(event, offered.get(event.op_id)):
                words += f", {suggestion}"
        return words

    def _done(self, event: Event) -> str:
        kind, value = event.kind, event.value
        if kind in SWITCHES:
            return f"{DONE[kind]}: {self._switched(event)}"
        if kind in ("label", "rate", "answer"):
            name, answer, former = question_of(event), short(answer_of(event)), self._former(event)
            return f"{name}: {former} → {answer}" if former else f"{name}: {answer}"
        if kind == "settle":
            return f"{DONE[kind]} {short(asked_words(event))}"
        if kind in ("tag", "note"):
            return f"{DONE[kind]} “{short(value)}”"
        if kind == "untag":
            return f"took the tag “{short(value)}” away"
        if kind in ("flag", "unflag") and value != "review":
            return f"{'flagged' if kind == 'flag' else 'took the flag'} “{short(value)}”"
        if kind == "apart":
            return f"called no duplicate of {short(value)}"
        if kind == "prefer":
            return "chose it to stay for its copies"
        return DONE.get(kind, kind)

    def _former(self, event: Event) -> str:
        """Return the value that an event replaced; of a label also the imported one.

        An answer replaces its own author's former answer, not what others answered.
        """
        subject, own = subject_of(event), bool(question_of(event))
        for earlier in reversed(self._past(event.example_id)):
            if earlier.seq >= event.seq or earlier.op_id in self.state.undone:
                continue
            if own and earlier.annotator != event.annotator:
                continue
            if subject_of(earlier) == subject:
                return short(answer_of(earlier))
        return short(self.label_of(event.example_id)) if event.kind == "label" else ""

    def _switched(self, event: Event) -> str:
        """Return the acts that an undo or redo switched, in words."""
        targets = self._read(
            lambda fold: [e for op in fold.targets(event.op_id) if (e := fold.get(op))]
        )
        main = [e for e in targets if not beside(e)]
        if not main:
            return "nothing"
        owners = {actor(e) for e in main} - {event.annotator}
        return self._words(main) + (f", of {', '.join(sorted(owners))}" if owners else "")


def _switched_by(fold: Fold, events: Iterable[Event]) -> dict[str, str]:
    """Map the op_id of each event that is off → who switched it off last, in words."""
    reached = cache(fold.reached)
    words = {}
    for event in events:
        switches = (e for e in reversed(fold.events_of(event.example_id)) if e.kind in SWITCHES)
        by = next((e.annotator for e in switches if event.op_id in reached(e.op_id)), "")
        words[event.op_id] = f"undone by {by}" if by else "undone"
    return words


def _accepted(run: Sequence[Event]) -> str:
    """Return how many suggestions that were shown an act of several answers accepted, in words."""
    answers = {e.op_id: e for e in map(as_answer, run) if question_of(e)}
    shown = [
        (answers[answer], event)
        for answer, event in offers(run).items()
        if event.value["shown"] and answer in answers
    ]
    if len(answers) < 2 or not shown:
        return ""
    accepted = sum(is_accepted(*pair) for pair in shown)
    return f"; {accepted:,} of {counted(len(shown), 'suggestion')} accepted"
