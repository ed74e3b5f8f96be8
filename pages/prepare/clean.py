"""Clean: the recipe as a list of steps, each with what it did."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from curation import cache
from curation.columns import as_numbers
from curation.dataset import Dataset, load_messages
from curation.errors import CurationError, RecipeConflict
from curation.looking.columns import nameable, values_of
from curation.project import Project
from curation.recipe import Recipe, Step, replace_params
from curation.registry import operation, operations
from curation.report import StepReport
from curation.ui import charts, form, shell, state
from curation.ui.slots import Slot
from curation.ui.text import changed_lines, markdown, short
from curation.view import as_far_as

PHASE_TITLES = {
    "clean": "Clean the text",
    "measure": "Measure and filter",
    "select": "Select",
    "split": "Split",
}


STEP = Slot("step", 0)
"""The number of the step that is open."""

PAINTED = Slot("clean-painted", "")
"""The revision of the recipe that stands on the session's screen."""

CONFLICT = Slot[tuple[str, str] | None]("conflict", None)
"""Their recipe and one's own, as YAML, while a conflict is not settled."""


def save(project: Project, recipe: Recipe, base: str) -> None:
    """Save an edited recipe; a conflict or a mistake is told at the top of the page.

    base: the revision that was on the screen when the edit was made.
    """
    try:
        project.save_recipe(recipe, base)
        PAINTED.set(project, recipe.revision)
    except RecipeConflict as conflict:
        CONFLICT.set(project, (conflict.theirs, conflict.yours))
    except CurationError as error:
        state.flash(str(error), ":material/error:")


def take(project: Project, text: str, theirs: str) -> None:
    """Settle a conflict by saving one of the two versions; a third one is a conflict again."""
    CONFLICT.take(project)
    save(project, Recipe.from_yaml(text), Recipe.from_yaml(theirs).revision)


def draw_conflict(project: Project, theirs: str, yours: str) -> None:
    """Show both versions of a recipe that two people changed at once."""
    st.warning("Somebody else changed the recipe while you did. Choose which version stays.")
    for column, title, text in zip(
        st.columns(2), ("Theirs, saved now", "Yours"), (theirs, yours), strict=True
    ):
        with column:
            st.subheader(title, anchor=False)
            st.code(text, language="yaml")
            st.button(
                f"Keep {title.split(',')[0].lower()}",
                key=f"take-{title}",
                on_click=take,
                args=(project, text, theirs),
            )


def draw_steps(project: Project, recipe: Recipe, dataset: Dataset, chosen: int) -> None:
    """The list on the left: one line a step, in phases."""
    base = recipe.revision
    reports = {report.name: report for report in dataset.steps}
    phase = ""
    lines = st.container(gap="xxsmall")
    for i, (step, name) in enumerate(zip(recipe.steps, recipe.names, strict=True)):
        if step.operation.phase != phase:
            phase = step.operation.phase
            lines.caption(PHASE_TITLES[phase].upper())
        with lines.container(
            key=f"step-line-{i}", horizontal=True, vertical_alignment="center", gap="small"
        ):
            st.button(
                step.operation.title,
                key=f"open-{i}",
                type="secondary" if i == chosen else "tertiary",
                width="stretch",
                on_click=STEP.set,
                args=(project, i),
            )
            st.markdown(effect(reports.get(name), step), width="content")
            st.toggle(
                "On",
                value=step.enabled,
                key=f"on-{base}-{i}",
                label_visibility="collapsed",
                on_change=save,
                args=(
                    project,
                    recipe.changed(i, replace_params(step, step.params, not step.enabled)),
                    base,
                ),
            )


def effect(report: StepReport | None, step: Step) -> str:
    """What a step did, in a few words."""
    if not step.enabled:
        return "off"
    if report is None:
        return ":material/schedule: not run"
    parts = []
    if report.dropped:
        parts.append(f":red[−{report.dropped:,}]")
    if report.changed:
        parts.append(f":blue[{report.changed:,} changed]")
    if report.conflicts:
        parts.append(f":orange[▲ {report.conflicts:,} in conflict]")
    return " ".join(parts) or ":material/check:"


def draw_add(project: Project, recipe: Recipe) -> None:
    """A step may be added at the end of its phase."""
    with st.popover("Add a step", icon=":material/add:", width="stretch"):
        known = [o for o in operations().values()]
        picked = st.selectbox(
            "Operation",
            known,
            format_func=lambda o: f"{o.title} · {o.phase}",
            index=None,
            key="add-step",
            placeholder="choose or type",
        )
        if picked is not None:
            st.caption(markdown(picked.help, 400))
            st.button(
                "Add",
                type="primary",
                key="add-go",
                on_click=add,
                args=(project, recipe, picked.name),
            )


def add(project: Project, recipe: Recipe, name: str) -> None:
    """Add a step and open it."""
    longer = recipe + Step(name)
    save(project, longer, recipe.revision)
    of_name = (i for i in reversed(range(len(longer.steps))) if longer.steps[i].use == name)
    STEP.set(project, next(of_name))


def draw_open(project: Project, recipe: Recipe, position: int, dataset: Dataset) -> None:
    """The chosen step on the right: parameters, effect, examples."""
    step, name, base = recipe.steps[position], recipe.names[position], recipe.revision
    chosen = operation(step.use)
    st.subheader(chosen.title, anchor=False)
    st.caption(markdown(chosen.help, 500))
    # Keys carry what the step holds: when somebody else changes it, fresh widgets show that, and
    # none of this session's old ones writes its own value back.
    held = cache.key(dict(step.params))[:8]
    key = f"step-{name}-{position}-{held}"
    columns, numbers = nameable(dataset, name)
    column = step.arguments.get("column")
    values = values_of(dataset, column) if isinstance(column, str) else []
    choices = {"values": values} if values else {}
    if chosen.params:
        values = form.parameters(
            chosen, step.params, key=key, columns=columns, numbers=numbers, choices=choices
        )
        if values != dict(step.params):
            changed = recipe.changed(position, replace_params(step, values))
            try:
                chosen.check(values)
                project.save_recipe(changed, PAINTED.get(project) or base)
                PAINTED.set(project, changed.revision)
            except RecipeConflict as conflict:
                CONFLICT.set(project, (conflict.theirs, conflict.yours))
                st.rerun()
            except CurationError as error:
                st.error(markdown(error, 400))
                return
            st.rerun()
    else:
        st.caption("It has no parameters.")
    PAINTED.set(project, base)
    with st.container(horizontal=True):
        st.button(
            "Up",
            icon=":material/arrow_upward:",
            key=f"up-{base}",
            on_click=move,
            args=(project, recipe, position, -1),
        )
        st.button(
            "Down",
            icon=":material/arrow_downward:",
            key=f"down-{base}",
            on_click=move,
            args=(project, recipe, position, 1),
        )
        st.button(
            "Remove",
            icon=":material/delete:",
            key=f"remove-{base}",
            on_click=remove,
            args=(project, recipe, position),
        )
    report = next((r for r in dataset.steps if r.name == name), None)
    if report is None:
        st.info(
            "This step has not been run with these settings yet."
            if step.enabled
            else "This step is switched off.",
            icon=":material/schedule:",
        )
        return
    draw_report(dataset, report, step)


def move(project: Project, recipe: Recipe, position: int, by: int) -> None:
    """Move a step; across a phase's border it stays, with a sentence."""
    try:
        moved = recipe.moved(position, by)
    except CurationError as error:
        state.flash(str(error), ":material/error:")
        return
    save(project, moved, recipe.revision)
    STEP.set(project, max(0, min(len(recipe.steps) - 1, position + by)))


def remove(project: Project, recipe: Recipe, position: int) -> None:
    """Remove a step; what it measured stays remembered should it come back."""
    save(project, recipe.without(position), recipe.revision)
    STEP.set(project, max(0, position - 1))


def draw_report(dataset: Dataset, report: StepReport, step: Step) -> None:
    """Counts of a step, its distribution, and examples of what it did."""
    counts = st.columns(4)
    counts[0].metric("In", f"{report.kept_in:,}")
    counts[1].metric("Dropped", f"{report.dropped:,}")
    counts[2].metric("Changed", f"{report.changed:,}")
    counts[3].metric("Time", "cached" if report.cached else f"{report.seconds:.1f} s")
    for note in report.notes:
        st.warning(markdown(note, 600), icon=":material/info:")
    score = step.arguments.get("score")
    measured = dataset.column(score) if isinstance(score, str) else None
    if report.kind == "filter" and isinstance(score, str) and measured is not None:
        lines = [
            v for v in (step.arguments.get("low"), step.arguments.get("high")) if v is not None
        ]
        charts.histogram(as_numbers(measured), score, lines)
    elif report.columns and report.kind in ("score", "group"):
        numeric = [c for c in report.columns if c in dataset.rows]
        picked = st.segmented_control(
            "Column",
            numeric,
            default=numeric[0],
            key=f"col-{report.name}",
            format_func=lambda c: c.replace("_", " "),
            label_visibility="collapsed",
        )
        if picked:
            charts.distribution(dataset.rows[picked], picked)
    if report.before is not None and len(report.before):
        draw_changed(dataset, report)
    elif report.dropped:
        draw_dropped(dataset, report)


def draw_dropped(dataset: Dataset, report: StepReport) -> None:
    """Examples that the step dropped and why; a duplicate stands beside what it repeats."""
    examples = report.dropped_examples(dataset.rows)
    if examples.empty:
        return
    if "similarity" in examples:
        st.caption(
            "The least similar pairs still called duplicates come first: "
            "this is where a threshold is judged."
        )
    examples = examples.head(200)
    rows = dataset.rows.loc[examples.index]
    table = pd.DataFrame(
        {
            "why": examples["reason"],
            "prompt": rows["prompt"].map(short),
            "response": rows["response"].map(short),
        }
    )
    picked = st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height=260,
        on_select="rerun",
        selection_mode="single-row",
        key=f"gone-{report.name}",
    )
    (position,) = picked["selection"]["rows"] or [0]
    example = examples.iloc[min(position, len(examples) - 1)]
    sides = [(str(example.name), "Dropped")]
    if example["twin"]:
        sides.append((example["twin"], "Kept in its place"))
    for column, (id, title) in zip(st.columns(len(sides)), sides, strict=True):
        with column.container(border=True):
            st.caption(f"**{title}** · {id}")
            for message in load_messages(dataset.rows.at[id, "messages"]):
                st.caption(markdown(message.role))
                st.text(message.content or "")


def draw_changed(dataset: Dataset, report: StepReport) -> None:
    """Text before and after, as a difference."""
    examples = report.changed_examples().head(50)
    picked = st.selectbox(
        "Changed example",
        list(examples.index),
        key=f"changed-{report.name}",
        format_func=lambda id: short(dataset.rows.at[id, "prompt"], 90),
    )
    if picked is None:
        return
    before, after = (load_messages(text) for text in examples.loc[picked])
    for was, now in zip(before, after, strict=True):
        if was.content != now.content:
            st.caption(markdown(now.role))
            st.code(
                "\n".join(changed_lines(visible(was.content or ""), visible(now.content or ""))),
                language="diff",
                wrap_lines=True,
            )


def visible(text: str) -> str:
    """Text whose odd spaces can be seen, so that a difference in them shows."""
    for character, sign in (
        ("\u200b", "⟨zero width⟩"),
        ("\u00a0", "⟨nbsp⟩"),
        ("\ufeff", "⟨BOM⟩"),
        ("\u200d", "⟨joiner⟩"),
    ):
        text = text.replace(character, sign)
    return text


def draw() -> None:
    """The page."""
    shell.header(
        "Clean",
        "The recipe: every step in order, what it dropped or changed, and nothing is ever deleted.",
    )
    project = state.need_project()
    recipe = project.recipe
    if not project.imports:
        state.need_view()
    if conflict := CONFLICT.get(project):
        draw_conflict(project, *conflict)
        return
    dataset, stopped = as_far_as(project, recipe)
    if stopped is not None:
        st.error(markdown(stopped, 600), icon=":material/error:")
    chosen = min(STEP.get(project), max(0, len(recipe.steps) - 1))
    left, right = st.columns([5, 8], gap="large")
    with left:
        if not recipe.steps:
            st.info("The recipe is empty. Add a step.", icon=":material/playlist_add:")
        draw_steps(project, recipe, dataset, chosen)
        draw_add(project, recipe)
        with st.popover("As YAML", icon=":material/code:", width="stretch"):
            st.code(recipe.to_yaml(), language="yaml")
            st.download_button("Download recipe.yaml", recipe.to_yaml(), "recipe.yaml", key="yaml")
    with right:
        if recipe.steps:
            draw_open(project, recipe, chosen, dataset)


draw()
