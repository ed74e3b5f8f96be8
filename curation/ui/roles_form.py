"""The owner's form on the Team page: who may do what in the project."""

from __future__ import annotations

import streamlit as st

from curation import roles
from curation.project import Project
from curation.ui import state
from curation.ui.slots import widget_value

NONE = "no role"
"""The choice that takes a role away."""


def draw(project: Project) -> None:
    """Draw the people with their roles, and fields for another; nothing for people who are no owners."""
    if not roles.is_enforced() or not state.owns(project):
        return
    team = roles.read_team(project.path)
    # Its title never changes, because a panel with another title is drawn anew, and closed.
    with st.expander("Roles", icon=":material/badge:"):
        meanings = [f"**{role.capitalize()}**: {about}." for role, about in roles.ROLES.items()]
        st.caption("  \n".join(meanings))
        if not team:
            st.info("Nobody but the owners of the server sees this project yet.")
        for address in sorted(team):
            _draw_person(project, address, team[address])
        with st.form("role", border=False, clear_on_submit=True):
            field, choice, go = st.columns([6, 3, 3], vertical_alignment="bottom")
            field.text_input(
                "E-mail address",
                key="role-address",
                placeholder="ann@example.org",
                max_chars=300,
                help="*@example.org gives the role to everybody of a domain. The role of an address "
                "goes before that of its domain.",
            )
            choice.selectbox("Role", list(roles.ROLES), index=1, key="role-role")
            go.form_submit_button(
                "Give the role",
                type="primary",
                width="stretch",
                on_click=_add,
                args=(project,),
            )
        st.caption("Owners of the server are owners here too; its settings name them.")


def _draw_person(project: Project, address: str, role: str) -> None:
    """Draw one address with its role, which can be changed or taken away."""
    name, choice = st.columns([9, 3], vertical_alignment="center")
    name.text(address)
    key = f"role-of-{address}-{role}"  # the role too: a choice that somebody else changed is drawn anew
    choice.selectbox(
        f"Role of {address}",
        [*roles.ROLES, NONE],
        index=list(roles.ROLES).index(role),
        key=key,
        label_visibility="collapsed",
        on_change=_change,
        args=(project, address, key),
    )


def _add(project: Project) -> None:
    with state.flashing_errors():
        state.present(project)
        address = str(widget_value("role-address") or "")
        roles.give_role(project.path, address, str(widget_value("role-role")))
        state.flash(f"{address.strip()} has a role now", ":material/badge:")


def _change(project: Project, address: str, key: str) -> None:
    with state.flashing_errors():
        state.present(project)
        role = str(widget_value(key))
        roles.give_role(project.path, address, "" if role == NONE else role)
        state.flash(f"{address}: {role}", ":material/badge:")
