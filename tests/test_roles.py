"""Roles are enforced below the interface: every function that changes a project asks for one."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from curation import Project, commands, forms, guidelines, jobs, roles, runs, settings
from curation.decisions import Decision, as_one_act
from curation.decisions.moments import changes_since, return_to
from curation.demo import make_demo
from curation.errors import CurationError, NotAllowed
from curation.looking.filter import Filter
from curation.questions import write_questions
from curation.recipe import Recipe, Step
from curation.review import change_review
from curation.roles import ANNOTATOR, OWNER, READER, Person
from curation.saved_queues import SavedQueue, SavedQueues
from curation.suggestions import Suggestion, Suggestions
from tests.conftest import ROOT

ANN = Person("ann@lab.example", "Ann")
BOB = "bob@lab.example"
HOST = Person("host@lab.example", "Host", is_host=True)


@contextmanager
def acting(person: Person | None) -> Iterator[None]:
    """Act as a person in a server that enforces roles."""
    roles.enforce(lambda: person)
    try:
        yield
    finally:
        roles.enforce(None)


@pytest.fixture
def project(make_project):
    rows = [
        {"prompt": "Where is the river?", "completion": "Behind the mill."},
        {"prompt": "Name a planet.", "completion": "Saturn."},
        {"completion": 7},
    ]
    project = make_project(rows, Step("drop_exact_duplicates"))
    assert len(project.rejected) == 1
    return project


def rank(project: Project, role: str) -> None:
    if role:
        roles.give_role(project.path, ANN.email, role)


# --- a list of everything that writes, which the test below keeps complete ------------------------


def decision(project: Project, kind: str = "keep", value=None, name: str = ANN.email, **more):
    example = "guidelines" if kind == "guideline" else str(project.examples.rows.index[0])
    return Decision(example, kind, value, name, **more)


def lease(project: Project, name: str = ANN.email) -> list[str]:
    ids = [str(i) for i in project.examples.rows.index]
    return project.decisions.leases.take("p", name, ids, 1, overlap=lambda _: 1, waiting=2)


def a_run(project: Project) -> runs.Run:
    with roles.by_program():
        return runs.create(project.path, {})


def a_queue(project: Project, name: str) -> SavedQueues:
    with roles.by_program(), suppress(CurationError):  # it is there
        SavedQueues(project.path).save(SavedQueue(name, filter=Filter.parse([], "river")))
    return SavedQueues(project.path)


def a_reference(project: Project) -> None:
    with roles.by_program():
        project.references.add(project.path.parent / "rows.jsonl", "other")


SUGGESTION = Suggestion("e", "label", "tea", "m", None, "c")


def a_suggestion(project: Project) -> None:
    with roles.by_program():
        Suggestions(project.path).put([SUGGESTION])


BESIDE = {"question": "verdict", "value": "keep", "source": "m", "score": None, "shown": True}

HOSTS = "host"

CHANGES: dict[str, tuple[str, Callable[[Project], object]]] = {
    "append": (ANNOTATOR, lambda p: p.decisions.append([decision(p)])),
    "undo": (ANNOTATOR, lambda p: p.decisions.undo(ANN.email)),
    "redo": (ANNOTATOR, lambda p: p.decisions.redo(ANN.email)),
    "lease": (ANNOTATOR, lease),
    "settle": (
        OWNER,
        lambda p: p.decisions.append(
            [decision(p, "settle", {"question": "verdict", "value": "keep"})]
        ),
    ),
    "decide for another": (OWNER, lambda p: p.decisions.append([decision(p, name=BOB)])),
    "forge guidelines": (OWNER, lambda p: p.decisions.append([decision(p, "guideline", "x")])),
    "undo another's": (OWNER, lambda p: p.decisions.undo(ANN.email, op_id="of-bob")),
    "append an undo": (
        OWNER,
        lambda p: p.decisions.append([decision(p, "undo", {"op_id": "of-bob"})]),
    ),
    "undo a batch of others": (OWNER, lambda p: p.decisions.undo(ANN.email, batch="bobs")),
    "give another's answer a reason": (
        OWNER,
        lambda p: p.decisions.append([decision(p, "note", "careless", op_id="of-bob:reason")]),
    ),
    "give another's answer a suggestion": (
        OWNER,
        lambda p: p.decisions.append([decision(p, "suggested", BESIDE, op_id="of-bob:suggested")]),
    ),
    "join an act of another": (
        OWNER,
        lambda p: p.decisions.append([decision(p, op_id="new", batch="bobs")]),
    ),
    "decide as another's import": (
        OWNER,
        lambda p: p.decisions.append([decision(p, batch=f"import:{BOB}:1")]),
    ),
    "return": (
        OWNER,
        lambda p: return_to(p.decisions, changes_since(p.decisions, 0), ANN.email),
    ),
    "guidelines": (
        OWNER,
        lambda p: guidelines.write_guidelines(p.path, p.decisions, "Be kind.", ANN.email),
    ),
    "recipe": (OWNER, lambda p: p.save_recipe(Recipe(), p.recipe.revision)),
    "recipe set": (OWNER, lambda p: setattr(p, "recipe", Recipe())),
    "review": (OWNER, lambda p: change_review(p.path, overlap=2)),
    "questions": (OWNER, lambda p: write_questions(p.path, [])),
    "about": (OWNER, lambda p: settings.write_about(p.path, {"purpose": "tea"})),
    "add": (OWNER, lambda p: p.add(p.path.parent / "more.jsonl")),
    "mend": (OWNER, lambda p: p.mend("rows.jsonl", 3, '{"prompt": "Why?", "completion": "So."}')),
    "rebuild": (OWNER, lambda p: p.rebuild()),
    "run": (OWNER, lambda p: p.run()),
    "export": (OWNER, lambda p: p.export(p.path / "exports" / "x")),
    "start": (OWNER, lambda p: jobs.cancel(p.path, jobs.start(p.path, commands.run(p.path)))),
    "cancel": (OWNER, lambda p: jobs.cancel(p.path, "none")),
    "queue": (
        OWNER,
        lambda p: SavedQueues(p.path).save(SavedQueue("q", filter=Filter.parse([], "a"))),
    ),
    "rename queue": (OWNER, lambda p: a_queue(p, "r").rename("r", "s")),
    "delete queue": (OWNER, lambda p: a_queue(p, "d").delete("d")),
    "suggest": (OWNER, lambda p: Suggestions(p.path).put([SUGGESTION])),
    "no suggestion": (OWNER, lambda p: (a_suggestion(p), Suggestions(p.path).remove("m"))),
    "reference": (OWNER, lambda p: p.references.add(p.path.parent / "rows.jsonl", "other")),
    "no reference": (OWNER, lambda p: (a_reference(p), p.references.remove("other"))),
    "training run": (OWNER, lambda p: runs.create(p.path, {})),
    "notes": (OWNER, lambda p: a_run(p).write_notes("x")),
    "delete run": (OWNER, lambda p: runs.delete(a_run(p))),
    "upload": (OWNER, lambda p: forms.keep_upload(p.path, "a.jsonl", b"{}")),
    "form": (OWNER, lambda p: forms.keep(p.path, "judging/rubric.txt", b"x")),
    "role": (OWNER, lambda p: roles.give_role(p.path, BOB, READER)),
    "open": (READER, lambda p: Project.open(p.path)),
    "create": (HOSTS, lambda p: Project.create(p.path.parent / "new")),
    "example": (HOSTS, lambda p: make_demo(p.path.parent / "demo")),
    "allow a database": (HOSTS, lambda p: settings.allow_database(p.path)),
}
"""Change → the least role, and a call that makes it; HOSTS: an owner of the server."""

PLACES = {
    "carry": "by append",
    "copies": "by add",
    "decisions/database": "opens what is read",
    "decisions/journal": "by append",
    "decisions/leases": ("take", "release"),  # a lease that is released changes nothing of people's
    "decisions/repair": "by a command",
    "decisions/schema": "opens what is read",
    "decisions/store": ("append", "append_by", "agree"),
    "forms": ("keep", "keep_upload", "forget"),
    "guidelines": ("write_guidelines", "shown_guidelines"),
    "imports": ("add", "add_from_hub", "mend", "rebuild", "_sound"),
    "jobs": ("start", "cancel", "Reporter"),
    "logins": "files of the server, not of a project",
    "project": ("create",),
    "recipe_file": ("begin", "save"),
    "reference_sets": ("add", "remove"),
    "roles": ("give_role",),
    "runs": ("create", "delete", "write_notes", "write", "working"),
    "saved_queues": ("save", "rename", "delete"),
    "suggestions/store": ("put", "remove"),
    "settings": ("change_settings", "allow_database", "write_settings"),
    # what is computed again when it is lost
    **dict.fromkeys(("basis", "cache", "history", "looking/coverage", "manifest"), "a cache"),
    **dict.fromkeys(
        ("embedding/benchmark", "embedding/row_file", "embedding/static", "embedding/store"),
        "a cache",
    ),
    # what writes for those above
    **dict.fromkeys(("files", "lock", "process"), "writes for others"),
    # what runs in a job, and a command of its own account
    **dict.fromkeys(("judging/verdicts", "lm/models", "training/estimate", "training/run"), "jobs"),
    **dict.fromkeys(("training/learners/lstm", "sources/__init__", "sources/__main__"), "jobs"),
    **dict.fromkeys(("sources/archive", "sources/hub"), "jobs"),
    **dict.fromkeys(
        [f"export/{name}" for name in "atlas delivery folder receipts shards tables".split()],
        "jobs, and tables for a download",
    ),
    "export/trainers/tables": "jobs",
    **dict.fromkeys(("cli/agents/tools", "cli/people", "cli/train"), "a command"),
    **dict.fromkeys(("ui/door",), "files of the server, not of a project"),
}
"""Module with a function that writes → how it is guarded, or why it needs no guard."""

WRITING = set(
    "write_text write_bytes replacing exchange unlink rmtree mkdir symlink_to copyfile copytree "
    "to_parquet write_table Popen commit touch rmdir makedirs scratch".split()
)


def writes(code: str) -> set[str]:
    """Names of the calls in a file that write to a disk, a database or a process."""
    calls = set()
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call):
            continue
        func = node.func
        name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
        owner = getattr(getattr(func, "value", None), "id", "")
        modes = [
            a.value
            for a in [*node.args, *(k.value for k in node.keywords)]
            if isinstance(a, ast.Constant)
        ]
        opens = name in ("open", "fdopen") and any(
            isinstance(m, str) and len(m) < 4 and set(m) & set("wax+") for m in modes
        )
        if (
            name in WRITING
            or opens
            or (
                owner in ("os", "shutil")
                and name in ("replace", "rename", "remove", "move", "copy", "open")
            )
        ):
            calls.add(name)
    return calls


def test_every_module_that_writes_is_on_the_list():
    home = ROOT / "curation"
    paths = {p.relative_to(home).with_suffix("").as_posix(): p for p in home.rglob("*.py")}
    writing = {name for name, path in paths.items() if writes(path.read_text("utf-8"))}
    assert writing - PLACES.keys() == set(), "say how it is guarded, and add its call to CHANGES"
    assert PLACES.keys() - writing == {"carry"}


def test_the_interface_writes_nothing_by_itself():
    """What a page changes it changes through the core, where roles are enforced."""
    server = {"door.py", "login.py"}
    for path in [*(ROOT / "curation" / "ui").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]:
        if path.name not in server:
            assert writes(path.read_text("utf-8")) == set(), path


@pytest.mark.parametrize(
    "code, name",
    [
        ("open(p, 'w')", "open"),
        ("open(p, mode='ab')", "open"),
        ("p.unlink()", "unlink"),
        ("import os\nos.replace(a, b)", "replace"),
        ("def f():\n    files.write_text(p, t)", "write_text"),
    ],
)
def test_a_call_that_writes_is_seen(code, name):
    assert writes(code) == {name}
    assert writes("open(p)\nopen(p, 'rb')\ntext.replace('a', 'w')") == set()


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a project's surroundings but caches and locks, by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "cache" not in path.parts and not path.name.endswith("lock")
    }


ORDER = ("nobody", "", READER, ANNOTATOR, OWNER, HOSTS)

SAME = {"redo", "lease", "open", "cancel", "rebuild", "run", "questions", "allow a database"}
"""Changes that leave the files of this project as they are."""

PREPARED = {"no reference", "no suggestion", "notes", "delete run", "rename queue", "delete queue"}
"""Changes that need something to be there first, which the program makes."""


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_asks_for_its_role(project, change, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(project.path.parent / "home"))
    for name in ("rows.jsonl", "more.jsonl"):
        (project.path.parent / name).write_text('{"prompt": "Who?", "completion": "The baker."}\n')
    least, call = CHANGES[change]
    project.decisions.append([decision(project, "drop", name=BOB, op_id="of-bob", batch="bobs")])
    project.decisions.append([decision(project, "tag", "tea")])
    for role in ORDER[: ORDER.index(least) + 1]:
        rank(project, role if role in roles.ROLES else "")
        person = {"nobody": None, HOSTS: Person(ANN.email, "Ann", is_host=True)}.get(role, ANN)
        before = content(project.path.parent)
        with acting(person):
            if role != least:
                with pytest.raises(NotAllowed):
                    call(project)
                assert change in PREPARED or content(project.path.parent) == before
            elif change == "cancel":
                with pytest.raises(CurationError, match="no job"):
                    call(project)
            else:
                call(project)
                assert change in SAME | PREPARED or content(project.path.parent) != before


def test_without_a_server_that_enforces_roles_everything_is_as_it_was(project):
    assert roles.role(project.path) == OWNER and not roles.is_enforced()
    project.decisions.append([decision(project, name="anybody")])
    project.save_recipe(Recipe(), project.recipe.revision)


# --- answers of components -------------------------------------------------------------------------


def answer(project: Project, by: str, **more):
    example = str(project.examples.rows.index[0])
    return {"op": "o1", "example": example, "item": example, "revision": 0, "kind": "keep",
            "value": None, "by": by, "time": 1.0, "queue": "", **more}  # fmt: skip


@pytest.mark.parametrize("role", [ANNOTATOR, OWNER])
def test_an_answer_under_the_name_of_somebody_else_is_not_saved(project, role):
    from curation.ui.card.answers import write as write_card
    from curation.ui.duplicates.answers import write as write_pair
    from curation.ui.settle.answers import write as write_settled

    rank(project, role)
    ids = [str(i) for i in project.examples.rows.index]
    pair = answer(project, BOB, choice="left", left=ids[0], right=ids[1], conflict=False)
    settled = answer(project, BOB, question="verdict", answer="keep")
    with acting(ANN):
        written = write_card(project, [answer(project, BOB), answer(project, ANN.email, op="o2")])
        assert not written.refused and written.saved == ["o2"], "it waits for its author"
        assert BOB not in written.trouble and ANN.email in written.trouble
        for write, forged in ((write_pair, pair), (write_settled, settled)):
            assert "is logged in" in write(project, [forged]).trouble
        assert "is logged in" in write_pair(project, [answer(project, BOB, undo="")]).trouble
    assert [e.annotator for e in project.decisions.events()] == [ANN.email]


@pytest.mark.parametrize("person", [None, ANN], ids=["logged out", "a reader"])
def test_answers_that_may_not_be_saved_now_stay_in_the_browser(project, person):
    from curation.ui.card.answers import write

    rank(project, READER)
    with acting(person):
        written = write(project, [answer(project, ANN.email)])
    assert written.trouble and not written.saved and not written.refused
    assert ("log in again" in written.trouble) == (person is None)
    assert project.last_decision() == 0


def test_a_kind_that_speaks_for_the_project_cannot_be_forged_by_a_card(project):
    from curation.ui.card.answers import write

    rank(project, ANNOTATOR)
    with acting(ANN):
        forged = answer(project, ANN.email, example="guidelines", kind="guideline", value="Drop.")
        assert write(project, [forged]).trouble
    assert project.last_decision() == 0


def test_an_annotator_who_was_an_owner_takes_back_nothing_that_spoke_for_the_project(project):
    settled = decision(project, "settle", {"question": "verdict", "value": "keep"}, op_id="s")
    project.decisions.append([settled])
    rank(project, ANNOTATOR)
    with acting(ANN), pytest.raises(NotAllowed, match="Only an owner"):
        project.decisions.undo(ANN.email, op_id="s")


def test_a_card_cannot_stand_in_the_way_of_another_s_undo(project):
    """An answer in the form of Bob's import would be the newest act of Bob's, which he may not undo."""
    from curation.ui.card.answers import write

    project.decisions.append([decision(project, "drop", name=BOB, op_id="of-bob")])
    rank(project, ANNOTATOR)
    roles.give_role(project.path, BOB, ANNOTATOR)
    with acting(ANN):
        assert write(project, [answer(project, ANN.email, op=f"import:{BOB}:x")]).trouble
    with acting(Person(BOB)):
        assert project.decisions.undo(BOB).value == {"op_id": "of-bob"}


# --- the file --------------------------------------------------------------------------------------


def test_a_role_is_that_of_the_address_before_that_of_the_domain(project):
    roles.give_role(project.path, "*@Lab.example", "reader")
    roles.give_role(project.path, " BOB@lab.example ", "owner")
    team = roles.read_team(project.path)
    assert team == {"*@lab.example": "reader", BOB: "owner"}
    assert roles.role_of(team, BOB) == "owner"
    assert roles.role_of(team, "eve@lab.example") == "reader"
    for stranger in ("eve@other.example", "eve@sub.lab.example", "eve@xlab.example", ""):
        assert roles.role_of(team, stranger) == ""
    roles.give_role(project.path, BOB, "")
    assert roles.role_of(roles.read_team(project.path), BOB) == "reader"


def test_an_address_is_of_a_domain_as_a_whole():
    domain = ("*@lab.example",)
    assert roles.matches(domain, "ann@lab.example") and roles.matches((BOB,), BOB)
    for stranger in ("eve@xlab.example", "eve@sub.lab.example"):
        assert not roles.matches(domain, stranger)
    assert not roles.matches((BOB,), f"x{BOB}")


@pytest.mark.parametrize(
    "address",
    ["", "ann", "@lab.example", "ann@", "*", "*@", "a@b@c", "*@*", "a b@c.d", "a@b\n", "x" * 300, '"@b.c'],
)  # fmt: skip
def test_a_text_that_is_no_address_gets_no_role(project, address):
    with pytest.raises(CurationError, match="no e-mail address"):
        roles.give_role(
            project.path, address.rstrip("\n") + ("\nx" if "\n" in address else ""), READER
        )
    assert not (project.path / roles.FILE).exists()


@pytest.mark.parametrize(
    "text",
    ["people = 3", '[people]\n"ann@lab.example" = "king"', "[people", '[people]\nann = "owner"',
     '[other]\n"ann@lab.example" = "owner"', '[people]\n"ann@lab.example" = ["owner"]',
     '[people]\n"ann@lab.example" = {owner = 1}', "x = " + "[" * 9_999],
)  # fmt: skip
def test_a_file_that_cannot_be_read_gives_nobody_a_role_but_hosts(project, text):
    (project.path / roles.FILE).write_text(text)
    with acting(ANN):
        assert roles.role(project.path) == ""
    with acting(HOST):
        assert roles.role(project.path) == OWNER
    with pytest.raises(CurationError):
        roles.read_team(project.path)


def test_a_role_that_changes_holds_from_the_next_change_on(project):
    rank(project, ANNOTATOR)
    with acting(ANN):
        project.decisions.append([decision(project)])
        with roles.by_program():
            roles.give_role(project.path, ANN.email, READER)
        with pytest.raises(NotAllowed, match="You are a reader here. Ask an owner"):
            project.decisions.append([decision(project)])


def test_a_note_of_the_program_is_written_for_whoever_looks_on(project):
    (project.path / guidelines.FILE).write_text("Keep short answers.")
    rank(project, ANNOTATOR)
    with acting(ANN):
        guidelines.shown_guidelines(project.path, project.decisions, None)
    (event,) = project.decisions.events()
    assert (event.kind, event.annotator) == ("guideline", "")


def test_who_is_let_past_the_guard_is_the_program_alone():
    users = [
        p.relative_to(ROOT).as_posix()
        for p in (ROOT / "curation").rglob("*.py")
        if "by_program()" in p.read_text("utf-8") and p.name != "roles.py"
    ]
    assert users == ["curation/guidelines.py"]


# --- pages -----------------------------------------------------------------------------------------

PAGES = sorted((ROOT / "pages").glob("*/*.py"))


@pytest.fixture
def workspace(example_project, tmp_path, monkeypatch, main_module):
    """A copy of the example with an answer of Bob's, and a project that is none of Ann's business."""
    folder = shutil.copytree(example_project, tmp_path / "projects" / "example")
    shutil.copytree(example_project, tmp_path / "projects" / "secret")
    monkeypatch.setenv("CURATION_WORKSPACE", str(folder.parent))
    monkeypatch.delenv("CURATION_PROJECT", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    project = Project.open(folder)
    ids = [("drop", str(i), None) for i in project.examples.rows.index[:3]]
    project.decisions.append(as_one_act(ids, BOB, "bobs", 0))
    return project


def pressed(page: Path, monkeypatch) -> list[str]:
    """Press every button of a page at once, also those that are disabled; return the refusals."""
    from streamlit.runtime.state.session_state import WStates
    from streamlit.testing.v1.element_tree import Widget as Element

    refusals, call = [], WStates.call_callback

    def calling(self, widget_id):
        try:
            call(self, widget_id)
        except CurationError as error:
            refusals.append(str(error))

    monkeypatch.setattr(WStates, "call_callback", calling)
    monkeypatch.setattr(Element, "_assert_can_interact", lambda self: None)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    app.switch_page(str(page.relative_to(ROOT))).run()
    assert not app.exception, app.exception[0].message
    for field in app.text_input:
        if not field.value and field.key != "annotator":
            field.set_value("tea")
    for button in app.button:
        if button.key != "logout":
            button.click()
    app.run()
    return refusals


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
@pytest.mark.parametrize("role", [READER, ANNOTATOR])
def test_no_button_of_a_page_changes_what_the_role_does_not_allow(
    workspace, page, role, monkeypatch
):
    rank(workspace, role)
    before = content(workspace.path.parent)
    with acting(ANN):
        pressed(page, monkeypatch)
    after = content(workspace.path.parent)
    decided = {f"example/{name}" for name in ("decisions.db", "decisions.journal.jsonl")}
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed <= (decided if role == ANNOTATOR else set())
    assert {e.annotator for e in workspace.decisions.events()} <= {BOB, ANN.email}
    assert workspace.people().verdicts.keys() >= workspace.decisions.state(3).verdicts.keys()


def fragments(code: str) -> dict[str, bool]:
    """Map the functions that are drawn by themselves to whether each first asks for the project."""
    tree = ast.parse(code)
    functions = {f.name: f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef)}
    given = re.findall(r"st\.fragment\((\w+)", code)
    by_name = {
        n: f for n, f in functions.items() if "st.fragment" in map(ast.unparse, f.decorator_list)
    }
    return {
        name: "present(" in ast.unparse(function)
        for name, function in {**by_name, **{n: functions[n] for n in given}}.items()
    }


def test_a_part_that_is_drawn_by_itself_asks_for_the_project():
    """It runs without the shell, also after the login ended and after the role was taken away."""
    parts = {
        f"{path.parent.name}/{path.stem}.{name}": asks
        for path in (ROOT / "curation" / "ui").rglob("*.py")
        for name, asks in fragments(path.read_text("utf-8")).items()
    }
    assert len(parts) > 9
    assert {n for n, asks in parts.items() if not asks} == {"ui/context._draw_cut"}, "draws no rows"


@pytest.mark.parametrize("person, role", [(None, OWNER), (ANN, "")], ids=["logged out", "no role"])
def test_a_page_that_is_open_gets_nothing_more_when_the_role_is_gone(workspace, person, role):
    from curation.ui import state

    rank(workspace, READER)
    with acting(ANN):
        project = state._opened(str(workspace.path), settings.identity(workspace.path))
        state.present(project)
    roles.give_role(project.path, ANN.email, role)
    with acting(person), pytest.raises(NotAllowed):
        state.present(project)


def test_somebody_without_a_role_sees_no_project(workspace):
    with acting(ANN):
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        app.query_params["project"] = "secret"
        app.run()
        assert not app.exception
        assert any("not here any more" in e.value for e in app.error)
        assert not app.selectbox
    rank(workspace, READER)
    with acting(ANN):
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
        (choice,) = [s for s in app.selectbox if s.label == "Project"]
        assert choice.options == ["example"]


def test_the_server_s_own_folder_and_key_are_not_a_project_owner_s(workspace, monkeypatch):
    """A job sends the key to the address that is named; the folder may hold the settings of logins."""
    from curation.ui import uploads

    settings_of_logins = workspace.path.parents[1] / "team.toml"
    settings_of_logins.write_text("[team]")
    monkeypatch.chdir(settings_of_logins.parent)
    monkeypatch.delenv("CURATION_FILES", raising=False)
    monkeypatch.setenv("CURATION_API_KEY", "s3cret")
    given = []
    monkeypatch.setattr(
        jobs.subprocess, "Popen", lambda *_, **more: given.append(more["env"]) or 1 / 0
    )
    rank(workspace, OWNER)
    for person in (ANN, HOST):
        with acting(person), pytest.raises(ZeroDivisionError):
            jobs.start(workspace.path, commands.check(workspace.path))
    assert [env.get("CURATION_API_KEY") for env in given] == [None, "s3cret"]
    assert given[0].keys() == given[1].keys() - {"CURATION_API_KEY"}
    with acting(ANN), pytest.raises(CurationError, match="is not under"):
        uploads.pointed_at(workspace, str(settings_of_logins))
    with acting(HOST):
        assert uploads.pointed_at(workspace, str(settings_of_logins)) == settings_of_logins


def test_a_path_leads_into_no_project_without_a_role(workspace):
    from curation.ui import uploads

    rank(workspace, OWNER)
    secret = next((workspace.path.parent / "secret" / "source").iterdir())
    with acting(ANN):
        with pytest.raises(NotAllowed, match="no role in the project secret"):
            uploads.pointed_at(workspace, str(secret))
        with pytest.raises(NotAllowed):
            workspace.references.add(workspace.path.parent / "secret")
    rank(workspace, READER)
    with acting(ANN), pytest.raises(NotAllowed, match="You are a reader"):
        uploads.pointed_at(workspace, str(workspace.path.parent / "anything.jsonl"))
