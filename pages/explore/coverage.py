"""Coverage: the dataset beside another set of texts, what it lacks and what it has too much of."""

from __future__ import annotations

import time
from functools import partial

import streamlit as st

from curation import commands, jobs
from curation.comparison import comparison_key
from curation.looking import coverage
from curation.looking.coverage import Compared
from curation.looking.gaps import (
    COPY,
    Gap,
    as_json_lines,
    copies,
    copies_kept,
    gap_frame,
    over_represented,
    still_dropped,
)
from curation.looking.quotas import of_cuts
from curation.project import Project, View
from curation.reference_sets import ReferenceSet
from curation.text.slug import slug
from curation.ui import actions, charts, quotas, reference_sets, shell, state, tables
from curation.ui import coverage as drawing
from curation.ui.actions import DROP, KEEP
from curation.ui.coverage import Held
from curation.ui.slots import set_widget
from curation.ui.tables import Column
from curation.ui.text import markdown

SIDES = {
    "": "as the recipe embeds",
    "prompt": "prompts only",
    "response": "responses",
    "both": "both",
}
GAPS = (
    Column("missing", "out of reach", "count", 85),
    Column("size", "rows", "count", 50, help="Rows of the reference set in the region."),
    Column("name", "region", width=170),
    Column("share", kind="percent", width=60),
    Column("closing", kind="count", width=65, help="Dropped rows within reach of what is missing."),
)
OVER = (
    Column("topic"),
    Column("here", "rows here", "count"),
    Column("share_here", kind="percent", digits=2),
    Column("share_reference", "share in reference set", "percent", digits=2),
    Column("ratio", kind="number", digits=1),
    Column("keep", kind="count"),
    Column("cut", kind="count"),
    Column(
        "beyond_chance",
        kind="check",
        help="Also when the share of the reference set is put at the upper end of its 95 % "
        "interval.",
    ),
)
COPIES = (
    Column("similarity", kind="number", width=80),
    Column("asked", "the reference set asks", "excerpt"),
    Column("prompt", "the example asks", "excerpt"),
)
LISTED = 5  # examples of a gap that are shown side by side
CHARACTERS = 700


def remove(project: Project, reference: ReferenceSet) -> None:
    """Remove a reference set."""
    with state.flashing_errors():
        project.references.remove(reference.slug)
        state.flash(f"Removed {reference.name}")


def draw_choice(project: Project, found: list[ReferenceSet]) -> tuple[ReferenceSet, str]:
    """Which reference set, and which sides are compared."""
    columns = st.columns([4, 3, 2, 2, 2], vertical_alignment="bottom")
    of_slug = {t.slug: t for t in found}
    reference = of_slug[
        columns[0].selectbox(
            "Reference set",
            list(of_slug),
            key="coverage-target",
            persist_state="session",
            format_func=lambda slug: f"{of_slug[slug].name} ({of_slug[slug].rows:,})",
        )
    ]
    of = columns[1].selectbox(
        "Compared by",
        list(SIDES),
        key="coverage-of",
        persist_state="session",
        format_func=lambda o: SIDES[o],
        help="Prompts only embeds the dataset's prompts first, which takes minutes for tens of "
        "thousands.",
    )
    active = jobs.at_work(project.path, "coverage", newest=shell.RECENT)
    columns[2].button(
        "Comparing…" if active else "Compare",
        key="coverage-go",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=active,
        on_click=shell.start_job,
        args=(project, commands.compare(project.path, reference.slug, of, reference.name)),
    )
    with columns[3].popover(
        "Add", icon=":material/add:", width="stretch", key=reference_sets.OPEN, on_change="rerun"
    ):
        reference_sets.adding(project)
    with columns[4].popover("About", icon=":material/info:", width="stretch"):
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(reference.time))
        st.caption(
            f"{reference.rows:,} rows from the {reference.kind} {markdown(reference.source)}, {when}. "
            f"{reference.without_answer:,} have no answer and are compared by their prompt."
        )
        st.caption(f"SHA-256 {reference.sha256[:16]}…")
        st.button(
            "Remove this reference set",
            key="reference-remove",
            icon=":material/delete:",
            on_click=remove,
            args=(project, reference),
        )
    return reference, of


def draw_numbers(held: Held) -> None:
    """The shares within reach by stage, and how many gaps."""
    compared, reach = held.compared, held.reach
    within, total = compared.within(reach), len(compared.rows)
    chance = compared.by_chance(reach)
    with st.container(horizontal=True):
        charts.number(
            "Within reach",
            f"{within:.1%}",
            f"random: {chance[0]:.1%} to {chance[1]:.1%}"
            if chance
            else f"{round(within * total):,} of {total:,}",
        )
        for stage in list(compared.about["stages"])[:-1]:
            before = compared.within(reach, stage)
            title, share = coverage.STAGES[stage].capitalize(), f"{before:.1%}"
            if round(before - within, 4):
                # Red where it fell, green where it rose.
                since = f"{(within - before) * 100:+.1f} points since"
                st.metric(title, share, since, border=True)
            else:
                charts.number(title, share, "nothing lost since")
        missing = sum(len(g.missing) for g in held.gaps)
        charts.number("Gaps", f"{len(held.gaps):,}", f"{missing:,} rows out of reach")


def draw_reach(compared: Compared, reference: ReferenceSet) -> float:
    """The slider of the threshold over how similarities are spread."""
    usual = compared.about["reach"]
    reach = st.slider(
        "Within reach from a similarity of",
        0.2,
        0.95,
        min(0.95, max(0.2, float(usual))),
        step=0.01,
        key=f"coverage-reach-{reference.slug}",
        help=f"Begins at {usual:.2f}: three of four of your own examples have another of yours at "
        "least as near.",
    )
    charts.histogram(
        compared.rows[compared.last],
        "similarity to the nearest example",
        [reach],
        height=130,
        key="coverage-histogram",
    )
    return float(reach)


def draw_gaps(project: Project, view: View, held: Held) -> None:
    """Regions out of reach; the one picked with its examples beside the nearest of ours."""
    gaps, reference = held.gaps, held.reference
    if not gaps:
        st.success("Every row of the reference set is within reach.", icon=":material/check:")
        return
    left, right = st.columns([6, 7], gap="medium")
    with left:
        key = f"coverage-gaps-{reference.slug}"
        picked = tables.draw(gap_frame(gaps), GAPS, key=key, tallest=560, pick=True)
        every = tuple(i for g in gaps for i in g.missing)
        st.download_button(
            f"Download all {len(every):,} prompts",
            partial(as_json_lines, held.compared, held.prompts, every),
            f"{reference.slug}-gaps.jsonl",
            "application/x-ndjson",
            icon=":material/download:",
            on_click="ignore",
            help="JSON Lines of the reference set's prompts out of reach: a list to write data for.",
        )
    with right:
        draw_gap(project, view, held, gaps[int(picked or 0)])


def draw_gap(project: Project, view: View, held: Held, gap: Gap) -> None:
    """One gap: what can be done about it, and its farthest rows beside the nearest of ours."""
    compared, prompts = held.compared, held.prompts
    st.markdown(f"**{markdown(gap.name)}** · {len(gap.missing):,} of {gap.size:,} out of reach")
    rows = view.dataset.rows
    closing = still_dropped(rows, gap.closing)
    with st.container(horizontal=True):
        st.download_button(
            f"Download {len(gap.missing):,} prompts",
            partial(as_json_lines, compared, prompts, gap.missing, gap.name),
            f"{held.reference.slug}-{slug(gap.name)}.jsonl",
            "application/x-ndjson",
            key="gap-download",
            icon=":material/download:",
            on_click="ignore",
        )
        if closing:
            about = f"They would bring {gap.closed:,} of the {len(gap.missing):,} within reach."
            actions.ask(project, KEEP, closing, "gap-keep", about=about)
    if closing:
        with st.expander(
            f"{len(closing):,} dropped within reach; they would close {gap.closed:,} of "
            f"{len(gap.missing):,}"
        ):
            tables.examples(rows.loc[closing], tallest=200)
    else:
        st.caption("No dropped row would close any of it: this has to be written or found.")
    heads = st.columns(2)
    heads[0].caption("The reference set asks, farthest first")
    heads[1].caption("The nearest that is kept")
    for i in gap.missing[:LISTED]:
        pair = st.columns(2)
        with pair[0].container(border=True, height="stretch"):
            draw_text(str(prompts.at[i]))
        ours = compared.rows.at[i, "nearest"]
        with pair[1].container(border=True, height="stretch"):
            st.caption(f"similarity {compared.rows.at[i, compared.last]:.2f}")
            if ours in rows.index:
                draw_text(str(rows.at[ours, "prompt"]))
            else:
                st.caption("It is no longer in the project.")


def draw_text(text: str) -> None:
    """Text of an example, as text, not too much of it."""
    st.text(text if len(text) <= CHARACTERS else text[:CHARACTERS].rstrip() + " …")


def draw_over(project: Project, compared: Compared) -> None:
    """Topics that stand for more of ours than of the reference set, and how much to cut."""
    if not compared.about["topics"]:
        st.caption("This needs topics: add the step Topics to the recipe and run it.")
        return
    left, right = st.columns([3, 3], vertical_alignment="center", gap="large")
    multiple = left.slider(
        "Cut to this many times a topic's share of the reference set",
        1.0,
        10.0,
        2.0,
        step=0.5,
        key="coverage-multiple",
    )
    untouched = right.toggle(
        "Cut also what the reference set never touches",
        key="coverage-untouched",
        help="Most sets hold more than one reference set asks for, so these stay unless you say so.",
    )
    over = over_represented(compared, multiple, untouched)
    if over.empty:
        st.success("No topic stands for more than that.", icon=":material/check:")
        return
    touched = over[over["reference"] > 0]
    never = over[over["reference"] == 0]
    n, cut = sum(compared.about["topics"].values()), int(over["cut"].sum())
    st.caption(
        f"{len(touched):,} topics have more than {multiple:g} times their share of the reference set, "
        f"{int(touched['beyond_chance'].sum()):,} of them beyond chance; {len(never):,} it never "
        f"touches. Cutting as listed leaves {n - cut:,} of {n:,} rows."
    )
    if st.button(
        f"Hand the budgets to Select: cut {cut:,}",
        key="coverage-hand",
        icon=":material/checklist:",
        disabled=not cut,
    ):
        quotas.HANDED.set(project, of_cuts(compared, over))
        st.switch_page("pages/deliver/select.py")
    st.caption(
        "A budget says how many of a topic are taken, not which: compare again after the selection, "
        "for it may leave out rows that are near the reference set."
    )
    untouched_columns = [c for c in OVER if c.name not in ("share_reference", "ratio")]
    for part, title, columns in (
        (touched, "More here than in the reference set", OVER),
        (never, "Never touched by the reference set", untouched_columns),
    ):
        if len(part):
            st.caption(f"**{title}**")
            tables.draw(part, columns, tallest=320)


def draw_copies(project: Project, view: View, held: Held) -> None:
    """Examples that may be rows of the reference set, beside these, and a button that drops them."""
    left, right = st.columns([3, 3], vertical_alignment="center", gap="large")
    least = left.slider("From a similarity of", 0.8, 1.0, COPY, step=0.01, key="coverage-copies")
    pairs = copies_kept(copies(held.compared, float(least)), held.prompts, view.dataset.rows)
    right.caption(
        "A benchmark whose questions stand in the training data measures memory. Read the pairs: "
        "alike is not the same. To find questions with other answers, compare by prompts only."
    )
    if pairs.empty:
        st.success(
            "No example is that similar to a row of the reference set.", icon=":material/check:"
        )
        return
    examples = list(dict.fromkeys(pairs["example"]))
    actions.ask(project, DROP, examples, "coverage-drop-copies")
    tables.draw(pairs, COPIES, tallest=400)


def draw_map(view: View, held: Held) -> None:
    """Both sets on our map."""
    rows = view.dataset.rows
    if "map_x" not in rows or held.compared.rows["map_x"].isna().all():
        st.caption("There is no map: add the step Map to the recipe and run it.")
        return
    ours = rows[rows["map_x"].notna() & rows["dropped_by"].isna()]
    st.plotly_chart(
        held.figure(ours, view.fingerprint),
        key="coverage-map",
        width="stretch",
        config={"scrollZoom": True, "displaylogo": False, "modeBarButtonsToRemove": ["toImage"]},
    )
    st.caption(
        "A row of the reference set is drawn between its nearest examples, so one out of reach lies where "
        "it would belong, not beside anything like it."
    )


def draw_compared(project: Project, view: View, reference: ReferenceSet, wanted: str) -> None:
    """The comparison that is wanted, or else the newest there is, with a word on it."""
    known = drawing.comparison(reference, wanted)
    if known is None:
        st.caption("Not compared yet.")
        return
    name, compared = known
    if name != wanted:
        st.info(
            "The data, the recipe, the decisions or what is compared have changed since this was "
            "computed; compare again to see it as it is.",
            icon=":material/history:",
        )
    numbers, slider = st.columns([7, 4], gap="large")
    with slider:
        reach = draw_reach(compared, reference)
    held = drawing.held(reference, name, compared, reach)
    with numbers:
        draw_numbers(held)
        st.caption(drawing.basis(compared))
        if (lost := compared.lost_by_choice(reach)) >= 0.01:
            st.warning(
                f"The selection takes {lost * 100:.1f} points of the reference set out of reach: its budget "
                "or its quotas leave out rows that are near the reference set.",
                icon=":material/trending_down:",
            )
        part = st.segmented_control(
            "Show",
            ["Map", "Gaps", "Over-represented", "Copies"],
            default="Map",
            key="coverage-part",
            required=True,
            label_visibility="collapsed",
            persist_state="session",
        )
    if part == "Gaps":
        draw_gaps(project, view, held)
    elif part == "Over-represented":
        draw_over(project, compared)
    elif part == "Copies":
        draw_copies(project, view, held)
    else:
        draw_map(view, held)


def draw() -> None:
    """The page."""
    shell.header(
        "Coverage",
        "Hold the dataset against a benchmark, a task or another set: what it lacks, what it has "
        "too much of.",
    )
    project, view = state.need_view()
    shell.stale(view)
    found = project.references.all()
    if new := reference_sets.just_added(project, found):
        set_widget("coverage-target", new.slug)
    if not found:
        st.info(
            "There is no reference set yet. Add the set of texts that your data should cover.",
            icon=":material/my_location:",
        )
        with st.container(border=True):
            reference_sets.adding(project)
        return
    reference, of = draw_choice(project, found)
    if view.dataset.vectors is None:
        st.info(
            "A comparison needs embeddings: add the step Embeddings and run the recipe.",
            icon=":material/scatter_plot:",
        )
        return
    draw_compared(project, view, reference, comparison_key(project, reference, of))


draw()
