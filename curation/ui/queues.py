"""Saved queues on the pages: a popover that saves one and opens it, and the list that keeps them in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from curation.dataset import Dataset
from curation.errors import CurationError
from curation.looking.columns import categories, numbers, plain_name
from curation.looking.filter import Filter
from curation.looking.masks import Ids, Positions
from curation.looking.orders import OF_NUMBERS, ORDERS, UNSURE, Order
from curation.looking.result import SearchResult
from curation.looking.search import is_embedded
from curation.project import Project
from curation.saved_queues import LONGEST, SavedQueue, SavedQueues
from curation.text.counted import counted
from curation.ui import state
from curation.ui.slots import widget_value
from curation.ui.text import markdown

PAGE = "pages/review/annotate.py"


def draw_count(
    project: Project,
    dataset: Dataset,
    positions: Positions,
    chosen: Filter,
    result: SearchResult | None,
    key: str,
) -> None:
    """Draw the number of examples of a filter and a search, and the popover that saves them as a queue.

    A filter and a search by words are rules that new examples may meet; other searches rank all
    examples, and their best are kept.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"**{len(positions):,}** of {counted(len(dataset), 'example')}")
        ranked = result is not None and bool(result.name)
        rule = None if ranked else replace(chosen, words=result.query if result else "")
        review_these(project, dataset, Ids(dataset.rows.index, positions), key, rule)


def review_these(
    project: Project, dataset: Dataset, ids: Sequence[str], key: str, rule: Filter | None = None
) -> None:
    """Draw the popover that saves examples as a queue and opens it on the Annotate page.

    ids: the examples, in their order. rule: the filter that they meet, where the queue is to follow
    it; without one the queue keeps these examples.
    """
    with st.popover(
        "Review these…", icon=":material/checklist:", disabled=not ids, key=f"{key}-queue"
    ):
        st.caption(
            f"{counted(len(ids), 'example')} now. The queue holds what meets the filter, also later."
            if rule is not None
            else f"The queue holds {'this' if len(ids) == 1 else 'these'} {counted(len(ids), 'example')}."
        )
        name = st.text_input(
            "Name", key=f"{key}-queue-name", max_chars=LONGEST, placeholder="e.g. long answers"
        )
        order = _order(dataset, f"{key}-queue")
        count = st.number_input(
            "Only a random sample of",
            min_value=0,
            max_value=len(ids),
            value=0,
            key=f"{key}-queue-sample",
            help="0 takes all. A sample keeps its examples, also when others come to meet the filter.",
        )
        if st.button("Save and open", type="primary", key=f"{key}-queue-save"):
            try:
                queue = _made(str(name or ""), order, dataset, ids, rule, int(count))
                queue.waiting(dataset, project.people())  # before it is saved: it has no fault
                saved = SavedQueues(project.path).save(queue)
            except CurationError as error:
                st.error(markdown(error, 400), icon=":material/error:")
                return
            st.switch_page(
                PAGE, query_params={"project": state.address(project.path), "queue": saved.name}
            )


def _made(
    name: str,
    order: Order,
    dataset: Dataset,
    ids: Sequence[str],
    rule: Filter | None,
    count: int,
) -> SavedQueue:
    by = state.annotator()
    if count:
        return SavedQueue.sampled(name, order, ids, count, by=by)
    if rule is not None:
        return SavedQueue(name, order, rule, by=by)
    return SavedQueue(name, order, ids=tuple(ids), by=by)


def offered(dataset: Dataset) -> list[str]:
    """Return the kinds of orders that a dataset has what they read for."""
    missing = set[str]()
    if not numbers(dataset):
        missing |= set(OF_NUMBERS)
    if dataset.column("outlier") is None:
        missing.add("outliers")
    if not is_embedded(dataset.steps):
        missing.add("uncertain")
    if not categories(dataset):
        missing.add("turns")
    return [kind for kind in ORDERS if kind not in missing]


def _order(dataset: Dataset, key: str) -> Order:
    """Draw the widgets of an order and return it."""
    kind = st.selectbox(
        "Order",
        offered(dataset),
        format_func=lambda k: ORDERS[k][0],
        key=f"{key}-order",
    )
    st.caption(ORDERS[str(kind)][1])
    column, number = "", 0.0
    if kind in OF_NUMBERS:
        column = st.selectbox(
            "Column", numbers(dataset), format_func=plain_name, key=f"{key}-column"
        )
    if kind == "nearest":
        number = st.number_input("Threshold", value=0.5, key=f"{key}-number", format="%g")
    if kind == "turns":
        names = categories(dataset)
        first = names.index("topic") if "topic" in names else 0
        column = st.selectbox(
            "One of each", names, first, format_func=plain_name, key=f"{key}-group"
        )
    if kind == "suggested":
        column = UNSURE if st.toggle("The least sure first", key=f"{key}-unsure") else ""
    return Order(str(kind), str(column or ""), float(number))


def manage(project: Project) -> None:
    """Draw the saved queues with their contents, to rename and delete; nothing where there are none."""
    queues, problems = SavedQueues(project.path).all()
    if not queues and not problems:
        return
    with st.expander(f"Saved queues ({len(queues)})", icon=":material/checklist:"):
        for queue in queues:
            name, rename, delete = st.columns([8, 2, 2], vertical_alignment="center")
            by = f" · saved by {markdown(queue.by, 60)}" if queue.by else ""
            name.markdown(f"**{markdown(queue.name)}**  \n{markdown(queue.about, 300)}{by}")
            _rename(project, queue.name, rename)
            with delete.popover("Delete…", key=f"queue-delete-{queue.name}", width="stretch"):
                st.markdown(
                    f"Delete the queue **{markdown(queue.name)}**? Its examples and answers stay."
                )
                st.button(
                    "Yes, delete it",
                    key=f"queue-delete-{queue.name}-go",
                    type="primary",
                    on_click=partial(_delete, project, queue.name),
                )
        for problem in problems:
            st.caption(f":material/warning: {markdown(problem, 300)}")


def _rename(project: Project, name: str, place: st.delta_generator.DeltaGenerator) -> None:
    with place.popover("Rename…", key=f"queue-rename-{name}", width="stretch"):
        field = f"queue-rename-{name}-to"
        st.text_input("New name", value=name, max_chars=LONGEST, key=field)
        st.button(
            "Rename",
            key=f"queue-rename-{name}-go",
            type="primary",
            on_click=partial(_renamed, project, name, field),
        )


def _renamed(project: Project, name: str, field: str) -> None:
    with state.flashing_errors():
        state.present(project)
        new = SavedQueues(project.path).rename(name, str(widget_value(field) or "")).name
        state.flash(f"{name} is now {new}")


def _delete(project: Project, name: str) -> None:
    with state.flashing_errors():
        state.present(project)
        SavedQueues(project.path).delete(name)
        state.flash(f"{name} is deleted")
