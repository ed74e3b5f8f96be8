"""The values that all other modules use: messages, and a frozen table of examples."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import orjson
import pandas as pd
from pandas.api.types import is_numeric_dtype

from curation.columns import CLAIMED, PREFIX, FileColumns
from curation.conversations import settled
from curation.errors import CurationError
from curation.numbered import laid
from curation.report import StepReport
from curation.vectors import Vectors

Progress = Callable[[float, str], None]
"""Receives the finished share (0 to 1) and a short sentence; the core never knows who listens."""

ID = "curation_id"
"""The key under which a delivered row carries its id."""

_ID = re.compile(r"[0-9a-f]{16}(?:-[1-9][0-9]{0,8})?")

ROLES = ("system", "user", "assistant", "tool")

DERIVED_COLUMNS = ("prompt", "response", "system", "attention")

BASE_COLUMNS = (
    "messages",
    "prompt",
    "response",
    "system",
    "label",
    "tools",
    "rejected",
    "attention",
    "source",
    "source_row",
    "source_offset",
    "format",
    "metadata",
    "shape",
    "repairs",
    "dropped_by",
    "split",
)
"""Columns of every dataset, in order; scores and groups follow them.

tools: JSON text of a list of `{"type": "function", "function": {…}}`; "" for none. rejected: JSON
text of the turns of the answer that was not preferred, without the prompt; "" for none.
"""


def silent(share: float, text: str) -> None:
    """Ignore progress."""


def part_of(progress: Progress, part: int, parts: int) -> Progress:
    """Return the progress of one of several equal parts of the work; the first part is 0."""
    return lambda share, text: progress((part + share) / parts, text)


@dataclass(frozen=True)
class Message:
    """One turn of a conversation: a role, its text, and whatever else the turn carries.

    `more` holds further keys of the turn (`tool_calls`, `tool_call_id`, `name`, `weight`, `parts`);
    `content` is None only when the file said so.
    """

    role: str
    content: str | None
    more: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The turn as a JSON object: role, content, then the other keys in alphabetical order."""
        return {
            "role": self.role,
            "content": self.content,
            **{key: self.more[key] for key in sorted(self.more)},
        }


def dump_messages(messages: Iterable[Message]) -> str:
    """The canonical JSON text of a conversation; equal conversations give equal text."""
    return orjson.dumps([message.to_dict() for message in messages]).decode()


def load_messages(text: str) -> list[Message]:
    """The conversation behind its canonical JSON text."""
    return [Message(turn.pop("role"), turn.pop("content"), turn) for turn in orjson.loads(text)]


def derive(
    messages: str, label: str | None = None, rejected: str = ""
) -> tuple[str, str, str, str]:
    """Prompt, response, system text and attention codes of one conversation.

    The response is the last assistant turn, the prompt is every turn before it but the system's,
    joined by blank lines: what a trainer would condition on. A conversation without an assistant
    is all prompt. `attention` is a comma-separated list of reasons why a trainer cannot use the
    row as it stands; empty means it can.
    """
    turns = orjson.loads(messages)
    if len(turns) == 2 and turns[0]["role"] == "user" and turns[1]["role"] == "assistant":
        prompt, response = turns[0]["content"] or "", turns[1]["content"] or ""
        if prompt.strip() and response.strip():  # the common case, kept quick
            return prompt, response, "", ""
    last = max((i for i, t in enumerate(turns) if t["role"] == "assistant"), default=len(turns))
    system = "\n\n".join(t["content"] or "" for t in turns if t["role"] == "system")
    prompt = "\n\n".join(t["content"] or "" for t in turns[:last] if t["role"] != "system")
    response = (turns[last]["content"] or "") if last < len(turns) else ""
    return prompt, response, system, ",".join(attention_codes(turns, label, bool(rejected)))


ATTENTION = {
    "no_messages": "there is no turn in it",
    "no_answer": "nobody answers",
    "empty_answer": "an answer is empty",
    "marked_bad": "its only answer is marked as bad",
    "empty_prompt": "a question is empty",
    "empty_system": "a system message is empty",
    "unknown_role": "a role is not system, user, assistant or tool",
    "starts_with_assistant": "the assistant speaks first",
    "ends_with_user": "the last turn is not an answer",
    "consecutive_roles": "the same role speaks twice in a row",
    "late_system": "a system message stands in the middle",
    "call_without_result": "a tool is called and nothing comes back",
    "result_without_call": "a tool answers that nobody called",
}
"""Codes of the attention column and what each says about the example."""


def attention_codes(
    turns: Sequence[dict[str, Any]], label: str | None = None, refused: bool = False
) -> list[str]:
    """Reasons why a trainer cannot use these turns as they stand, in the order of ATTENTION.

    A labelled text needs no answer, a single assistant turn is a text to learn by heart, and a call
    may be the answer; all are fine. refused: there is an answer that was not preferred.
    """
    roles = [str(turn["role"]) for turn in turns]
    codes = set(_whole_codes(roles, label))
    for i, turn in enumerate(turns):
        blank = not (turn["content"] or "").strip() and not turn.get("parts")
        codes.update(_turn_codes(turns, roles, i, blank))
    if refused and codes & {"no_answer", "ends_with_user"}:
        codes = {*codes, "marked_bad"} - {"no_answer", "ends_with_user"}
    return [code for code in ATTENTION if code in codes]


def _whole_codes(roles: Sequence[str], label: str | None) -> Iterator[str]:
    """Yield the codes of faults in the order of roles as a whole."""
    if not roles:
        yield "no_messages"
    if any(role not in ROLES for role in roles):
        yield "unknown_role"
    if not roles or (label is not None and "assistant" not in roles):
        return
    spoken = [role for role in roles if role != "system"]
    if "assistant" not in roles:
        yield "no_answer"
    elif roles[-1] != "assistant":
        yield "ends_with_user"
    if len(spoken) > 1 and spoken[0] == "assistant":
        yield "starts_with_assistant"


def _turn_codes(
    turns: Sequence[dict[str, Any]], roles: Sequence[str], i: int, blank: bool
) -> Iterator[str]:
    """Yield the codes of faults of one turn, given the one before and after it."""
    role, before, calls = roles[i], roles[i - 1] if i else "", turns[i].get("tool_calls")
    if blank and role == "assistant" and not calls:
        yield "empty_answer"
    if blank and role == "user":
        yield "empty_prompt"
    if blank and role == "system":
        yield "empty_system"
    if role == "system" and i > 0:
        yield "late_system"
    if role == before and role in ("user", "assistant"):
        yield "consecutive_roles"
    if calls and i + 1 < len(turns) and roles[i + 1] != "tool":
        yield "call_without_result"
    if role == "tool" and before != "tool" and not (i and turns[i - 1].get("tool_calls")):
        yield "result_without_call"


def content_hash(messages: str, label: str | None, tools: str = "", rejected: str = "") -> str:
    """Return the hash of an example's content, sixteen hexadecimal digits.

    The content is its turns, label, tools and rejected answer; an absent part adds nothing.
    """
    text = messages if label is None else f"{messages}\x00{label}"
    if tools or rejected:
        text = f"{text}\x01{tools}\x01{rejected}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def make_ids(hashes: Sequence[str], carried: Sequence[str] | None = None) -> list[str]:
    """Stable ids: the content hash, with `-2`, `-3` … for repeats in order of appearance.

    carried: the id that each row brings from a delivery, "" for none. It stays the row's id, so that
    decisions find it though its text was changed; but where a row of the content that the id stands
    for is there too, it is that row's. Of several rows that bring the same the first has it.
    """
    brought = list(carried or [""] * len(hashes))
    owned = {digest for digest, name in zip(hashes, brought, strict=True) if name in ("", digest)}
    taken, counts = set[str](), dict[str, int]()
    ids = [""] * len(hashes)

    def counted(digest: str) -> str:
        while True:
            count = counts[digest] = counts.get(digest, 0) + 1
            name = digest if count == 1 else f"{digest}-{count}"
            if name not in taken:
                return name

    left = list[int]()
    for i, (digest, name) in enumerate(zip(hashes, brought, strict=True)):
        if name and (name in taken or (name != digest and name in owned)):
            left.append(i)
            continue
        ids[i] = name or counted(digest)
        taken.add(ids[i])
    for i in left:
        ids[i] = counted(hashes[i])
        taken.add(ids[i])
    return ids


def carried_ids(metadata: Iterable[str]) -> list[str]:
    """The ids that rows bring from a delivery in their columns, "" for none."""
    return [_carried(text) if f'"{ID}"' in text else "" for text in metadata]


def _carried(text: str) -> str:
    name = orjson.loads(text).get(ID)
    return name if isinstance(name, str) and _ID.fullmatch(name) else ""


def with_derived(rows: pd.DataFrame, changed: np.ndarray | None = None) -> pd.DataFrame:
    """Rows with prompt, response, system and attention made anew from messages.

    `changed` limits the work to the rows of these numbers.
    """
    part = rows[[name for name in ("messages", "label", "rejected") if name in rows]]
    part = part if changed is None else part.iloc[changed]
    labels = [None if pd.isna(label) else label for label in part["label"]]
    rejected = part["rejected"] if "rejected" in part else [""] * len(part)
    derived = [derive(*row) for row in zip(part["messages"], labels, rejected, strict=True)]
    columns = list(zip(*derived, strict=True)) or [()] * len(DERIVED_COLUMNS)
    fresh = {
        name: pd.Series(list(values), index=part.index, dtype="str")
        for name, values in zip(DERIVED_COLUMNS, columns, strict=True)
    }
    if changed is None:
        return rows.assign(**fresh)
    return settled(laid(rows, changed, fresh), changed)


@dataclass(frozen=True)
class Dataset:
    """Examples, one a row, indexed by id, with all measured columns.

    rows: columns of BASE_COLUMNS, then one per score or group; strings are Arrow-backed.
    vectors: of the rows; an array becomes vectors, NaN where there is none; None before any embedding.
    steps: what each step of the recipe did, oldest first; see `explain`. own: the columns that the
    files brought along, which stand in no frame until something names them; see `column`.
    """

    rows: pd.DataFrame
    vectors: Vectors | None = None
    steps: tuple[StepReport, ...] = ()
    own: FileColumns = field(default_factory=FileColumns, repr=False)
    _order: list[np.ndarray] = field(default_factory=list, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.vectors, np.ndarray):
            object.__setattr__(self, "vectors", Vectors.of(self.vectors))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def kept(self) -> pd.DataFrame:
        """The rows that no step and no person dropped."""
        return self.rows[self.rows["dropped_by"].isna()]

    @property
    def kept_numbers(self) -> np.ndarray:
        """The numbers of the kept rows, in the order of their ids."""
        if not self._order:  # shared by all datasets of these rows
            self._order.append(np.asarray(self.rows.index.argsort()))
        order = self._order[0]
        return np.asarray(order[self.rows["dropped_by"].isna().to_numpy()[order]])

    @property
    def dropped(self) -> pd.DataFrame:
        """The rows that a step or a person dropped; `dropped_by` names which."""
        return self.rows[self.rows["dropped_by"].notna()]

    @property
    def scores(self) -> list[str]:
        """Names of the columns that steps have added."""
        return [name for name in self.rows.columns if name not in BASE_COLUMNS]

    @property
    def own_names(self) -> dict[str, str]:
        """Map each name of a file's column in this table to its name in the file.

        `column:NAME` where the plain name means something else.
        """
        taken = {*self.rows.columns, *BASE_COLUMNS, *CLAIMED}
        return {
            f"{PREFIX}{name}" if name in taken or name.startswith(PREFIX) else name: name
            for name in self.own.kinds
        }

    @property
    def numbers(self) -> list[str]:
        """Names of the measured columns and of the files' own that hold numbers, or yes and no."""
        mine = [c for c in self.scores if is_numeric_dtype(self.rows[c])]
        return [*mine, *(n for n, own in self.own_names.items() if self.own.is_number(own))]

    def column(self, name: str) -> pd.Series | None:
        """A column by its name, indexed like the rows; None when there is none of that name.

        `rating` is a column of the rows, or else the files' own; so is `split`, as long as no
        example has one. `column:rating` is always the files' own.
        """
        own = self._own(name)
        return self.rows.get(name) if own is None else own

    def _own(self, name: str) -> pd.Series | None:
        """The files' own column that a name reaches, if it reaches one."""
        mine, theirs = self.rows.get(name), name.removeprefix(PREFIX)
        if mine is not None and (name not in BASE_COLUMNS or mine.notna().any()):
            return None
        if (theirs == name and name in CLAIMED) or theirs not in self.own.kinds:
            return None
        values = self.own.read(theirs)
        return values if values.index.equals(self.rows.index) else values.reindex(self.rows.index)

    def with_columns(self, names: Iterable[str], rows: pd.DataFrame | None = None) -> pd.DataFrame:
        """The rows, or some of them, with the files' own columns among these names added."""
        part = self.rows if rows is None else rows
        own = {name: values for name in names if (values := self._own(name)) is not None}
        if part is not self.rows:
            own = {name: values.loc[part.index] for name, values in own.items()}
        return part.assign(**own) if own else part

    def messages(self, example_id: str) -> list[Message]:
        """The conversation of an example; raises CurationError when no example has that id."""
        return load_messages(str(self.row(example_id)["messages"]))

    def row(self, example_id: str) -> pd.Series:
        """One example's columns; raises CurationError when no example has that id."""
        if example_id not in self.rows.index:
            raise CurationError(f"There is no example {example_id!r} in this dataset.")
        row = self.rows.loc[example_id]
        assert isinstance(row, pd.Series)  # ids are unique
        return row

    def explain(self, example_id: str) -> list[dict[str, Any]]:
        """The receipt of one row: what each step and person did to it, oldest first.

        Each event holds step, title, what (read, changed, measured, dropped, kept, chosen,
        placed, flagged) and text; the first says where the row came from.
        """
        row = self.row(example_id)
        events: list[dict[str, Any]] = [
            {
                "step": "import",
                "title": "Read from a file",
                "what": "read",
                "text": f"{row['source']}, row {row['source_row']}, as {row['format']}",
            }
        ]
        for report in self.steps:
            events += report.events(example_id, self.rows)
        for code in filter(None, str(row["attention"] or "").split(",")):
            why = ATTENTION.get(code, code)
            events.append({"step": "", "title": "Needs attention", "what": "flagged", "text": why})
        return events

    def replace(self, **changes: Any) -> Dataset:
        """A copy with other rows, vectors or steps."""
        if "rows" in changes and not changes["rows"].index.equals(self.rows.index):
            changes["_order"] = []
        return replace(self, **changes)
