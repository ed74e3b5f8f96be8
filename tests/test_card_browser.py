"""The card in a real browser: what was on the screen is what is saved, whatever happens."""

from __future__ import annotations

import time

import orjson
import pytest

from curation import Project
from tests.browser import reads
from tests.conftest import json_lines

PANE = """() => {
    const host = document.querySelector('[data-testid=stBidiComponentIsolated]');
    const pane = host?.shadowRoot?.querySelector('.pane');
    const saving = host?.shadowRoot?.querySelector('.saving');
    return pane ? {...pane.dataset, unsaved: Number(saving.dataset.unsaved)} : {};
}"""
"""The state of the screen: the example, its revision, whether it is painted, unsaved answers."""


def rows() -> list[dict]:
    """Examples with all that a text can do to a page, among plain ones."""
    hostile = (
        "<script>window.hacked = 1</script><img src=x onerror='window.hacked=1'>"
        "![p](https://evil.example/p.png) <a href='javascript:1'>x</a> [l](https://evil.example)"
    )
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "look", "arguments": {"q": hostile}},
    }
    turns = [
        {"role": "system", "content": hostile},
        {
            "role": "user",
            "content": "Look:\n```python\nprint('hi')\n```\n| a | b |\n|---|---|\n| 1 | 2 |",
        },
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": hostile, "tool_call_id": "c1"},
        {"role": "assistant", "content": "pay \u202ehere\u200b\u200b\n" + "long\n" * 80},
    ]
    sums = [{"prompt": f"What is {i} + {i}?", "completion": f"It is {2 * i}."} for i in range(400)]
    return [{"messages": turns}, *sums]


@pytest.fixture
def project(serve) -> Project:
    """A fresh project in the workspace of the running app."""
    return serve(
        {
            f"{kind}.jsonl": json_lines([row for row in rows() if ("messages" in row) == chat])
            for kind, chat in (("chat", True), ("sums", False))
        }
    )


@pytest.fixture
def opened(person, app, project):
    """Opens the page of cards as a person, in a browser of their own, and remembers its requests."""

    def open_page(who: str = "Ann", context=None, **address):
        page = context.new_page() if context else person(who)
        page.requested = []
        page.on("request", lambda r: page.requested.append(r.url))
        query = "&".join(f"{k}={v}" for k, v in {"project": project.path.name, **address}.items())
        page.goto(f"{app.address}/annotate?{query}")
        if who:
            painted(page)
        return page

    return open_page


def painted(page, timeout: float = 60) -> dict:
    """Wait for a card on the screen and return what it is."""
    end = time.time() + timeout
    while time.time() < end:
        state = page.evaluate(PANE)
        if state.get("painted") == "true":
            return state
        time.sleep(0.005)
    raise AssertionError(f"no card was painted: {page.evaluate(PANE)}")


def saved(page, timeout: float = 60) -> None:
    """Wait until the page says that everything is saved."""
    end = time.time() + timeout
    while time.time() < end:
        if page.evaluate(PANE).get("unsaved") == 0:
            return
        time.sleep(0.02)
    raise AssertionError(f"not saved: {page.evaluate(PANE)}")


def press(page, keys: str, every: float = 0.0) -> list[tuple[str, str]]:
    """Press keys one by one; what was on the screen before each, with the key."""
    pressed = []
    for key in keys:
        begun = time.time()
        pressed.append((painted(page)["example"], key))
        page.keyboard.press(key)
        time.sleep(max(0.0, every - (time.time() - begun)))
    return pressed


def events(project: Project) -> list:
    return Project.open(project.path).decisions.events()


def decided(project: Project) -> list[tuple[str, str]]:
    return [(e.example_id, e.kind[0]) for e in events(project)]


def test_each_of_many_quick_keys_decides_the_card_that_was_painted(opened, project):
    page = opened()
    pressed = press(page, "kd" * 60, every=1 / 30)
    saved(page)
    assert decided(project) == pressed
    assert len({example for example, _ in pressed}) == 120
    assert len({e.op_id for e in events(project)}) == 120


def test_keys_pressed_blindly_decide_only_what_was_painted(opened, project):
    page = opened()
    shown = """() => {
        window.shown = [];
        const pane = document.querySelector('[data-testid=stBidiComponentIsolated]')
            .shadowRoot.querySelector('.pane');
        const note = () => requestAnimationFrame(() => window.shown.push(pane.dataset.example));
        new MutationObserver(note).observe(pane, {attributeFilter: ['data-example']});
        window.shown.push(pane.dataset.example);
    }"""
    page.evaluate(shown)
    for _ in range(40):
        page.keyboard.press("k", delay=0)
    page.wait_for_timeout(500)
    saved(page)
    on_screen = page.evaluate("window.shown")
    assert set(example for example, _ in decided(project)) <= set(on_screen)
    assert page.evaluate(PANE)["example"] not in {example for example, _ in decided(project)}


def test_a_key_before_a_card_is_painted_is_not_counted(opened, project):
    page = opened()
    page.evaluate("""() => {
        const pane = document.querySelector('[data-testid=stBidiComponentIsolated]')
            .shadowRoot.querySelector('.pane');
        const key = () => window.dispatchEvent(
            new KeyboardEvent('keydown', {key: 'd', code: 'KeyD', cancelable: true}));
        const changed = new MutationObserver(() => {
            changed.disconnect();
            key();
            requestAnimationFrame(key);
        });
        changed.observe(pane, {attributeFilter: ['data-example']});
    }""")
    pressed = press(page, "k")
    second = painted(page)["example"]
    page.get_by_text("The key was ignored").wait_for()
    saved(page)
    assert decided(project) == pressed
    assert painted(page)["example"] == second != pressed[0][0]
    press(page, "d")
    saved(page)
    assert decided(project)[1:] == [(second, "d")], "once it is on the screen a key counts"


def test_a_key_that_is_held_decides_once_and_caps_lock_is_harmless(opened, project):
    page = opened()
    first = painted(page)["example"]
    page.keyboard.down("k")
    for _ in range(20):
        page.keyboard.down("k")  # the browser marks these as repeated
        page.wait_for_timeout(20)
    page.keyboard.up("k")
    saved(page)
    assert decided(project) == [(first, "k")]
    second = painted(page)["example"]
    page.keyboard.press("Control+k")
    page.keyboard.press("Alt+d")
    page.keyboard.press("Shift+D")
    page.evaluate("""() => window.dispatchEvent(
        new KeyboardEvent('keydown', {key: 'D', code: 'KeyD', bubbles: true, cancelable: true}))""")
    saved(page)
    assert decided(project)[1:] == [(second, "d")], "a capital of Caps Lock only"


def test_keys_in_a_field_are_letters_and_an_edit_is_of_what_was_shown(opened, project):
    page = opened()
    press(page, "k")
    example = painted(page)["example"]
    page.keyboard.press("e")
    page.keyboard.type(" kkd", delay=10)
    assert page.locator("textarea").last.input_value().endswith(" kkd")
    page.locator("ins", has_text="kkd").wait_for()
    page.keyboard.press("Escape")
    assert page.locator("textarea").count() == 0
    page.keyboard.press("e")
    assert page.locator("textarea").last.input_value().endswith(" kkd"), "it is taken up again"
    page.keyboard.press("Control+Enter")
    saved(page)
    assert [(e.example_id, e.kind) for e in events(project)][1:] == [(example, "edit")]
    (edit,) = [e for e in events(project) if e.kind == "edit"]
    source = project.examples.messages(example)
    assert edit.value[-1]["content"] == source[-1].content + " kkd"
    assert painted(page)["example"] != example, "the next card"


def test_an_edit_put_aside_outlives_another_card_and_a_reload(opened, project):
    page = opened()
    press(page, "kk")
    example = painted(page)["example"]
    page.keyboard.press("e")
    page.keyboard.type(" mine", delay=10)
    page.keyboard.press("Escape")
    press(page, "s")
    press(page, "e")
    page.keyboard.press("Escape")
    assert painted(page)["example"] != example
    press(page, "b")
    saved(page)
    page.wait_for_function("example => location.href.includes(example)", arg=example)
    page.reload()
    assert painted(page)["example"] == example
    assert page.locator("textarea").count() == 0
    press(page, "e")
    assert page.locator("textarea").last.input_value().endswith(" mine")
    page.keyboard.press("Control+Enter")
    saved(page)
    press(page, "b")
    press(page, "e")
    page.keyboard.press("Escape")
    assert "Press E to continue it" not in page.locator(".notice").inner_text()
    assert [e.kind for e in events(project)] == ["keep", "keep", "skip", "edit"]


def test_a_reload_right_after_a_key_loses_no_letter_of_an_edit(opened, project):
    page = opened()
    example = painted(page)["example"]
    page.wait_for_function("example => location.href.includes(example)", arg=example)
    page.keyboard.press("e")
    page.keyboard.type(" every letter of mine")
    page.reload()
    page.locator("textarea").last.wait_for()
    assert page.locator("textarea").last.input_value().endswith(" every letter of mine")


def test_a_second_edit_leaves_numbers_in_calls_as_they_are(opened, project, tmp_path):
    arguments = {"x": 1.0, "n": 12345678901234567890}
    call = {"id": "c", "type": "function", "function": {"name": "add", "arguments": arguments}}
    turns = [
        {"role": "user", "content": "add"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "1", "tool_call_id": "c"},
        {"role": "assistant", "content": "one"},
    ]
    calls = tmp_path / "calls.jsonl"
    calls.write_bytes(orjson.dumps({"messages": turns}) + b"\n")
    project.add(calls)
    rows = Project.open(project.path).examples.rows
    example = rows.index[rows["source"].str.contains("calls")][0]
    source = orjson.loads(rows.at[example, "messages"])
    page = opened(example=example, queue="everything")
    card = "document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot.curationCard"
    page.evaluate(f"() => {{ {card}.outbox.flush = () => {{}}; }}")
    for word in (" more", " and more"):
        page.keyboard.press("e")
        page.keyboard.type(word)
        page.keyboard.press("Control+Enter")
        page.keyboard.press("b")
        assert painted(page)["example"] == example
    page.evaluate(f"() => {{ delete {card}.outbox.flush; {card}.outbox.restart(); }}")
    saved(page)
    page.keyboard.press("e")
    page.keyboard.type("!")
    page.keyboard.press("Control+Enter")
    saved(page)
    edits = [e.value for e in events(project)]
    assert [v[-1]["content"] for v in edits] == ["one more", "one more and more"] + [
        "one more and more!"
    ]
    assert [repr(v[1]) for v in edits] == [repr(source[1])] * 3


def test_notes_tags_ratings_and_labels_by_keys(opened, project):
    ids = list(project.examples.rows.index)
    from curation.decisions import Decision

    letters = [f"class {n:02}" for n in range(30)]
    labels = [Decision(i, "label", x, "Bob") for i, x in zip(ids[-30:], letters, strict=True)]
    project.decisions.append(labels)
    page = opened()
    example = painted(page)["example"]
    page.keyboard.press("n")
    page.keyboard.type("look again", delay=5)
    page.keyboard.press("Enter")
    page.keyboard.press("t")
    page.keyboard.type("sums", delay=5)
    page.keyboard.press("Enter")
    page.keyboard.press("r")
    page.keyboard.press("4")
    assert painted(page)["example"] == example, "none of these goes on"
    page.keyboard.press("l")
    page.keyboard.type("27", delay=5)
    page.keyboard.press("Enter")
    second = painted(page)["example"]
    assert second != example, "a label goes on"
    page.keyboard.press("2")
    saved(page)
    decisions = [(e.example_id, e.kind, e.value) for e in events(project)][30:]
    assert decisions == [
        (example, "note", "look again"),
        (example, "tag", "sums"),
        (example, "rate", 4),
        (example, "label", "class 27"),
        (second, "label", "class 01"),
    ]


def test_a_reason_is_typed_after_shift_d_and_over_an_edit(opened, project):
    page = opened()
    first = painted(page)["example"]
    page.keyboard.press("Shift+D")
    page.keyboard.type("kkd DUK", delay=5)
    assert painted(page)["example"] == first and not events(project), "letters decide nothing"
    page.keyboard.press("Escape")
    assert painted(page)["example"] == first
    page.keyboard.press("Shift+D")
    page.keyboard.type("off topic", delay=5)
    page.keyboard.press("Enter")
    second = painted(page)["example"]
    assert second != first
    page.keyboard.press("e")
    page.keyboard.type(" Yes.", delay=5)
    page.keyboard.press("Control+Shift+Enter")
    page.keyboard.type("no", delay=5)
    page.keyboard.press("Escape")
    assert page.locator("textarea").last.input_value().endswith(" Yes."), "the edit stays open"
    page.keyboard.press("Control+Shift+Enter")
    page.keyboard.type("too curt", delay=5)
    page.keyboard.press("Enter")
    third = painted(page)["example"]
    page.keyboard.press("Shift+D")
    page.keyboard.press("Enter")
    saved(page)
    assert [(e.example_id, e.kind) for e in events(project)] == [
        (first, "drop"),
        (first, "note"),
        (second, "edit"),
        (second, "note"),
        (third, "drop"),
    ]
    page.keyboard.press("u")
    page.keyboard.press("u")
    saved(page)
    people = Project.open(project.path).people()
    assert people.reasons(first) == "off topic"
    assert not people.edits and list(people.notes) == [first]


def test_undo_is_there_from_the_first_decision_and_returns_its_example(opened, project):
    page = opened()
    first = painted(page)["example"]
    page.keyboard.press("d")
    second = painted(page)["example"]
    page.keyboard.press("u")
    assert painted(page)["example"] == first
    page.keyboard.press("k")
    assert painted(page)["example"] == second
    page.keyboard.press("Control+z")
    assert painted(page)["example"] == first
    saved(page)
    assert Project.open(project.path).people().verdicts == {}
    page.keyboard.press("Control+Shift+z")
    saved(page)
    assert [e.kind for e in Project.open(project.path).people().verdicts.values()] == ["keep"]


def test_an_undo_takes_back_nothing_of_the_name_before(opened, project):
    page = opened()
    pressed = press(page, "k")
    saved(page)
    name = page.get_by_role("textbox", name="Who are you?")
    name.fill("Bob")
    name.press("Enter")
    page.wait_for_function("""() => document.querySelector('[data-testid=stBidiComponentIsolated]')
        .shadowRoot.curationCard.annotator === 'Bob'""")
    name.blur()
    painted(page)
    page.keyboard.press("u")
    page.get_by_text("There is nothing to undo.").wait_for()
    saved(page)
    assert decided(project) == pressed


def test_two_quick_undos_of_one_action_say_one_undo(opened, project):
    page = opened()
    (first,) = press(page, "k")
    saved(page)
    painted(page)
    page.evaluate("""() => {
        const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
        root.curationCard.press('undo');
        root.curationCard.press('undo');
    }""")
    assert page.locator(".notice").inner_text() == "There is nothing to undo."
    assert painted(page)["example"] == first[0]
    saved(page)
    page.keyboard.press("Control+Shift+z")
    page.get_by_text("Done again: kept.").wait_for()
    page.keyboard.press("u")
    page.get_by_text("Undone: kept.").wait_for()
    saved(page)
    assert [e.kind for e in events(project)] == ["keep", "undo", "redo", "undo"]


def test_review_and_skip_leave_the_card_and_back_is_the_one_before(opened, project):
    page = opened()
    pressed = press(page, "fsk")
    assert len({example for example, _ in pressed}) == 3
    fourth = painted(page)["example"]
    for example, _ in reversed(pressed):
        page.keyboard.press("b")
        assert painted(page)["example"] == example
    saved(page)
    page.get_by_role("button", name="To review").click()
    page.wait_for_function("location.search.includes('queue=review')")
    assert painted(page)["example"] == pressed[0][0]
    page.keyboard.press("f")
    saved(page)
    assert [e.kind for e in events(project)][-1] == "skip", "it is in review already"
    page.wait_for_timeout(300)
    assert painted(page)["example"] == pressed[0][0], "the only one comes again"
    page.keyboard.press("k")
    page.get_by_text("This queue is empty").first.wait_for()
    assert fourth not in {e.example_id for e in events(project)}


def test_a_reload_in_the_middle_comes_back_to_the_card_and_loses_nothing(opened, project):
    page = opened()
    pressed = press(page, "kdkdkd")
    shown = painted(page)["example"]
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    assert painted(page)["example"] == shown
    pressed += press(page, "kk")
    saved(page)
    assert decided(project) == pressed


def test_a_killed_server_loses_nothing_that_was_shown_as_saved(opened, project, app):
    page = opened()
    pressed = press(page, "kdkd")
    saved(page)
    app.kill()
    before = len(decided(project))
    pressed += press(page, "kdkdkd")
    assert page.evaluate(PANE)["unsaved"] == 6
    app.start()
    saved(page, 90)
    pressed += press(page, "kd")
    saved(page)
    assert before == 4 and decided(project) == pressed
    assert len({e.op_id for e in events(project)}) == len(pressed)


def test_leaving_asks_while_something_is_unsaved(opened, project, app):
    page = opened()
    app.kill()
    press(page, "k")
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.type), dialog.dismiss()))
    page.close(run_before_unload=True)
    page.wait_for_timeout(500)
    app.start()
    assert dialogs == ["beforeunload"]
    saved(page, 90)
    assert len(decided(project)) == 1


def test_two_tabs_and_two_people_get_different_cards_and_conflicts_are_said(opened, project):
    ann = opened("Ann")
    second = opened("Ann", context=ann.context)
    bob = opened("Bob")
    shown = {painted(page)["example"] for page in (ann, second, bob)}
    assert len(shown) == 3
    example = painted(ann)["example"]
    link = bob.url.split("?")[0] + f"?project={project.path.name}&example={example}"
    bob.goto(link)
    assert painted(bob)["example"] == example
    bob.keyboard.press("d")
    saved(bob)
    ann.keyboard.press("k")
    saved(ann)
    ann.get_by_text("Bob decided this example meanwhile; both decisions are kept.").wait_for()
    assert [(e.annotator, e.kind, e.base_revision) for e in events(project)] == [
        ("Bob", "drop", 0),
        ("Ann", "keep", 0),
    ]
    bob.wait_for_function("example => !location.href.includes(example)", arg=example)
    bob.goto(link)
    assert painted(bob)["revision"] == "2"
    bob.keyboard.press("k")
    saved(bob)
    assert events(project)[-1].base_revision == 2, "what was on the screen goes with the answer"


def test_a_card_is_text_only_whatever_the_dataset_says(opened, project, app):
    page = opened()
    assert "print('hi')" in page.locator("pre.code", has_text="print").inner_text()
    assert page.locator(".language").first.inner_text() == "python"
    reads(page.locator("td"), ["1", "2"])
    assert page.locator(".callname code").inner_text() == "look"
    badges = page.locator(".unseen").all_inner_texts()
    assert "U+202E" in badges and "U+200B ×2" in badges
    assert page.locator(".text >> text=<script>").first.is_visible()
    assert page.locator(".pane img, .pane a, .pane script, .pane iframe").count() == 0
    folded = page.locator(".turn.assistant .text").last.inner_text().count("long")
    page.keyboard.press("x")
    assert page.locator(".turn.assistant .text").last.inner_text().count("long") > folded
    assert page.evaluate("window.hacked") is None
    assert not [url for url in page.requested if "evil.example" in url]
    page.keyboard.press("e")
    page.keyboard.type("x")
    page.keyboard.press("Control+Enter")
    saved(page)
    turns = events(project)[0].value
    assert (
        turns[:4]
        == [m.to_dict() for m in project.examples.messages(events(project)[0].example_id)][:4]
    )


def test_any_role_is_shown_and_a_card_that_cannot_be_is_skipped(opened, project, tmp_path):
    odd = tmp_path / "odd.jsonl"
    roles = ("constructor", "__proto__")
    turns = [{"role": role, "content": f"said by {role}"} for role in roles]
    odd.write_bytes(orjson.dumps({"messages": turns}) + b"\n")
    project.add(odd)
    rows = Project.open(project.path).examples.rows
    example = rows.index[rows["source"].str.contains("odd")][0]
    page = opened(example=example)
    assert page.locator(".turn.other .role").all_text_contents() == list(roles)
    page.keyboard.press("e")
    assert page.locator("textarea").count() == 2
    page.keyboard.press("Escape")
    page.evaluate("""() => {
        const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
        const card = root.curationCard;
        card.cards.get(card.upcoming[0]).messages = '5';
    }""")
    press(page, "k")
    page.get_by_text("cannot be shown").first.wait_for()
    pressed = press(page, "kedsk")
    saved(page)
    assert [(e.example_id, e.kind) for e in events(project)] == [
        (example, "keep"),
        (pressed[0][0], "skip"),
        (pressed[-1][0], "keep"),
    ]


def test_the_next_card_opens_at_its_top_and_is_announced(opened, project):
    page = opened()
    page.keyboard.press("x")
    pane = page.locator(".pane")
    pane.evaluate("pane => { pane.scrollTop = 999; }")
    page.keyboard.press("k")
    painted(page)
    assert pane.evaluate("pane => pane.scrollTop") == 0
    assert "What is" in page.locator(".live").inner_text()
    assert page.title() == f"Annotate · {project.name}"


def test_words_can_be_read_on_light_and_on_dark(person, project):
    contrast = """() => {
        const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
        const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
        const rgba = (colour, under) => {
            canvas.fillStyle = `rgb(${under})`; canvas.fillRect(0, 0, 1, 1);
            canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
        };
        const light = (rgb) => rgb.map((v) => v / 255)
            .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const under = (node) => {
            const chain = [];
            for (let n = node; n; n = n.parentElement || n.getRootNode().host) chain.unshift(n);
            return chain.reduce((c, n) => rgba(getComputedStyle(n).backgroundColor, c), [255, 255, 255]);
        };
        const walker = document.createTreeWalker(root.querySelector('.cardpage'), NodeFilter.SHOW_TEXT);
        const poor = [];
        while (walker.nextNode()) {
            const node = walker.currentNode.parentElement;
            if (!walker.currentNode.textContent.trim() || !node.offsetParent || node.closest(':disabled')) continue;
            const ground = under(node);
            const [a, b] = [light(rgba(getComputedStyle(node).color, ground)), light(ground)];
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (ratio < 4.5) poor.push([node.className, walker.currentNode.textContent.slice(0, 30), ratio]);
        }
        return poor;
    }"""
    for scheme in ("light", "dark"):
        address = f"annotate?project={project.path.name}"
        page = person("Ann", address, 1024, 768, color_scheme=scheme)
        painted(page)
        page.keyboard.press("d")
        page.keyboard.press("b")
        page.keyboard.press("?")
        painted(page)
        assert page.evaluate(contrast) == [], scheme


def test_a_project_that_is_deleted_while_it_is_open_is_said_and_nothing_is_made(
    opened, project, tmp_path
):
    page = opened()
    shown = painted(page)["example"]
    moved = tmp_path / "elsewhere"
    project.path.rename(moved)
    page.keyboard.press("k")
    page.get_by_text("is not here any more").first.wait_for()
    assert page.evaluate(PANE)["unsaved"] == 1 and not project.path.exists()
    moved.rename(project.path)
    saved(page)
    assert decided(project) == [(shown, "k")]


def test_the_sidebar_counts_anew_beside_the_card_and_what_is_typed_stays(opened, project):
    page = opened()
    page.locator(".pane").click()
    kept = page.get_by_test_id("stSidebar").get_by_text("of 401 kept")
    shown = kept.inner_text()
    page.keyboard.press("d")
    page.keyboard.press("n")
    page.keyboard.type("half a note", delay=5)
    page.wait_for_function("shown => !document.body.innerText.includes(shown)", arg=shown)
    assert kept.inner_text() == "400 of 401 kept"
    page.keyboard.type(" more")
    page.keyboard.press("Enter")
    saved(page)
    assert [e.value for e in events(project) if e.kind == "note"] == ["half a note more"]
