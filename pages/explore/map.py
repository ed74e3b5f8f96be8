"""Map: see what the data covers, draw around a region, act on everything in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from curation.embedding.neighbours import trustworthiness
from curation.errors import CurationError
from curation.project import Project, View
from curation.recipe import replace_params
from curation.selection import spread_out
from curation.ui import actions, cards, charts, frame, search, state, tables
from curation.ui import map as maps
from curation.ui.text import markdown

COLOURS = (
    "theme",
    "topic",
    "dropped_by",
    "verdict",
    "label",
    "tags",
    "source",
    "language",
    "split",
    "quality",
    "response_tokens",
)
COMPARED = 1_500
"""Rows of the rest, spread over all of it, with which the words of a selection are compared."""
MEASURED = 60_000_000
"""Pairs of examples that the map's trustworthiness is measured on: a second or two."""
SPREAD = 20
"""Examples that stand for a selection."""


@st.cache_resource(max_entries=12, show_spinner=False)
def figure(
    path: str,
    fingerprint: str,
    colour: str,
    about: str,
    names: bool,
    part: maps.Range | None,
    _rows: pd.DataFrame,
    _meets: np.ndarray,
    _behind: np.ndarray,
) -> go.Figure:
    """The figure of a view; the key says all that it depends on."""
    needed = [c for c in dict.fromkeys(("map_x", "map_y", "prompt", "topic", colour)) if c in _rows]
    ground = _rows[["map_x", "map_y", colour]][_behind] if _behind.any() else None
    return maps.figure(_rows[needed][_meets], colour, names=names, part=part, ground=ground)


@st.cache_resource(max_entries=8, show_spinner=False)
def treemap(
    path: str, fingerprint: str, colour: str, about: str, _rows: pd.DataFrame, _meets: np.ndarray
) -> go.Figure:
    """The treemap of a view; the key says all that it depends on."""
    needed = dict.fromkeys(("theme", "topic", "dropped_by", colour))
    return maps.treemap(_rows[[c for c in needed if c in _rows]][_meets], colour)


@dataclass(frozen=True)
class Special:
    """What is special about a selection: its own words, sentences, and ids that stand for it."""

    words: list[str]
    lines: list[str]
    spread: list[str]


@st.cache_resource(max_entries=24, show_spinner=False)
def special(
    path: str, fingerprint: str, about: str, _view: View, _chosen: np.ndarray, _rest: np.ndarray
) -> Special:
    """What sets the chosen rows apart from the rest; `about` is a digest of which they are."""
    rows, vectors = _view.dataset.rows, _view.dataset.vectors
    texts = [rows.iloc[evenly(mask, n)] for mask, n in ((_chosen, 600), (_rest, COMPARED))]
    words = maps.special_words(*([*(t["prompt"] + " " + t["response"])] for t in texts))
    few = evenly(_chosen, 20_000)
    if vectors is not None:
        few = few[~np.isnan(vectors[few, 0])]
        few = few[spread_out(vectors[few], SPREAD)]
    lines = [*by_share(rows, _chosen, _rest), *by_median(rows, _chosen, _rest)]
    return Special(words, lines, list(rows.index[few[:SPREAD]]))


def digest(chosen: np.ndarray) -> str:
    """A digest of which rows are chosen, for a cache's key."""
    return hashlib.blake2b(np.packbits(chosen).tobytes(), digest_size=12).hexdigest()


def evenly(chosen: np.ndarray, count: int) -> np.ndarray:
    """Positions of at most so many of the chosen rows, evenly spread over all of them."""
    at = np.flatnonzero(chosen)
    return at[np.unique(np.linspace(0, len(at) - 1, count).astype(int))] if len(at) else at


def by_share(rows: pd.DataFrame, chosen: np.ndarray, rest: np.ndarray) -> list[str]:
    """Categories that are more frequent here than elsewhere."""
    lines = []
    for column in ("language", "source", "label", "theme", "dropped_by"):
        if column in rows and rows[column][chosen].notna().any():
            share = rows[column][chosen].fillna("").value_counts(normalize=True)
            usual = rows[column][rest].fillna("").value_counts(normalize=True)
            lift = (share - usual.reindex(share.index).fillna(0)).sort_values(ascending=False)
            if lift.iloc[0] > 0.1 and lift.index[0]:
                lines.append(
                    f"{column.replace('_', ' ')} {markdown(lift.index[0])}: "
                    f"{share[lift.index[0]]:.0%} here, {usual.get(lift.index[0], 0):.0%} elsewhere"
                )
    return lines


def by_median(rows: pd.DataFrame, chosen: np.ndarray, rest: np.ndarray) -> list[str]:
    """The scores whose medians differ most, measured by their spread elsewhere."""
    found = []
    for column in tables.numbers(rows):
        here, there = (rows[column][mask].dropna().astype(float) for mask in (chosen, rest))
        if len(here) and len(there) > 10:
            spread = float(there.quantile(0.9) - there.quantile(0.1))
            apart = float(here.median() - there.median())
            if spread > 0 and abs(apart) > 0.2 * spread:
                text = f"median {here.median():.3g} here, {there.median():.3g} elsewhere"
                found.append((-abs(apart) / spread, f"{column.replace('_', ' ')}: {text}"))
    return [line for _, line in sorted(found)[:4]]


def keep_shapes(project: Project) -> None:
    """Note what was drawn, as the chart's callback: a figure that changes would forget it."""
    drawn = st.session_state["map-chart"]["selection"]
    shapes = {kind: drawn[kind] for kind in ("lasso", "box") if drawn.get(kind)}
    state.look_at(project, shapes=shapes)


def keep_group(project: Project) -> None:
    """Note which theme or topic was clicked in the treemap; a second click lets it go."""
    points = st.session_state["map-treemap"]["selection"]["points"]
    if points:
        group = tuple(str(points[0].get("id", "")).split("\x1f"))
        former = state.map_view(project).group
        state.look_at(project, group=() if group in (former, ("",)) else group)


def in_group(rows: pd.DataFrame, group: tuple[str, ...]) -> np.ndarray:
    """True for each row of a theme or topic."""
    chosen = np.ones(len(rows), dtype=bool)
    for column, value in zip(("theme", "topic"), group, strict=False):
        if column in rows:
            chosen &= (rows[column].fillna("") == value).to_numpy(dtype=bool)
    return chosen


def draw_selection(
    project: Project, view: View, on_map: np.ndarray, chosen: np.ndarray, title: str
) -> None:
    """What is in the selection, what is special about it, and what can be done with it."""
    rows, looking = view.dataset.rows, state.map_view(project)
    part = rows[chosen]
    st.subheader(f"{len(part):,} {title}", anchor=False)
    actions.bulk_buttons(project, list(part.index), "map")
    with st.container(horizontal=True):
        if looking.shapes:
            st.button(
                "Zoom",
                key="map-zoom",
                icon=":material/zoom_in:",
                help="Draw this part from all of its rows.",
                on_click=state.look_at,
                args=(project,),
                kwargs={"part": maps.around(part), "shapes": {}},
            )
            st.button(
                "Let go",
                key="map-let-go",
                icon=":material/deselect:",
                on_click=state.look_at,
                args=(project,),
                kwargs={"shapes": {}},
            )
        if "topic" in part and part["topic"].notna().any():
            draw_quota(project, part)
    about = digest(chosen)
    found = special(str(project.path), view.fingerprint, about, view, chosen, on_map & ~chosen)
    if found.words:
        st.caption("Its own words: " + " · ".join(markdown(w) for w in found.words))
    for line in found.lines:
        st.caption(line)
    draw_list(project, rows, part, found.spread, about)


def draw_quota(project: Project, part: pd.DataFrame) -> None:
    """A field that lets the selection take no more than so many of a topic."""
    with st.popover("Quota", icon=":material/pie_chart:"):
        sizes = part["topic"].value_counts()
        topic = st.selectbox(
            "Topic",
            sizes.index,
            key="map-quota-topic",
            format_func=lambda t: f"{t} ({sizes[t]:,} here)",
        )
        most = st.number_input("Choose at most", 0, None, value=100, step=10, key="map-quota-most")
        st.button(
            "Hand it to Select",
            key="map-quota-go",
            type="primary",
            on_click=hand_quota,
            args=(project, str(topic), int(most)),
        )


def hand_quota(project: Project, topic: str, most: int) -> None:
    """Let the Select page open with a quota of a topic beside those that were set before."""
    now = next((s.params for s in project.recipe.steps if s.use == "select_diverse"), {})
    now = st.session_state.get("select-handed", {}).get(str(project.path)) or now
    others = [q for q in now.get("quotas", []) if q.rpartition("=")[0].strip() != topic]
    handed = {**now, "balance": "topic", "quotas": [*others, f"{topic} = {most}"]}
    st.session_state["select-handed"] = {str(project.path): handed}
    state.flash(f"At most {most:,} of “{topic}”: the Select page has it, not saved yet.")


@st.fragment
def draw_list(
    project: Project, rows: pd.DataFrame, part: pd.DataFrame, spread: list[str], about: str
) -> None:
    """Examples of the selection, and the one that was clicked; redrawn without the map."""
    which = st.segmented_control(
        "Examples",
        ["spread out", "all"],
        default="spread out",
        key="map-which",
        required=True,
        label_visibility="collapsed",
        persist_state="session",
        help=f"{SPREAD} that lie far from each other, or the list of all",
    )
    shown = part.loc[spread] if which == "spread out" else part
    picked = tables.pick(shown, f"map-table-{which}", [], height=260)
    if picked:
        with st.container(border=True):
            cards.fate(rows.loc[picked])
            cards.conversation(rows.at[picked, "messages"])
            if st.button("Show on the map", key="map-show", icon=":material/my_location:"):
                state.look_at(project, marked=picked)
                st.rerun(scope="app")


def draw_topics(project: Project, chosen: tuple[str, ...]) -> None:
    """What was clicked in the treemap and a field for another name; else how colours count."""
    if not chosen:
        st.caption(":material/category: Click a tile to see its examples and to rename it.")
        return
    st.caption(" › ".join(markdown(name) for name in chosen))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Another name", key=f"rename-{chosen[-1]}", placeholder=chosen[-1])
        st.button(
            "Rename",
            key="map-rename",
            icon=":material/edit:",
            disabled=not name.strip() or name.strip() == chosen[-1],
            on_click=rename,
            args=(project, chosen, name.strip()),
        )
    st.button(
        "Show on the map",
        key="map-of-topic",
        icon=":material/scatter_plot:",
        on_click=to_map,
    )


def to_map() -> None:
    """Draw the map instead of the treemap."""
    st.session_state["map-picture"] = "map"


def rename(project: Project, group: tuple[str, ...], name: str) -> None:
    """Give a theme or topic another name by a step of the recipe."""
    from curation.naming import original_names, renamed

    recipe = project.recipe
    try:
        other = renamed(recipe, group[-1], name, original_names(project.view().dataset))
        project.save_recipe(other, recipe.revision)
    except CurationError as error:
        state.flash(str(error), ":material/error:")
        return
    state.look_at(project, group=(*group[:-1], name))
    frame.start_run(project)  # everything but the names is remembered


def draw_about(project: Project, view: View, on_map: np.ndarray) -> None:
    """How true the map is, what it rests on, and drawing it anew."""
    st.markdown("**How true is this map?**")
    made = next((r.fingerprint for r in view.dataset.steps if "map_x" in r.columns), "")
    some = int(np.clip(MEASURED // max(1, int(on_map.sum())), 50, 1_000))
    value = trust(str(project.path), made, some, view, on_map)
    if value is not None:
        st.caption(
            f"Trustworthiness {value:.3f} of 1: how far the 15 nearest on the map are near in "
            f"meaning, measured on {some:,} examples. Distances between far groups mean little."
        )
    for line in frame.about_vectors(project, view):
        st.caption(line)
    st.button(
        "Draw anew",
        key="map-anew",
        icon=":material/restart_alt:",
        help="New examples are put between their nearest, so that nothing else moves. "
        "Drawing anew lets all of them shape the map and the topics; everything may move.",
        on_click=draw_anew,
        args=(project,),
    )


def draw_anew(project: Project) -> None:
    """Take the next seed for what keeps its places, so that all examples shape it, and run."""
    recipe = other = project.recipe
    for at, step in enumerate(recipe.steps):
        if "basis" in step.operation.inputs:
            seed = int(step.arguments["seed"]) + 1
            other = other.changed(at, replace_params(step, {**step.params, "seed": seed}))
    try:
        project.save_recipe(other, recipe.revision)
    except CurationError as error:
        state.flash(str(error), ":material/error:")
        return
    frame.start_run(project)


@st.cache_resource(max_entries=8, show_spinner="Measuring …")
def trust(path: str, fingerprint: str, some: int, _view: View, _on_map: np.ndarray) -> float | None:
    """Trustworthiness of the map; None where no row has a vector."""
    vectors = _view.dataset.vectors
    if vectors is None:
        return None
    here = np.flatnonzero(_on_map & ~np.isnan(vectors[:, 0]))
    if len(here) < 10:
        return None
    plane = _view.dataset.rows[["map_x", "map_y"]].to_numpy(dtype=float)
    return trustworthiness(vectors[here], plane[here], sample=some)


def draw() -> None:
    """The page."""
    project, view = state.need_view()
    frame.header(
        "Map",
        "Examples that mean alike lie together: draw around a region, list it, act on all of it.",
    )
    frame.stale(view)
    rows = view.dataset.rows
    if "map_x" not in rows:
        st.info(
            "There is no map yet: the recipe needs the steps Embeddings and Map, and a run.",
            icon=":material/scatter_plot:",
        )
        return
    hits = search.controls(project, view, "map")
    looking = state.map_view(project)
    bar = st.container(horizontal=True, vertical_alignment="center")
    picture = bar.segmented_control(
        "Picture",
        ["map", "treemap"],
        default="map",
        key="map-picture",
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    options = [c for c in COLOURS if c in rows and rows[c].notna().any()]
    options += [c for c in tables.numbers(rows) if c not in options]
    colour = bar.selectbox(
        "Colour",
        options,
        key="map-colour",
        persist_state="session",
        format_func=lambda c: c.replace("_", " "),
        label_visibility="collapsed",
        icon=":material/palette:",
        width=260,
    )
    names = bar.toggle("Names", value=True, key="map-names", persist_state="session")
    narrowed = tables.narrowed("map")
    with bar.popover(f"Filter ({narrowed})" if narrowed else "Filter", icon=":material/tune:"):
        condition = tables.filters(rows, "map")
    on_map = rows["map_x"].notna().to_numpy()
    filtered = on_map & condition.mask(rows)
    meets = filtered & in_group(rows, looking.group)
    with bar.popover("About", icon=":material/info:"):
        draw_about(project, view, on_map)
    draw_chips(project, looking, bar)
    if not meets.any():
        st.caption("No example meets these conditions.")
        return
    found = np.zeros(len(rows), dtype=bool) if hits is None else hits.mask
    left, right = st.columns([9, 4], gap="medium")
    with left:
        if picture == "treemap":
            if "topic" not in rows:
                st.caption("There are no topics yet: add the step Topics and run the recipe.")
                return
            st.plotly_chart(
                treemap(
                    str(project.path),
                    view.fingerprint,
                    str(colour),
                    digest(filtered),
                    rows,
                    filtered,
                ),
                key="map-treemap",
                on_select=lambda: keep_group(project),
                width="stretch",
                config={"displaylogo": False, "displayModeBar": False},
            )
        else:
            draw_map(project, view, str(colour), names, on_map, meets, found & meets)
        draw_count(int(meets.sum()), len(rows) - int(on_map.sum()))
    with right:
        draw_side(
            project,
            view,
            on_map,
            meets,
            None if hits is None else found,
            picture == "treemap",
        )


def draw_chips(project: Project, looking: state.MapView, bar: DeltaGenerator) -> None:
    """What the map is narrowed to, each with a click to let go."""
    if looking.group:
        bar.button(
            markdown(looking.group[-1], 32),
            key="map-group",
            icon=":material/close:",
            on_click=state.look_at,
            args=(project,),
            kwargs={"group": ()},
        )
    if looking.marked:
        bar.button(
            "Ring",
            key="map-ring",
            icon=":material/close:",
            help="Let go of the example that was shown on the map.",
            on_click=state.look_at,
            args=(project,),
            kwargs={"marked": ""},
        )
    if looking.part:
        bar.button(
            "Whole map",
            key="map-whole",
            icon=":material/zoom_out_map:",
            on_click=state.look_at,
            args=(project,),
            kwargs={"part": None},
        )


def draw_count(shown: int, missing: int) -> None:
    """How much of all is drawn."""
    drawn = (
        f"{shown:,} examples." if shown <= maps.POINTS else f"{maps.POINTS:,} of {shown:,} drawn"
    )
    if shown > maps.POINTS:
        drawn += "; what you draw around counts all of them."
    st.caption(drawn + (f" {missing:,} were dropped before they were embedded." if missing else ""))


def draw_map(
    project: Project,
    view: View,
    colour: str,
    names: bool,
    on_map: np.ndarray,
    meets: np.ndarray,
    found: np.ndarray,
) -> None:
    """The map with what was found, marked and drawn on it."""
    looking = state.map_view(project)
    rows, about = view.dataset.rows, digest(meets)
    key = (str(project.path), view.fingerprint, colour, about, names, looking.part)
    drawn = figure(*key, rows, meets, on_map & ~meets)
    ringed = rows.iloc[np.flatnonzero(found)[:2_000]]
    title = f"found ({int(found.sum()):,})" if len(ringed) else "this one"
    if looking.marked in rows.index and pd.notna(rows.at[looking.marked, "map_x"]):
        ringed = pd.concat(
            [rows.loc[[looking.marked]], ringed.drop(looking.marked, errors="ignore")]
        )
    if len(ringed) or looking.shapes:
        drawn = maps.with_marks(drawn, ringed, looking.shapes, title)
    st.plotly_chart(
        drawn,
        key="map-chart",
        on_select=lambda: keep_shapes(project),
        selection_mode=("lasso", "box"),
        width="stretch",
        config={
            "scrollZoom": True,
            "displaylogo": False,
            "modeBarButtonsToRemove": ["toImage"],
        },
    )


def draw_side(
    project: Project,
    view: View,
    on_map: np.ndarray,
    meets: np.ndarray,
    found: np.ndarray | None,
    treemap_: bool,
) -> None:
    """Beside the picture: the selection where there is one, else what there is to do."""
    rows, looking = view.dataset.rows, state.map_view(project)
    if treemap_:
        draw_topics(project, looking.group)
    chosen, title = meets, "in it" if looking.group else "meet the filter"
    if found is not None and (chosen & found).any():
        chosen, title = chosen & found, "found"
    if looking.shapes and not treemap_:
        chosen, title = chosen & maps.selected(rows, looking.shapes), "selected"
    if chosen.any() and not (title == "meet the filter" and (chosen == on_map).all()):
        draw_selection(project, view, on_map, chosen, title)
        return
    if not treemap_:
        st.caption(
            ":material/lasso_select: Draw around points to see what they are. "
            "Scroll to zoom; double-click to let go."
        )
        colour = st.session_state["map-colour"]
        if colour and pd.api.types.is_numeric_dtype(rows[colour]):
            charts.distribution(rows[colour][meets], colour, key="map-counts")


draw()
