"""The result of a run: its verdict first, then one of its parts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from curation.project import Project
from curation.runs import Run
from curation.training import answers, picture, report
from curation.training.picture import WIDTH
from curation.ui import downloads, tables
from curation.ui.tables import Column
from curation.ui.text import markdown
from curation.ui.train import classes, confusion, cost, language, regions
from curation.ui.train.scene import Scene, ink

MOST_ROWS, HALF = 12, 570
"""Dots up to which a chart has one column; pixels of each of two columns."""

Draw = Callable[[Scene], None]

CLASSIFICATION: dict[str, Draw] = {
    "Arms": lambda scene: draw_arms(scene.run),
    "Confusion": confusion.draw,
    "Classes": classes.draw,
    "Regions": regions.draw,
    "Map": regions.draw_map,
    "What to collect": regions.draw_collect,
    "Cost": cost.draw,
}
"""Parts of the result of a classification."""

LANGUAGE: dict[str, Draw] = {
    "Arms": lambda scene: draw_arms(scene.run),
    "Regions": language.draw_regions,
    "Answers": language.draw_samples,
    "Hardest": language.draw_hardest,
    "Cost": cost.draw,
}
"""Parts of the result of a language model."""

ARM = (
    Column("title", "arm", width=190),
    Column("budget", kind="count", width=80),
    Column("train", "examples", "count", width=80),
    Column("seeds", kind="count", width=60),
    Column("mean", kind="number"),
    Column("low", kind="number"),
    Column("high", kind="number"),
    Column("accuracy", kind="number"),
    Column("precision", kind="number"),
    Column("recall", kind="number"),
    Column("perplexity", kind="number", digits=2),
    Column("loss_before", kind="number"),
    Column("calibration_error", kind="number"),
)
"""An arm at a budget, over its seeds."""

COMPARISON = (
    Column("title", "arm", width=190),
    Column("against_title", "against", width=190),
    Column("budget", kind="count", width=80),
    Column("verdict", width=160),
    Column("mean", "difference", "number"),
    Column("low", kind="number"),
    Column("high", kind="number"),
    Column("n", "seeds", "count"),
    Column("p", kind="number", digits=4),
    Column("p_holm", "p by Holm", "number", digits=4),
)
"""One arm beside another at a budget."""


def draw_verdict(run: Run) -> None:
    """Draw the sentence, the chart of all arms, and the warnings of a run."""
    verdict = run.verdict
    if verdict is None:
        st.caption("There is nothing to compare yet.")
        return
    st.header(markdown(verdict["sentence"], 900), anchor=False)
    draw_chart(run)
    first, *others = report.warnings(run) or [""]
    if first:
        st.warning(markdown(first, 600), icon=":material/warning:")
    if others:
        with st.expander(f"{len(others):,} more to know about this run"):
            st.markdown("\n".join(f"- {markdown(text, 600)}" for text in others))


def draw_chart(run: Run, *, wide: bool = True) -> None:
    """Draw a dot and an interval for each arm and budget; wide: in two columns where they are many."""
    verdict = run.verdict
    if verdict is None or not verdict["arms"]:
        return
    groups, alt = answers.dots(verdict), str(verdict["sentence"])
    axis = answers.axis(verdict)
    if wide and len(verdict["arms"]) > MOST_ROWS and len(groups) > 1:
        half = len(groups) // 2
        parts = [groups[:half], groups[half:]]
        for place, part in zip(st.columns(2), parts, strict=True):
            chart = picture.intervals(part, axis, alt, ink(), width=HALF, beside=groups)
            place.image(chart, width="stretch", alt=alt)
    else:
        width = WIDTH if wide else HALF
        chart = picture.intervals(groups, axis, alt, ink(), width=width)
        st.image(chart, width="content" if wide else "stretch", alt=alt)
    st.caption(
        "▲ better · ▼ worse · ○ no difference shown · ■ what they are compared with. A line is a "
        "95 % interval: the chance of the seeds and of the test set."
    )


def draw_parts(project: Project, run: Run) -> None:
    """Draw the choice of a part, and the part."""
    scene = Scene.of(project, run)
    if scene is None:
        return
    parts = LANGUAGE if scene.is_language else CLASSIFICATION
    row = st.container(horizontal=True, vertical_alignment="center")
    part = row.segmented_control(
        "Part",
        list(parts),
        default="Arms",
        key=f"train-part-{scene.task}",
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    downloads.draw(
        "Report (HTML)",
        partial(report.html, run),
        f"run-{run.id}.html",
        where=row,
        mime="text/html",
        key="train-report",
        help="The whole result as one file, which needs nothing else.",
    )
    parts[str(part)](scene.with_fit() if part not in ("Arms", "Cost") else scene)


def draw_arms(run: Run) -> None:
    """Draw every arm, and every comparison."""
    verdict = run.verdict
    if verdict is None:
        return
    if (holdout := run.holdout) is not None:
        st.caption(markdown(holdout["text"], 600))
    name = str(verdict["metric"]).replace("_", "-").replace("macro-f1", "macro-F1")
    arms = tuple(Column("mean", name, "number") if c.name == "mean" else c for c in ARM)
    table = pd.DataFrame(answers.by_budget(verdict["arms"]))
    tables.draw(table.dropna(axis="columns", how="all"), arms)
    if verdict["comparisons"]:
        st.caption(
            "Differences, paired by seed; above 0 the arm is better. p by Holm counts all "
            "comparisons of this run together."
        )
        tables.draw(pd.DataFrame(answers.by_budget(verdict["comparisons"])), COMPARISON)
