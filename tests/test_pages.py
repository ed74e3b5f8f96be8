"""Each page as Streamlit runs it, without a browser: it draws, and its buttons do what they say."""

from __future__ import annotations

import json
import os
import re
import shutil
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from curation import Project, Step, jobs
from curation.decisions import Decision, as_one_act
from curation.errors import CurationError
from curation.questions import Question, write_questions
from curation.recipe import Recipe
from curation.review import Review, write_review
from curation.settings import identity, write_about
from curation.ui import state
from tests.conftest import ROOT, make_dataset
from tests.drawn import opened

pytestmark = pytest.mark.usefixtures("main_module")

PAGES = sorted((ROOT / "pages").glob("*/*.py"))


def button(app: AppTest, label: str):
    buttons = [b for b in app.button if label in b.label]
    assert buttons, f"no button {label!r} among {[b.label for b in app.button]}"
    return buttons[0]


@pytest.mark.parametrize("page", [p.stem for p in PAGES])
def test_a_page_draws_title_sentence_and_content(project, page):
    app = opened(page)
    assert len(app.title) == 1
    assert app.caption[0].value.endswith(".")
    assert not app.error


@pytest.mark.parametrize("page", [p.stem for p in PAGES])
def test_an_empty_project_says_what_to_do_on_every_page(tmp_path, monkeypatch, page):
    monkeypatch.setenv("CURATION_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("CURATION_PROJECT", str(Project.create(tmp_path / "empty").path))
    # The whole app, for a page without examples links to another page.
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.run()
    app.switch_page(str(next(p for p in PAGES if p.stem == page).relative_to(ROOT)))
    app.run()
    assert not app.exception, app.exception[0].message
    assert not app.error and len(app.title) == 1


def test_uploads_of_yesterday_go_with_the_folders_that_hold_nothing(tmp_path):
    from curation.ui import uploads

    project = Project.create(tmp_path / "p")
    old = [project.path / "uploads" / name for name in ("id-a.jsonl", "id/a.jsonl")]
    young = project.path / "uploads" / "other" / "b.jsonl"
    for path in (*old, young):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}")
    for path in (*old, old[1].parent):
        os.utime(path, (0, 0))
    upload = SimpleNamespace(file_id="new", name="c d.jsonl", getvalue=lambda: b"text")
    path = uploads.kept(project, upload)
    assert (path.name, path.read_bytes()) == ("new-c-d.jsonl", b"text")
    left = {p for p in (project.path / "uploads").rglob("*")}
    assert left == {path, young, young.parent}


def test_only_what_lies_below_the_folder_that_may_be_read_is_read_by_path(tmp_path, monkeypatch):
    from curation.ui import uploads

    (tmp_path / "open").mkdir()
    for name in ("open/a.jsonl", "secret.jsonl"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "open" / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    monkeypatch.setenv("CURATION_FILES", str(tmp_path / "open"))
    assert uploads.allowed("a.jsonl") == uploads.allowed(str(tmp_path / "open" / "a.jsonl"))
    for outside in ("../secret.jsonl", str(tmp_path / "secret.jsonl"), "link.jsonl"):
        with pytest.raises(CurationError, match="is not under .*, from where files may be read"):
            uploads.allowed(outside)
    with pytest.raises(CurationError, match="does not exist"):
        uploads.allowed("b.jsonl")
    for absurd in ("x" * 5_000, "a/" * 3_000, "a\0b", "\udce9"):
        with pytest.raises(CurationError, match="can be read|does not exist") as raised:
            uploads.allowed(absurd)
        assert len(str(raised.value)) < 1_500


def test_by_default_only_workspace_and_starting_folder_are_open_and_nothing_hidden(
    tmp_path, monkeypatch
):
    from curation.ui import uploads

    places = [
        "home/.ssh/key",
        "home/start/a.jsonl",
        "home/start/.env/b.jsonl",
        "home/projects/c.jsonl",
    ]
    for place in (*places, "home/other/d.jsonl"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("{}")
    home = tmp_path / "home"
    (home / "start" / "keys").symlink_to(home / ".ssh")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("CURATION_FILES", raising=False)
    monkeypatch.setenv("CURATION_WORKSPACE", str(home / "projects"))
    monkeypatch.chdir(home / "start")
    assert uploads.allowed("a.jsonl") == home / "start" / "a.jsonl"
    assert uploads.allowed("c.jsonl") == home / "projects" / "c.jsonl"
    assert uploads.allowed(str(home / "projects" / "c.jsonl")).exists()
    with pytest.raises(CurationError, match="is not under"):
        uploads.allowed(str(home / "other" / "d.jsonl"))
    for hidden in (".env/b.jsonl", "../.ssh/key", str(home / ".ssh" / "key")):
        with pytest.raises(CurationError, match="hidden"):
            uploads.allowed(hidden)
    with pytest.raises(CurationError, match="hidden|does not exist"):
        uploads.allowed("keys/key")
    monkeypatch.setenv("CURATION_FILES", os.pathsep.join([str(home), str(tmp_path / "else")]))
    assert uploads.allowed("other/d.jsonl").exists()
    for hidden in (".ssh/key", "start/keys/key", "start/.env/b.jsonl"):
        with pytest.raises(CurationError, match="hidden"):
            uploads.allowed(hidden)
    monkeypatch.setenv("CURATION_FILES", str(home / ".ssh"))
    with pytest.raises(CurationError, match="hidden"):
        uploads.allowed("key")


def test_two_uploads_of_one_name_are_looked_at_side_by_side(project):
    app = opened("load")
    rows = [f'{{"prompt": "{i}", "completion": "yes"}}\n'.encode() for i in "ab"]
    app.file_uploader[0].set_value([("x.jsonl", row, "") for row in rows]).run()
    assert not app.exception, app.exception[0].message
    assert len([s for s in app.selectbox if s.label == "Format"]) == 2
    parts = "2 of 2 columns went into the example in the first row."
    assert [c.value for c in app.caption if "went into" in c.value] == [parts] * 2


def test_an_upload_of_a_name_that_is_here_asks_whether_it_takes_that_place(project):
    app = opened("load")
    button = lambda: next(b for b in app.button if b.key == "load-go")  # noqa: E731
    name = project.imports[0]["name"]
    line = b'{"prompt": "Tea?", "completion": "Yes."}\n'
    app.file_uploader[0].set_value([(name, line, "")]).run()
    assert button().disabled, "nothing is replaced, and nothing doubled, unasked"
    (place,) = [g for g in app.segmented_control if g.label and "project already has" in g.label]
    place.set_value("Keep both").run()
    assert not button().disabled
    app.file_uploader[0].set_value([("new.jsonl", line, "")]).run()
    assert not button().disabled


def test_an_upload_that_was_just_imported_is_said_to_be_in_the_project(project):
    app = opened("load")
    button = lambda: next(b for b in app.button if b.key == "load-go")  # noqa: E731
    entry = project.imports[0]
    data = (project.path / "source" / entry["stored"]).read_bytes()
    app.file_uploader[0].set_value([(entry["name"], data, "")]).run()
    assert not app.exception, app.exception[0].message
    assert not [g for g in app.segmented_control if g.label and "project already has" in g.label]
    assert any("The project has this file" in caption.value for caption in app.caption)
    assert button().disabled, "reading it so again would add nothing"
    format = next(s for s in app.selectbox if s.label == "Format")
    format.set_value(format.options[-1]).run()
    assert not button().disabled, "another reading is another import"


def test_decisions_whose_row_is_gone_are_shown_and_carried_over(tmp_path, monkeypatch):
    project = Project.create(tmp_path / "projects" / "tea")
    path = tmp_path / "tea.jsonl"
    path.write_text('{"prompt": "Which tea is smokd?", "completion": "Lapsang souchong."}\n')
    project.add(path)
    (old,) = project.examples.rows.index
    project.decisions.append([Decision(old, "keep", annotator="Ann")])
    path.write_text('{"prompt": "Which tea is smoked?", "completion": "Lapsang souchong."}\n')
    (tmp_path / "README.md").write_text("# Tea\n")
    project.add(path)
    monkeypatch.setenv("CURATION_WORKSPACE", str(tmp_path / "projects"))
    monkeypatch.setenv("CURATION_PROJECT", str(project.path))
    app = opened("load")
    assert any("no longer in the data" in w.value for w in app.warning)
    next(t for t in app.toggle if t.key == "carry-show").set_value(True).run()
    next(b for b in app.button if b.key == "carry-go").click().run()
    assert not app.exception
    (fresh,) = project.examples.rows.index
    assert Project.open(project.path).people().verdicts[fresh].kind == "keep"
    assert not any("no longer in the data" in w.value for w in app.warning)


def test_the_frame_says_how_much_is_kept_and_offers_undo(project):
    kept = len(project.view().dataset.kept)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.run()
    assert not app.exception
    assert any(f"{kept:,}" in m.value for m in app.metric)


def test_until_a_run_nothing_is_called_kept_and_the_page_offers_the_run_or_shows_it(
    tmp_path, monkeypatch
):
    folder = tmp_path / "fresh"
    project = Project.create(
        folder, recipe=Recipe((Step("drop_exact_duplicates"), Step("embed", way="draft")))
    )
    (tmp_path / "rows.jsonl").write_text('{"prompt": "Why?", "completion": "Because."}\n' * 3)
    project.add(tmp_path / "rows.jsonl")
    monkeypatch.setenv("CURATION_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("CURATION_PROJECT", str(folder))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()

    def words() -> str:
        return " ".join([*(m.value for m in app.markdown), *(p.text for p in app.get("progress"))])

    assert "**3** examples" in words() and "kept" not in words()
    assert "Kept" not in [m.label for m in app.metric]
    monkeypatch.setattr("curation.jobs._start", lambda project, command: started.append(command))
    started: list = []
    app.button(key="page-run").click().run()
    assert [c.name for c in started] == ["run"]
    job = jobs.Status("a-run", "Run", "running", "run", 0.5, "Embeddings: 1 of 3 texts", pid=1)
    monkeypatch.setattr("curation.jobs.all_jobs", lambda *_: [job])
    app.run()
    assert not app.exception and "page-run" not in [b.key for b in app.button]
    assert words().count("1 of 3 texts") == 2, "in the page and in the sidebar"
    monkeypatch.setattr("curation.jobs.all_jobs", lambda *_: [])
    project.run()
    app.run()
    assert "of 3 kept" in words() and "page-run" not in [b.key for b in app.button]


def test_a_project_that_was_just_made_is_the_one_the_sidebar_names(project, tmp_path):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    app.switch_page("pages/prepare/load.py").run()
    assert app.selectbox(key="chosen_project").value == project.path
    next(g for g in app.segmented_control if "New project" in g.options).set_value(
        "New project"
    ).run()
    app.text_input(key="new-name").set_value("second one").run()
    app.button(key="new-go").click().run()
    assert not app.exception
    assert app.selectbox(key="chosen_project").value.name == "second-one"
    app.selectbox(key="chosen_project").set_value(project.path).run()
    assert any("kept" in p.text for p in app.get("progress"))


def card_data(app: AppTest) -> dict:
    """The data that the card's component got."""
    (component,) = app.get("bidi_component")
    return json.loads(component.proto.json)


def test_annotate_mounts_the_card_of_the_project_for_the_person(project):
    data = card_data(opened("annotate"))
    assert (data["project"], data["annotator"]) == ("example", "Ann")
    assert "undecided" in [name for name, *_ in data["queues"]]


def test_the_team_page_shows_progress_agreement_and_what_people_differ_about(project):
    rows = project.view().dataset.rows.index[:30]
    hostile = "**Bob** <b>"
    project.decisions.append(
        [Decision(i, "drop" if n < 12 else "keep", annotator="Ann") for n, i in enumerate(rows)]
        + [Decision(i, "drop" if n < 15 else "keep", annotator=hostile) for n, i in enumerate(rows)]
    )
    app = opened("team")
    numbers = {m.label: m.value for m in app.metric}
    assert numbers["Agreement on verdicts"] == "0.80"
    assert any("90% of the answers are the same" in m.value.replace("\\", "") for m in app.markdown)
    assert sorted(app.dataframe[0].value["who"]) == [hostile, "Ann"]
    for part, lines in (
        ("Pairs", 1),
        ("Hardest answers", 2),
        ("Over time", 1),
    ):
        next(g for g in app.segmented_control if g.label == "Show").set_value(part).run()
        assert not app.exception, app.exception[0].message
        assert len(app.dataframe[0].value) == lines, part
    assert not any(hostile in text.value for text in [*app.markdown, *app.caption])
    next(g for g in app.segmented_control if g.label == "Show").set_value("Disagreements").run()
    data = card_data(app)
    assert (data["count"], data["settled"], bool(data["annotator"])) == (3, 0, True)
    assert data["items"][0]["choices"] == [
        {"answer": "drop", "key": "D", "people": 1, "names": [hostile]},
        {"answer": "keep", "key": "K", "people": 1, "names": ["Ann"]},
    ]
    app.toggle(key="settle-names").set_value(False).run()
    assert all(not c["names"] for item in card_data(app)["items"] for c in item["choices"])


def test_the_history_page_lists_acts_and_narrows_them(project):
    ids = [str(i) for i in project.examples.rows.index]
    project.decisions.append(as_one_act([("drop", i, None) for i in ids[:3]], "Bob", "b", 0, "old"))
    project.decisions.append([Decision(ids[5], "label", "sums", "Ann")])
    app = opened("history")
    acts = app.dataframe[0].value
    assert list(acts["what"]) == ["label: sums", "dropped 3 examples"]
    assert list(acts["reason"]) == ["", "old"] and list(acts["example"]) == [
        ids[5][:8],
        "3 examples",
    ]
    app.selectbox(key="history-person").set_value("Bob").run()
    assert list(app.dataframe[0].value["who"]) == ["Bob"]
    app.text_input(key="history-example").set_value("nothing").run()
    assert not app.dataframe and not app.exception


def test_without_a_name_the_page_asks_for_it_and_nothing_can_be_decided(project):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    app.switch_page("pages/review/annotate.py").run()
    assert not app.get("bidi_component")
    assert "shell-undo" not in [b.key for b in app.button], "nameless visitors share no undo"
    app.text_input(key="who-name").set_value(" Eve ")
    button(app, "Begin").click().run()
    assert not app.exception
    assert card_data(app)["annotator"] == "Eve"
    app.text_input(key="annotator").set_value(" ").run()
    assert card_data(app)["annotator"] == "Eve", "a browser may send the field empty"
    app.text_input(key="annotator").set_value("Flo").run()
    assert card_data(app)["annotator"] == "Flo"


def test_without_a_name_nothing_is_decided_for_many(project):
    app = AppTest.from_file(str(next(p for p in PAGES if p.stem == "browse"))).run(timeout=120)
    app.text_input(key="browse-words").set_value("python").run()
    assert not [b for b in app.button if "Yes" in b.label]
    assert any("Type your name" in c.value for c in app.caption)


def test_many_are_decided_after_saying_how_many_as_one_action(project):
    app = opened("browse")
    sources = project.view().dataset.rows["source"].nunique()
    assert ("source" in app.dataframe[0].value) == (sources > 1)
    app.text_input(key="browse-words").set_value("python").run()
    drop = button(app, "Yes, drop")
    count = int(drop.label.split()[-1].replace(",", ""))
    drop.click().run()
    assert not app.exception
    events = project.decisions.events()
    assert len(events) == count > 1
    assert len({e.batch for e in events}) == 1
    project.decisions.undo("Ann")
    assert project.people().verdicts == {}


def test_meanwhile_is_said_only_of_what_was_decided_after_the_button_was_drawn(project):
    ids = [str(i) for i in project.view().dataset.kept.index]
    project.decisions.append([Decision(i, "keep", annotator="Bob") for i in ids])
    app = opened("browse")
    app.text_input(key="browse-words").set_value("python").run()
    button(app, "Yes, drop").click().run()
    messages = [text for text, _ in app.session_state["flashes"]]
    assert any("Dropped" in text for text in messages)
    assert not any("meanwhile" in text for text in messages)


def whole(page: str) -> AppTest:
    """A page of the whole app, frame and all, as Ann sees it."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.session_state["annotator"] = "Ann"
    app.run()
    script = next(p for p in PAGES if p.stem == page)
    app.switch_page(str(script.relative_to(ROOT))).run()
    assert not app.exception, app.exception[0].message
    return app


def test_a_project_that_is_gone_is_said_to_be_and_no_other_takes_its_place(project, tmp_path):
    other = Project.create(project.path.parent / "a-first")
    app = whole("browse")
    assert app.query_params["project"] == "example"
    project.path.rename(tmp_path / "elsewhere")
    app.run()
    assert any("is not here any more" in e.value for e in app.error)
    assert app.session_state["project"] == str(project.path)
    assert not project.path.exists() and sorted(other.path.parent.iterdir()) == [other.path]
    app.selectbox(key="chosen_project").set_value(other.path).run()
    assert app.query_params["project"] == "a-first" and not app.exception


def test_the_address_names_the_project_and_wins_over_what_was_open(project):
    Project.create(project.path.parent / "second")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params["project"] = "second"
    app.run()
    assert app.session_state["project"].endswith("second")
    app.query_params["project"] = "nowhere"
    app.run()
    assert any("nowhere is not here" in e.value for e in app.error)


def test_what_is_decided_for_a_project_that_is_gone_is_not_saved_anywhere(project, tmp_path):
    app = opened("browse")
    app.text_input(key="browse-words").set_value("python").run()
    drop = button(app, "Yes, drop")
    project.path.rename(tmp_path / "elsewhere")
    drop.click().run()
    assert any("is not here any more" in text for text, _ in app.session_state["flashes"])
    assert not project.path.exists()


def test_a_project_stays_present_however_many_others_are_opened_after_it(tmp_path):
    paths = [Project.create(tmp_path / f"p{n}").path for n in range(20)]
    projects = [state._opened(str(path), identity(path)) for path in paths]
    for project in projects:
        state.present(project)
    shutil.rmtree(paths[0])
    for again in (False, True):
        if again:
            Project.create(paths[0])
        with pytest.raises(CurationError, match="not here any more"):
            state.present(projects[0])


@pytest.mark.parametrize("has_id", [True, False])
def test_a_saved_setting_leaves_the_open_pages_of_a_project_as_they_are(tmp_path, has_id):
    path = Project.create(tmp_path / "p").path
    settings = path / "project.toml"
    if not has_id:  # a project that an earlier version made
        lines = settings.read_text("utf-8").splitlines()
        settings.write_text("\n".join(x for x in lines if not x.startswith("id")) + "\n")
    project = state._opened(str(path), identity(path))
    write_review(path, Review(overlap=2))
    write_about(path, {"contact": "Ada"})
    state.present(project)
    assert state._opened(str(path), identity(path)) is project
    settings.write_text(settings.read_text("utf-8").replace("sqlite", "postgresql://db/x"))
    with pytest.raises(CurationError, match="not here any more"):
        state.present(project)


def test_a_copy_in_the_place_of_a_project_is_another(tmp_path):
    path = Project.create(tmp_path / "p").path
    project = state._opened(str(path), identity(path))
    shutil.copytree(path, tmp_path / "copy")
    path.rename(tmp_path / "former")
    (tmp_path / "copy").rename(path)
    with pytest.raises(CurationError, match="not here any more"):
        state.present(project)


def test_a_page_says_what_has_changed_since_it_was_cached(project):
    chosen = str(project.view().dataset.kept.index[0])
    project.decisions.append([Decision(chosen, "drop", annotator="Ann")])
    app = opened("browse")
    assert any("1 example was decided since the last run" in i.value for i in app.info)
    project.recipe += Step("embed", of="prompt")
    notes = [i.value for i in app.run().info]
    assert any("The recipe was changed and 1 example" in text for text in notes), notes


def test_lines_of_a_list_stay_as_they_are_until_they_are_touched(project):
    def form() -> None:
        import streamlit as st

        from curation.registry import operation
        from curation.ui.form import widget

        values = operation("drop_values").params["values"]
        st.json([widget(values, [" a", "b\nc", ""], "v")])

    app = AppTest.from_function(form).run()
    assert json.loads(app.json[0].value) == [[" a", "b\nc", ""]]
    app.text_area[0].set_value("a\n\n  b ").run()
    assert json.loads(app.json[0].value) == [["a", "b"]]


def test_the_choices_of_a_list_are_in_words_and_saved_as_the_recipe_has_them(project):
    def form() -> None:
        import streamlit as st

        from curation.registry import operation
        from curation.ui.form import widget

        rules = operation("drop_bad_answers").params["rules"]
        st.json([widget(rules, ["empty_answer"], "rules")])

    app = AppTest.from_function(form).run()
    assert json.loads(app.json[0].value) == [["empty_answer"]]
    assert "empty answer" in app.multiselect[0].options
    assert not any("_" in option for option in app.multiselect[0].options)


def test_who_is_at_the_keyboard_is_remembered_as_a_cookie_that_can_hold_no_code(project):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    app.text_input(key="annotator").set_value("A'; alert(1) </script>").run()
    (script,) = (h for h in app.get("html") if "cookie" in h.proto.body)
    assert "curation-name=A%27%3B%20alert%281%29%20%3C%2Fscript%3E; path=/" in script.proto.body
    assert not [h for h in app.run().get("html") if "cookie" in h.proto.body], "it is said once"


def test_a_click_that_fires_twice_adds_one_decision(project):
    def page() -> None:
        import streamlit as st

        from curation.ui import actions, state

        chosen = state.need_project()
        once = chosen.view().dataset.kept.index[0]
        op, base = actions.new_op(), actions.newest_decision(chosen)
        if st.button("Keep"):
            for _ in range(2):
                actions.decide(chosen, actions.KEEP, (once,), None, op, base)

    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["annotator"] = "Ann"
    app.run().button[0].click().run()
    assert not app.exception
    assert project.decisions.last() == 1


def test_the_overview_shows_how_far_people_are_and_who_decided(project):
    first, second = (str(i) for i in project.view().dataset.kept.index[:2])
    project.decisions.append(
        [Decision(first, "keep", annotator="Ann"), Decision(second, "drop", annotator="Bob")]
    )
    app = opened("overview")
    next(g for g in app.segmented_control if "Review" in g.options).set_value("Review").run()
    assert not app.exception, app.exception[0].message
    assert [p.text.split()[0] for p in app.get("progress")] == ["2"]
    people = next(t.value for t in app.dataframe if "who" in t.value or "person" in t.value)
    assert set(people.iloc[:, 0]) == {"Ann", "Bob"}


def test_select_refuses_a_budget_above_what_is_kept(project):
    app = opened("select")
    budget = next(n for n in app.number_input if n.label == "Budget")
    budget.set_value(100_000).run()
    assert any("100,000" in w.value for w in app.warning)


def test_select_advises_a_balanced_choice_where_there_are_labels(project, monkeypatch):
    def advised() -> bool:
        return any("start with Random, balanced" in c.value for c in opened("select").caption)

    assert project.view().dataset.rows["label"].notna().any() and advised()
    monkeypatch.setattr("curation.ui.select.form.categories", lambda dataset: [])
    assert not advised()


def test_the_example_s_choice_is_drawn_by_chance_and_warns_of_nothing(project):
    app = opened("select")
    assert any("drawn by chance" in m.value for m in app.markdown)
    assert not app.warning and not app.error
    verdicts = next(t.value for t in app.dataframe if "verdict" in t.value)
    assert len(verdicts) == 7 and list(verdicts.columns[:2]) == ["measure", "verdict"]


def test_a_starved_group_becomes_a_quota_by_one_click_and_a_row_names_what_covers_it(project):
    project.recipe = project.recipe.with_selection(Step("select_k_center", budget=60))
    project.run()
    app = opened("select")
    button(app, "Make it a quota").click().run()
    assert not app.exception
    assert any("1 quota is in the form" in i.value for i in app.info)
    quota = next(t for t in app.text_area if t.label == "Quotas").value
    assert re.fullmatch(r".+ >= \d+", quota)
    assert "quotas" not in project.recipe.to_yaml(), "nothing is changed before it is saved"
    which = next(g for g in app.segmented_control if g.label == "Which")
    which.set_value("not chosen").run()
    assert not app.exception
    rejected = app.dataframe[-1].value
    assert rejected["reason"].str.contains("covered by|nothing chosen is near it").all()


def test_a_second_method_stands_beside_the_choice_on_one_map(project):
    app = opened("select")
    app.selectbox(key="select-second").set_value("select_random").run()
    assert not app.exception
    assert any("are the same" in c.value for c in app.caption)
    app.selectbox(key="select-second").set_value("select_like").run()
    assert not app.exception, "it needs a reference set, and says so"


def test_a_moved_threshold_computes_from_its_step_on_only(project):
    steps = {r.name: r.fingerprint for r in project.view().dataset.steps}
    position = project.recipe.names.index("keep_between")
    app = AppTest.from_file(str(ROOT / "pages/prepare/clean.py"), default_timeout=120)
    app.session_state[f"step-{project.path}"] = position
    app.run()
    low = next(n for n in app.number_input if n.label == "Low")
    low.set_value(9.0).run()
    assert not app.exception
    partial = project.partial(Project.open(project.path).recipe)
    after = {r.name: r for r in partial.steps}
    assert after["keep_between"].dropped > 0
    same = project.recipe.names[:position]
    assert all(after[name].fingerprint == steps[name] for name in same)


def test_what_a_dataset_says_is_never_markup(tmp_path, monkeypatch):
    from curation.ui.text import hover, markdown

    nasty = "<script>alert(1)</script> ![x](http://evil/y.png) $x$ :red[z] `c` **b**"
    assert "<script>" not in hover(nasty)
    for sign in "<![$:`*":
        assert f"\\{sign}" in markdown(nasty)
    for link in ("https://evil.example", "www.evil.example", "eve@evil.example"):
        assert link not in markdown(link).replace("\\", "")
    assert make_dataset([(nasty, nasty)]).rows["prompt"].iloc[0] == nasty


def test_a_lasso_takes_rows_that_were_not_drawn():
    import numpy as np
    import pandas as pd

    from curation.looking import layout

    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"map_x": rng.random(5_000), "map_y": rng.random(5_000)})
    drawn = layout.sample(rows, 500)
    assert len(drawn) == 500
    square = {"lasso": [{"x": [0.2, 0.8, 0.8, 0.2], "y": [0.2, 0.2, 0.8, 0.8]}]}
    chosen = layout.selected(rows, square)
    inside = rows["map_x"].between(0.2, 0.8) & rows["map_y"].between(0.2, 0.8)
    assert (chosen == inside.to_numpy()).all()
    assert chosen.sum() > len(drawn)


def test_pages_name_only_scripts_that_exist():
    text = (ROOT / "app.py").read_text("utf-8")
    for page in PAGES:
        assert f'"{page.relative_to(ROOT).as_posix()}"' in text


def test_tags_can_be_filtered_by(project):
    from curation.decisions import Decision

    some = list(project.view().dataset.kept.index[:3])
    project.decisions.append([Decision(i, "tag", "maths", "Ann") for i in some])
    app = opened("browse")
    picked = next(m for m in app.multiselect if m.label == "Filter by")
    picked.set_value(["tags"]).run()
    next(m for m in app.multiselect if m.label == "tags: any of").set_value(["maths"]).run()
    assert not app.exception
    assert any("**3** of" in c.value for c in app.caption)


def test_a_recipe_that_cannot_be_read_is_a_sentence_on_every_page(project):
    (project.path / "recipe.yaml").write_text("version: 1\nsteps:\n  - fix_txet: {}\n")
    for page in ("clean", "overview", "map"):
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        app.run()
        app.switch_page(str(next(p for p in PAGES if p.stem == page).relative_to(ROOT)))
        app.run()
        assert not app.exception, app.exception[0].message
    assert any("fix" in m.value for m in [*app.error, *app.caption, *app.info])


def test_a_form_never_writes_back_what_somebody_else_changed(project):
    position = project.recipe.names.index("keep_between")
    app = AppTest.from_file(str(ROOT / "pages/prepare/clean.py"), default_timeout=120)
    app.session_state[f"step-{project.path}"] = position
    app.run()
    step = project.recipe.steps[position]
    theirs = project.recipe.changed(position, Step(step.use, **{**step.params, "low": 9.0}))
    Project.open(project.path).save_recipe(theirs, project.recipe.revision)
    app.run()
    assert Project.open(project.path).recipe == theirs
    assert next(n for n in app.number_input if n.label == "Low").value == 9.0


def test_a_view_is_another_one_when_other_answers_are_its_columns(make_project):
    """What is remembered under its fingerprint, as a search, holds the columns by name."""
    project = make_project([{"prompt": "Tea?", "completion": "Yes."}])
    example = str(project.examples.rows.index[0])
    lead = [Question("tone", "choice", options=("warm", "cold")), Question("help", "rating")]
    project.decisions.append(
        Decision(example, "answer", {"question": one.name, "value": value}, "Ann")
        for one, value in zip(lead, ("warm", 3), strict=True)
    )
    views = []
    for one in lead:
        write_questions(project.path, [one])
        views.append(state.annotated(project, project.view()))
    assert "answers.tone" in views[0].dataset.rows and "answers.help" in views[1].dataset.rows
    assert views[0].fingerprint != views[1].fingerprint
