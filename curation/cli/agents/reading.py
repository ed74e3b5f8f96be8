"""The tools that read: they change neither recipe, decisions nor files of data.

Accepted cost: what they compute, such as a step that takes moments, is remembered in the cache.
"""

from __future__ import annotations

import dataclasses
import threading
from typing import Any, Literal

import numpy as np

from curation import jobs, naming
from curation.cli.about import described
from curation.cli.agents.folders import Folders
from curation.cli.agents.look import Look, behind, listed, ordered, receipt_line
from curation.cli.agents.shown import number, page, untrusted
from curation.cli.compare import coverage_summary
from curation.cli.look import hits_of
from curation.comparison import comparison_key
from curation.decisions.checks import as_answer
from curation.errors import CurationError
from curation.export.file_check import Tolerances, check_file
from curation.looking import columns
from curation.looking.agreements import agreements
from curation.looking.coverage import remembered
from curation.looking.filter import Condition, Filter, full_id
from curation.looking.queues import FIRST, Board
from curation.questions import read_questions
from curation.registry import operation, operations

ROWS = 100
"""Most rows of one answer."""

TURNS = 40
"""Most turns of one answer."""

VALUES = 8
"""Most frequent values of a column that a summary names."""


class Reading:
    """The tools that are always offered."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._newest: Look | None = None
        self._lock = threading.Lock()

    def _look(self, project: str) -> Look:
        """Look at a project; the newest look is used again while nothing changed."""
        opened = self._folders.project(project)
        view, last = opened.view(), opened.last_decision()
        with self._lock:
            newest = self._newest
        if newest is None or newest.view is not view or newest.last != last:
            newest = Look(opened)
            with self._lock:
                self._newest = newest
        return newest

    def projects(self) -> dict[str, Any]:
        """List the projects that can be reached, by the names that the other tools take."""
        return untrusted(projects=page(self._folders.projects(), 200))

    def summary(self, project: str) -> dict[str, Any]:
        """Summarise a project: counts, what each step dropped or changed, what waits for people, columns.

        `note` is there when recipe or decisions changed since the last run. `numbers` are columns that
        `rows` can sort by and filter, as rating>=4; `categories` those that it filters, as language=de.
        """
        look = self._look(project)
        opened, dataset = look.project, look.dataset
        seconds, never_timed = opened.estimate() if not look.view.current else (0.0, [])
        numbers, categories = columns.numbers(dataset), columns.categories(dataset)
        measured = {
            n: v for n in numbers if n in dataset.rows and (v := dataset.column(n)) is not None
        }
        steps = [report.to_dict() for report in dataset.steps]
        names = ("name", "title", "kept_in", "dropped", "changed", "kept_out", "notes")
        return untrusted(
            name=opened.name,
            examples=len(dataset),
            kept=int(dataset.rows["dropped_by"].isna().sum()),
            dropped=int(dataset.rows["dropped_by"].notna().sum()),
            refused_lines=len(opened.rejected),
            current=look.view.current,
            **look.note(),
            run_takes_seconds=round(seconds, 1),
            steps_never_timed=never_timed,
            steps=[{k: step[k] for k in names if k in step} for step in steps],
            waiting=Board().look(dataset.rows, look.people, FIRST).counts,
            decisions=look.last,
            numbers={name: list(columns.range_of(values)) for name, values in measured.items()},
            categories={
                name: columns.values_of(dataset, name)[:VALUES]
                for name in categories
                if name in dataset.rows
            },
            columns_of_the_files=page(list(dataset.own_names), 50),
            reference_sets=[reference.name for reference in opened.references.all()],
            jobs=[job.id for job in jobs.all_jobs(opened.path) if job.active],
        )

    def rows(
        self,
        project: str,
        filter: list[str] | None = None,
        words: str = "",
        columns: list[str] | None = None,
        order: str = "",
        lowest_first: bool = False,
        limit: int = 20,
        after: str = "",
    ) -> dict[str, Any]:
        """List examples, a page at a time: id, fate, the beginning of the texts, and chosen columns.

        filter: conditions that must all hold, as kept, dropped, language=de, topic=cooking|sport,
        rating>=4, tags!=hard, decided_by=NAME. words: as in `search`. order: a column of numbers;
        examples without a number come last. limit: 1 to 100. after: `next` of the page before. `mark`
        says which version was shown; a decision hands it back.
        """
        look = self._look(project)
        dataset = look.dataset
        conditions = Filter.parse(filter or [], words)
        mask = conditions.checked(dataset) if conditions else np.ones(len(dataset), dtype=bool)
        names = list(dict.fromkeys([*(columns or []), *([order] if order else [])]))
        problems = [p for n in names for p in Condition(n).problems(dataset)]
        if problems:
            raise CurationError(" ".join(problems))
        positions = ordered(dataset, order, lowest_first)
        positions = (
            positions[mask[positions]] if not after else behind(dataset, positions, mask, after)
        )
        chosen = positions[: max(1, min(limit, ROWS))]
        more = len(positions) - len(chosen)
        part = dataset.with_columns(names, dataset.rows.iloc[chosen])
        return untrusted(
            matching=int(mask.sum()),
            **look.note(),
            rows=listed(look, part, names),
            next=str(part.index[-1]) if more else "",
            more=more,
        )

    def example(self, project: str, id: str, turn: int = 0, start: int = 0) -> dict[str, Any]:
        """Show one example: its turns, scores, receipt and decisions; id: as much of it as is unique.

        turn, start: the turn, and the character of its text, from which a long example is read on; see
        `turns_in_all` and `cut`. `mark` says which version was shown; a decision hands it back.
        """
        look = self._look(project)
        example_id = full_id(look.dataset, id)
        row = look.dataset.row(example_id)
        messages = look.dataset.messages(example_id)
        turns = [message.to_dict() for message in messages[max(turn, 0) :][:TURNS]]
        if turns and isinstance(turns[0]["content"], str):
            turns[0]["content"] = turns[0]["content"][max(start, 0) :]
        receipt = look.project.explain(example_id, look.view.dataset)
        return untrusted(
            id=example_id,
            mark=look.mark(example_id, row),
            fate=f"dropped by {row['dropped_by']}"
            if isinstance(row["dropped_by"], str)
            else "kept",
            source={"file": row["source"], "row": row["source_row"], "format": row["format"]},
            **look.note(),
            **{name: number(row[name]) for name in ("label", "split") if row[name] is not None},
            decisions=look.people.of(example_id).summary() if look.people else [],
            scores={
                name: value
                for name in look.view.dataset.scores
                if not name.startswith("map_") and (value := number(row[name])) not in (None, "")
            },
            turns_in_all=len(messages),
            first_turn=turn,
            receipt=[receipt_line(event) for event in receipt],
            turns=turns,
        )

    def search(
        self,
        project: str,
        text: str = "",
        by: Literal["words", "meaning"] = "words",
        like: list[str] | None = None,
        limit: int = 20,
    ) -> dict[str, Any]:
        """Find examples by words, by meaning, or like others; the best come first.

        text: two words, "a phrase", -without; with by=meaning a sentence. like: ids instead of a text.
        Meaning and likeness need embeddings; the first search by meaning takes seconds.
        """
        look = self._look(project)
        if bool(text.strip()) == bool(like):
            raise CurationError(
                "Give either a text to look for, or ids that the examples are like."
            )
        top, meaning = max(1, min(limit, ROWS)), by == "meaning"
        hits = hits_of(look.project, look.dataset, text, meaning, like or [], top)
        rows = listed(look, look.dataset.rows.iloc[hits.positions[:top]], [])
        if like or meaning:
            for entry, score in zip(rows, hits.scores, strict=False):
                entry["similarity"] = round(float(score), 4)
        return untrusted(**look.note(), rows=rows, more=len(hits) - len(rows))

    def topics(self, project: str) -> dict[str, Any]:
        """List the topics of the kept examples by theme, the largest first, with their words."""
        look = self._look(project)
        topics = [dataclasses.asdict(topic) for topic in naming.listed(look.dataset, 1)]
        return untrusted(**look.note(), topics=page(topics, 100))

    def coverage(self, project: str, reference: str = "") -> dict[str, Any]:
        """Show how much of a reference set the project covers, and its gaps; without one, list the sets.

        Only a comparison that was made before is shown; making one is a job for `curate coverage`.
        """
        look = self._look(project)
        sets = look.project.references
        if not reference:
            return untrusted(reference_sets=[{"name": r.name, "rows": r.rows} for r in sets.all()])
        chosen = sets.get(reference)
        name = comparison_key(look.project, chosen, "", look.view)
        compared = remembered(chosen.results, name)
        if compared is None:
            raise CurationError(
                f"{chosen.name} was not compared with the project as it is now. Somebody has to run "
                f"`curate coverage PROJECT --reference {chosen.name}` or open the Coverage page."
            )
        value = coverage_summary(compared, chosen, None)
        value["gaps"] = page(value["gaps"], 30)
        value["over_represented"] = page(value["over_represented"], 30)
        return untrusted(**look.note(), **value)

    def decisions(
        self,
        project: str,
        annotator: str = "",
        batch: str = "",
        example: str = "",
        before: int = 0,
        limit: int = 50,
    ) -> dict[str, Any]:
        """List decisions of people and agents, newest first, with whether each still counts.

        before: `next` of the page before. A batch is what one undo takes back.
        """
        opened = self._folders.project(project)
        state = opened.people()
        if state is None:
            return untrusted(decisions=[], next=0)
        events = [
            event
            for event in opened.decisions.events(
                example_id=example or None, until=before - 1 if before else None
            )
            if annotator in ("", event.annotator)
            and batch in ("", event.batch)
            and event.kind != "gold"  # those who are checked may read here too
        ]
        newest = events[::-1][: max(1, min(limit, ROWS))]
        names = ("seq", "example_id", "kind", "value", "annotator", "batch", "time")
        return untrusted(
            decisions=[
                {
                    **{n: getattr(as_answer(e), n) for n in names},
                    "counts": e.op_id not in state.undone,
                }
                for e in newest
            ],
            next=newest[-1].seq if len(newest) < len(events) else 0,
        )

    def agreement(self, project: str) -> dict[str, Any]:
        """Show how alike people answered each question, with intervals, and where they differ."""
        opened = self._folders.project(project)
        state = opened.people()
        if state is None:
            return untrusted(questions=[])
        opinions = state.opinions_frame()
        results = agreements(opinions, read_questions(opened.path))
        questions = [{**result.summary(), "sentence": result.sentence()} for result in results]
        for question in questions:
            for name in ("disagreements", "pairs", "periods", "classes"):
                question[name] = page(question[name], 20)
        return untrusted(questions=questions)

    def recipe(self, project: str) -> dict[str, Any]:
        """Show the recipe: its text, its steps by name, and the revision that a change hands back."""
        recipe = self._folders.project(project).recipe
        return {
            "revision": recipe.revision,
            "steps": [
                {
                    "step": name,
                    "use": step.use,
                    "params": dict(step.params),
                    "enabled": step.enabled,
                }
                for name, step in zip(recipe.names, recipe, strict=True)
            ],
            "text": recipe.to_yaml(),
        }

    def operations(self, name: str = "") -> dict[str, Any]:
        """List the operations that a recipe's steps use; with a name, one with its parameters."""
        if name:
            one = operation(name)
            return {"operation": {**described(one), "details": one.details}}
        return {
            "operations": [
                {"name": o.name, "kind": o.kind, "phase": o.phase, "help": o.help}
                for o in operations().values()
            ]
        }

    def check_file(self, path: str, format: str) -> dict[str, Any]:
        """Check a file of training data by its trainer's rules: each problem with rows and a cure.

        path: below a folder that was allowed. format: alpaca, axolotl, hf, llamafactory, openai,
        sharegpt, trl and others; a wrong one is answered with the list.
        """
        return untrusted(**check_file(self._folders.data(path), format, Tolerances()))

    def job(self, project: str, job: str = "") -> dict[str, Any]:
        """Show the status of a job, or of the newest jobs of a project."""
        path = self._folders.project(project).path
        if job:
            return untrusted(**status_of(jobs.status(path, job)))
        return untrusted(jobs=[status_of(status, brief=True) for status in jobs.all_jobs(path)])


def status_of(status: jobs.Status, brief: bool = False) -> dict[str, Any]:
    """Return a job's status; brief: without its result."""
    names = ("id", "title", "state", "share", "text", "error", *(() if brief else ("result",)))
    return {name: getattr(status, name) for name in names}
