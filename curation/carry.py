"""Decisions whose example is gone, and the new rows that they may be carried over to.

A corrected source gives its mended rows new ids. Guarantee: decisions about the old rows stay in the
store; they are carried over to the nearest new row only when a person asks for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from curation.errors import CurationError
from curation.text.folding import one_line

if TYPE_CHECKING:
    import pandas as pd

    from curation.decisions import Decision, State
    from curation.decisions.state import Summary
    from curation.project import Project

NEAR = 50
"""New rows before and after the old row's place that are compared with it."""
LIKENESS = 0.5
"""Share of common letter groups from which a row is offered."""
LETTERS = 4_000
"""Of a text, so many are compared at its beginning."""
CARRIED = "Carried over from "
"""The first words of the note that a carried decision gets."""


@dataclass(frozen=True)
class Offer:
    """Decisions about an example that is gone, and the row that it may be now.

    decisions: a line for people each. place: file and row of the old example; before: its text; both
    empty where no former version has it. id: id of the offered row, "" for none.
    """

    former_id: str
    decisions: tuple[str, ...]
    place: str = ""
    before: str = ""
    id: str = ""
    after: str = ""
    likeness: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the offer as a JSON object, with the key `gone` for the former id."""
        return {
            "gone": self.former_id,
            "said": self.decisions,
            "place": self.place,
            "before": self.before,
            "id": self.id,
            "after": self.after,
            "likeness": self.likeness,
        }


def without_row(project: Project) -> list[str]:
    """Return the ids of decided examples that are gone and were not carried over, in order."""
    people = project.people()
    if people is None or not project.imports:
        return []
    ids = set(project.examples.rows.index)
    orphans = [id for id in people.frame().index if id not in ids]
    if not orphans:
        return []
    written = {event.op_id for event in project.decisions.events()} - set(people.undone)
    return [id for id in orphans if _op(id, "note") not in written]


def offers(project: Project) -> list[Offer]:
    """Return an offer for each such example: its decisions and the nearest new row at its place."""
    orphans = without_row(project)
    people = project.people()
    if not orphans or people is None:
        return []
    rows = project.examples.rows
    decided = set(people.frame().index)
    taken, result = set[str](), list[Offer]()
    old = {row["content_hash"]: row for row in _former_rows(project, {_hash(id) for id in orphans})}
    new = _NewRows(rows, {row[name] for row in old.values() for name in ("source", "now")})
    ids_by_hash = {_hash(str(id)): str(id) for id in reversed(rows.index)}
    for id in orphans:
        decisions = tuple(people.of(id).summary())
        row = old.get(_hash(id))
        place = f"{row['source']}, row {row['source_row']:,}" if row else ""
        before = _text(row) if row else ""
        free = [] if row is None else new.candidates(row, decided | taken)
        if (same := ids_by_hash.get(_hash(id))) and same not in decided | taken:
            free, before = [same], _text(rows.loc[same])
        letters = _groups(before)
        best = max(((_likeness(letters, new.groups(c)), c) for c in free), default=(0.0, ""))
        if best[0] < LIKENESS:
            best = (0.0, "")
        taken.add(best[1])
        after = _text(rows.loc[best[1]]) if best[1] else ""
        result.append(Offer(id, decisions, place, before, best[1], after, round(best[0], 3)))
    return result


def carry(project: Project, chosen: Sequence[Offer], annotator: str) -> int:
    """Repeat the old decisions on each offered row, with a note of their origin.

    All decisions are one action of `annotator`, which can be undone as one. Returns the number of
    rows.
    """
    if not annotator.strip():
        raise CurationError("Say whose action it is: --annotator NAME.")
    people = project.people()
    todo = [offer for offer in chosen if offer.id]
    if people is None or not todo:
        return 0
    batch = "carried-" + _op("".join(offer.former_id for offer in todo), "batch")[:16]
    project.decisions.append(
        [d for offer in todo for d in _decisions(people, offer, annotator.strip(), batch)]
    )
    return len(todo)


def _decisions(people: State, offer: Offer, annotator: str, batch: str) -> Iterator[Decision]:
    from curation.decisions import Decision

    summary = people.of(offer.former_id)
    events = [summary.edit, summary.label, summary.verdict, summary.rating, *summary.answers]
    events += summary.notes
    events += [people.tags[offer.former_id][tag] for tag in summary.tags]
    events += [people.flags[offer.former_id][flag] for flag in summary.flags]
    for event in events:
        if event is not None:
            yield Decision(
                offer.id,
                event.kind,
                event.value,
                annotator,
                content_hash=_hash(offer.id),
                op_id=_carried_op(event.op_id, offer.id),
                batch=batch,
            )
    where = f"{offer.former_id} ({offer.place})" if offer.place else offer.former_id
    text = f"{CARRIED}{where}: {'; '.join(_without_names(summary))}"
    yield Decision(
        offer.id,
        "note",
        text,
        annotator,
        content_hash=_hash(offer.id),
        op_id=_op(offer.former_id, "note"),
        batch=batch,
    )


def _carried_op(op_id: str, example: str) -> str:
    """Return the op_id of a carried decision; a reason stays with its decision."""
    from curation.decisions.event import REASON

    return _op(op_id.removesuffix(REASON), example) + (REASON if op_id.endswith(REASON) else "")


def _without_names(summary: Summary) -> Iterator[str]:
    """List the decisions without names: a delivery under pseudonyms holds notes too."""
    from curation.decisions.event import answer_text

    if summary.verdict:
        yield "kept" if summary.verdict.kind == "keep" else "dropped"
    if summary.label:
        yield f"labelled {summary.label.value}"
    if summary.edit:
        yield "edited"
    if summary.rating:
        yield f"rated {summary.rating.value}"
    for answer in summary.answers:
        yield f"{answer.value['question']}: {answer_text(answer.value['value'])}"
    if summary.tags:
        yield f"tagged {', '.join(summary.tags)}"
    if summary.flags:
        yield f"in review: {', '.join(summary.flags)}"
    if summary.notes:
        yield "with a note" if len(summary.notes) == 1 else f"with {len(summary.notes)} notes"


def _former_rows(project: Project, hashes: set[str]) -> Iterator[Mapping[str, Any]]:
    """Rows of former versions of files, oldest version first, with the name of the version now."""
    for name, rows in project.former_rows():
        version = frozenset(rows["content_hash"])
        for row in rows[rows["content_hash"].isin(hashes)].to_dict("records"):
            yield {**{str(k): v for k, v in row.items()}, "now": name, "version": version}


class _NewRows:
    """The present rows of some files, found by their place and by their texts."""

    def __init__(self, rows: pd.DataFrame, sources: set[str]) -> None:
        self._rows = rows
        rows = rows[rows["source"].isin(sources)]
        self._by: dict[tuple[str, str, Any], list[str]] = {}
        for column in ("source_row", "prompt", "response"):
            for id, source, value in zip(rows.index, rows["source"], rows[column], strict=True):
                self._by.setdefault((column, source, value), []).append(str(id))
        self._groups: dict[str, frozenset[str]] = {}

    def candidates(self, old: Mapping[str, Any], taken: set[str]) -> list[str]:
        """Return undecided rows of an old row's file near its place, or with its prompt or answer."""
        place = old["source_row"]
        values = [("source_row", number) for number in range(place - NEAR, place + NEAR + 1)]
        values += [(column, old[column]) for column in ("prompt", "response")]
        ids = dict.fromkeys(
            id
            for source in (old["source"], old["now"])
            for column, value in values
            for id in self._by.get((column, source, value), ())
        )
        return [id for id in ids if id not in taken and _hash(id) not in old["version"]]

    def groups(self, id: str) -> frozenset[str]:
        """The groups of letters of a row's text."""
        if id not in self._groups:
            self._groups[id] = _groups(_text(self._rows.loc[id]))
        return self._groups[id]


def _text(row: Any) -> str:
    return "\n\n".join(str(row[c]) for c in ("system", "prompt", "response") if row[c])


def _likeness(first: frozenset[str], second: frozenset[str]) -> float:
    """Share of groups of three letters that two texts have in common; of the same text, 1."""
    return 2 * len(first & second) / max(1, len(first) + len(second))


def _groups(text: str) -> frozenset[str]:
    text = f"  {one_line(text[:LETTERS].casefold())}  "
    return frozenset(text[i : i + 3] for i in range(len(text) - 2))


def _hash(id: str) -> str:
    return id.split("-")[0]


def _op(*parts: str) -> str:
    return hashlib.blake2b("\0".join(("carry", *parts)).encode(), digest_size=16).hexdigest()
