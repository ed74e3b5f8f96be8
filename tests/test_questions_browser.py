"""The lead's questions in a real browser: every kind by keys, in the right order, and never unpainted."""

from __future__ import annotations

import pytest

from curation import Project
from curation.guidelines import write_guidelines
from curation.questions import Question, write_questions
from tests.browser import reads
from tests.conftest import json_lines
from tests.test_card_browser import events, opened, painted, press, saved  # noqa: F401

TURNS = [
    {"role": "user", "content": "Tell me about the moon."},
    {"role": "assistant", "content": "A 🌕 and 👩‍🚀: 月は岩です。 It is\u200b near.\r\nSo far."},
    {"role": "user", "content": "More?"},
    {"role": "assistant", "content": "| a | b |\n|---|---|\n| 1 | 2 |"},
]
PROMPT = [{"role": "user", "content": "What is 2 + 2?"}]
PAIR = {
    "chosen": [*PROMPT, {"role": "assistant", "content": "It is four."}],
    "rejected": [*PROMPT, {"role": "assistant", "content": "It is five."}],
}
TONE = Question("tone", "choice", "How does it sound?", ("warm", "plain", "cold"), required=True)
FAULTS = Question("faults", "choices", options=("long", "wrong", "rude"))
HELP = Question("help", "rating", low="useless", high="splendid")
WORDS = Question("words", "text", guideline="A sentence is enough.")
FIT = Question("fit", "turns", options=("yes", "no"), required=True)
ERRORS = Question("errors", "spans", options=("wrong", "odd"))
WHY = Question("why", "choice", options=("spam", "lie"), required=True, when="drop")
BETTER = Question("better", "ranking")


@pytest.fixture
def project(serve) -> Project:
    sums = [{"prompt": f"What is {i} + {i}?", "completion": f"It is {2 * i}."} for i in range(60)]
    pairs = [{**PAIR, "number": i} for i in range(1)]
    return serve(
        {
            "a.jsonl": json_lines(sums),
            "b.jsonl": json_lines([{"messages": TURNS}]),
            "c.jsonl": json_lines(pairs),
        }
    )


def define(project: Project, *questions: Question) -> None:
    write_questions(project.path, questions)


def answers(project: Project) -> list[tuple[str, object]]:
    """The answers and decisions, in the order of the log."""
    return [
        (e.value["question"], e.value["value"]) if e.kind == "answer" else (e.kind, e.value)
        for e in events(project)
    ]


def of_file(project: Project, name: str) -> str:
    rows = project.examples.rows
    return str(rows.index[rows["source"].str.contains(name)][0])


def focus(page) -> str:
    return page.locator(".question.now").get_attribute("data-question")


def test_many_quick_keys_answer_the_questions_of_the_card_that_was_painted(opened, project):  # noqa: F811
    define(project, TONE, HELP)
    page = opened()
    pressed = press(page, "13k25d31k" * 5, every=1 / 30)
    saved(page)
    tones = {"1": "warm", "2": "plain", "3": "cold"}
    expected, place = [], 0
    for example, key in pressed:
        if key in "kd":
            expected.append((example, "keep" if key == "k" else "drop"))
        else:
            expected.append((example, tones[key] if place % 3 == 0 else int(key)))
        place += 1
    log = [
        (e.example_id, e.value["value"] if e.kind == "answer" else e.kind) for e in events(project)
    ]
    assert log == expected
    assert len({example for example, _ in pressed}) == 15


def test_keys_pressed_blindly_answer_only_painted_cards(opened, project):  # noqa: F811
    define(project, TONE)
    page = opened()
    page.evaluate("""() => {
        window.shown = new Set();
        const pane = document.querySelector('[data-testid=stBidiComponentIsolated]')
            .shadowRoot.querySelector('.pane');
        const note = () => pane.dataset.painted === 'true' && window.shown.add(pane.dataset.example);
        new MutationObserver(note).observe(pane, {attributes: true});
        note();
    }""")
    for _ in range(30):
        page.keyboard.press("1", delay=0)
        page.keyboard.press("k", delay=0)
    page.wait_for_timeout(500)
    saved(page)
    shown = set(page.evaluate("[...window.shown]"))
    log = events(project)
    assert {e.example_id for e in log} <= shown
    for example in {e.example_id for e in log}:
        kinds = [e.kind for e in log if e.example_id == example]
        assert kinds.index("answer") < kinds.index("keep") if "keep" in kinds else kinds


def test_each_simple_kind_is_answered_by_keys_undone_and_there_after_a_reload(opened, project):  # noqa: F811
    define(project, TONE, FAULTS, HELP, WORDS)
    page = opened()
    example = painted(page)["example"]
    first, about = page.locator(".question").first, page.locator(".questions .about")
    places = [first.bounding_box(), about.bounding_box()]
    press(page, "2")
    assert focus(page) == "faults", "one answer is enough, so it goes on"
    press(page, "132")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    press(page, "4")
    assert focus(page) == "words"
    assert about.inner_text() == "words A sentence is enough.", "it says whose guideline it is"
    assert [first.bounding_box(), about.bounding_box()] == places, "and had its room before"
    page.keyboard.press("Enter")
    page.keyboard.type("kd1 naïve 🌕")
    page.keyboard.press("Enter")
    saved(page)
    assert answers(project) == [
        ("tone", "plain"),
        ("faults", ["long"]),
        ("faults", ["long", "rude"]),
        ("faults", ["long", "wrong", "rude"]),
        ("faults", ["wrong", "rude"]),
        ("help", 4),
        ("words", "kd1 naïve 🌕"),
    ]
    page.wait_for_function("example => location.href.includes(example)", arg=example)
    page.reload()
    assert painted(page)["example"] == example
    reads(page.locator(".option[aria-checked=true]"), ["plain 2", "wrong", "rude", "4"])
    assert page.locator(".written").inner_text().startswith("kd1 naïve 🌕")
    page.keyboard.press("u")
    page.get_by_text("Undone: answered.").wait_for()
    saved(page)
    page.locator(".written", has_text="write").wait_for()
    assert "words" not in project.people().answers[example]
    page.keyboard.press("Control+Shift+z")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("k")
    saved(page)
    assert painted(page)["example"] != example
    assert page.locator(".option[aria-checked=true]").count() == 0
    assert focus(page) == "tone"


def test_a_card_without_a_required_answer_says_which_is_missing_and_stays(opened, project):  # noqa: F811
    define(project, FAULTS, TONE)
    page = opened()
    example = painted(page)["example"]
    for key in "kd":
        page.keyboard.press(key)
        page.get_by_text("First answer “How does it sound?”.").wait_for()
        assert painted(page)["example"] == example and focus(page) == "tone"
    page.keyboard.press("1")
    assert page.get_by_text("First answer").count() == 0 or not page.locator(".notice").is_visible()
    page.keyboard.press("k")
    saved(page)
    assert answers(project) == [("tone", "warm"), ("keep", None)]
    page.keyboard.press("s")
    saved(page)
    assert answers(project)[-1] == ("skip", None), "a card that is put off needs no answer"


def test_a_question_of_another_kind_is_answered_anew_on_the_same_card(opened, project):  # noqa: F811
    define(project, Question("tone", "choice", options=("warm", "cold")))
    page = opened()
    example = painted(page)["example"]
    press(page, "1")
    saved(page)
    define(project, Question("tone", "spans", options=("warm", "cold"), required=True), HELP)
    page.keyboard.press("n")
    page.keyboard.type("of another kind")
    page.keyboard.press("Enter")
    page.locator("[data-question=help]").wait_for()
    assert painted(page)["example"] == example
    page.keyboard.press("k")
    page.get_by_text("First answer “tone”.").wait_for()
    press(page, "s")
    assert painted(page)["example"] != example


def test_a_drop_asks_why_and_is_one_act_with_its_answer(opened, project):  # noqa: F811
    define(project, TONE, WHY)
    page = opened()
    example = painted(page)["example"]
    press(page, "1d")
    assert focus(page) == "why" and painted(page)["example"] == example
    page.keyboard.press("Escape")
    assert focus(page) == "tone"
    press(page, "d")
    page.keyboard.press("d")
    page.get_by_text("First answer “why”.").wait_for()
    page.keyboard.press("2")
    saved(page)
    assert painted(page)["example"] != example
    assert answers(project) == [("tone", "warm"), ("drop", None), ("why", "lie")]
    page.keyboard.press("u")
    saved(page)
    assert painted(page)["example"] == example
    state = project.people()
    assert not state.verdicts and list(state.answers[example]) == ["tone"]
    page.keyboard.press("d")
    page.keyboard.press("Shift+d")
    page.keyboard.type("an advertisement")
    page.keyboard.press("Enter")
    page.get_by_text("First answer “why”.").wait_for()
    page.keyboard.press("1")
    saved(page)
    assert answers(project)[-3:] == [("drop", None), ("note", "an advertisement"), ("why", "spam")]
    page.keyboard.press("u")
    saved(page)
    press(page, "dk")
    saved(page)
    assert answers(project)[-1] == ("keep", None), "a drop that was begun can still be a keep"


def test_each_answer_of_a_conversation_is_judged(opened, project):  # noqa: F811
    define(project, FIT, TONE)
    page = opened(example=of_file(project, "b"), queue="everything")
    assert page.locator(".turn.judged").get_attribute("data-turn") == "1"
    press(page, "1")
    assert page.locator(".turn.judged").get_attribute("data-turn") == "3"
    page.keyboard.press("k")
    page.get_by_text("First answer “fit”.").wait_for()
    press(page, "2")
    assert focus(page) == "tone"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("1")
    press(page, "3k")
    saved(page)
    assert answers(project)[:2] == [("fit", {"1": "yes"}), ("fit", {"1": "yes", "3": "no"})]
    assert answers(project)[-2:] == [("tone", "cold"), ("keep", None)]
    assert project.people().answers[of_file(project, "b")]["fit"].value["value"]["3"] == "yes"


def marked(project: Project) -> list[tuple[int, str, str]]:
    """Turn, text and option of the stretches that count, cut out by Python."""
    example = of_file(project, "b")
    turns = project.examples.messages(example)
    spans = project.people().answers[example]["errors"].value["value"]
    return [
        (s["turn"], turns[s["turn"]].content[s["start"] : s["end"]], s["option"]) for s in spans
    ]


def test_stretches_are_marked_by_keys_in_code_points(opened, project):  # noqa: F811
    define(project, ERRORS, TONE)
    page = opened(example=of_file(project, "b"), queue="everything")
    page.keyboard.press("1")
    page.get_by_text("First select text in a turn").wait_for()
    page.keyboard.press("Enter")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("1")
    saved(page)
    assert marked(project) == [(1, "🌕", "wrong")]
    reads(page.locator("mark"), ["🌕"])
    page.keyboard.type("xyz")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+End")
    page.keyboard.press("2")
    saved(page)
    spans = marked(project)
    assert len(spans) == 2 and spans[1][1].endswith("It is\u200b near.") and "月は" in spans[1][1]
    page.keyboard.press("Backspace")
    saved(page)
    assert marked(project) == [(1, "🌕", "wrong")]
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert focus(page) == "tone", "Enter in the text goes on"
    press(page, "1k")
    saved(page)
    assert [kind for kind, _ in answers(project)][-2:] == ["tone", "keep"]


def test_stretches_are_marked_with_the_mouse_and_shown_after_a_reload(opened, project):  # noqa: F811
    define(project, ERRORS)
    page = opened(example=of_file(project, "b"), queue="everything")
    select = """([text, turn]) => {
        const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
        const holder = root.querySelector(`[data-turn="${turn}"] .markable`);
        const walker = document.createTreeWalker(holder, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
            const at = walker.currentNode.data.indexOf(text);
            if (at < 0) continue;
            const range = document.createRange();
            range.setStart(walker.currentNode, at);
            range.setEnd(walker.currentNode, at + text.length);
            const box = range.getBoundingClientRect();
            return [box.left, box.right, box.top + box.height / 2];
        }
    }"""
    for text, turn, key in (("月は岩", 1, "1"), ("near.", 1, "2"), ("| 1 | 2 |", 3, "2")):
        left, right, middle = page.evaluate(select, [text, turn])
        page.mouse.move(left + 1, middle)
        page.mouse.down()
        page.mouse.move(right - 1, middle, steps=4)
        page.mouse.up()
        page.keyboard.press(key)
        page.locator("mark", has_text=text).wait_for()
    saved(page)
    assert marked(project) == [
        (1, "月は岩", "wrong"),
        (1, "near.", "odd"),
        (3, "| 1 | 2 |", "odd"),
    ]
    page.reload()
    painted(page)
    reads(page.locator("mark"), ["月は岩", "near.", "| 1 | 2 |"])
    page.get_by_label("Remove the mark wrong").click()
    saved(page)
    assert [text for _, text, _ in marked(project)] == ["near.", "| 1 | 2 |"]
    page.keyboard.press("k")
    saved(page)
    assert answers(project)[-1] == ("keep", None), "letters decide also after a click in a text"


def test_two_answers_stand_side_by_side_and_the_better_one_is_named(opened, project):  # noqa: F811
    define(project, BETTER)
    example = of_file(project, "c")
    page = opened(example=example, queue="everything")
    assert page.get_by_text("Not preferred").count() == 0
    boxes = [page.get_by_text(text).bounding_box() for text in ("It is four.", "It is five.")]
    assert boxes[0]["y"] == boxes[1]["y"] and boxes[0]["x"] != boxes[1]["x"]
    four_first = boxes[0]["x"] < boxes[1]["x"]
    press(page, "1")
    saved(page)
    assert answers(project) == [("better", "preferred" if four_first else "rejected")]
    press(page, "2")
    press(page, "34")
    saved(page)
    assert [value for _, value in answers(project)][1:] == [
        "rejected" if four_first else "preferred",
        "tie",
        "bad",
    ]
    page.goto(page.url.replace(example, of_file(project, "a")))
    painted(page)
    assert page.locator(".questions").is_hidden(), "there is only one answer"
    press(page, "k")


def test_guidelines_stand_beside_the_card_as_text(opened, project):  # noqa: F811
    define(project, TONE)
    text = (
        "# Rules\n<b>bold</b> <script>window.hacked = 1</script>\n![x](https://evil.example/p.png)"
    )
    write_guidelines(project.path, project.decisions, text, "Ada")
    page = opened()
    guide = page.locator(".guidelines")
    assert guide.is_hidden()
    page.keyboard.press("g")
    assert (
        guide.locator(".text").inner_text() == text and guide.locator("b, script, img").count() == 0
    )
    pane, beside = (page.locator(name).bounding_box() for name in (".pane", ".guidelines"))
    assert pane["x"] + pane["width"] <= beside["x"]
    press(page, "1k")
    assert guide.is_visible(), "they stay for the next card"
    (project.path / "guidelines.md").write_text("New rules", "utf-8")
    press(page, "1k")
    page.get_by_text("The guidelines have changed").wait_for()
    assert guide.locator(".text").inner_text() == "New rules"
    page.keyboard.press("g")
    assert guide.is_hidden() and page.evaluate("window.hacked") is None
    saved(page)
    assert [e.kind for e in events(project)].count("guideline") == 2


def test_a_project_without_questions_is_as_before(opened, project):  # noqa: F811
    from curation.decisions import Decision

    ids = list(project.examples.rows.index)
    project.decisions.append([Decision(ids[-1], "label", "sum", "Bob")])
    page = opened()
    assert page.locator(".questions, .guidelines").locator("visible=true").count() == 0
    assert page.get_by_role("button", name="Guidelines").count() == 0
    assert page.locator(".markable, .versus").count() == 0
    page.keyboard.press("1")
    saved(page)
    assert [e.kind for e in events(project)][1:] == ["label"]


def test_names_roles_and_states_are_in_the_accessibility_tree(opened, project):  # noqa: F811
    define(project, TONE, FAULTS, ERRORS, FIT)
    page = opened(example=of_file(project, "b"), queue="everything")
    group = page.get_by_role("radiogroup", name="How does it sound?")
    assert group.get_by_role("radio").count() == 3
    group.get_by_role("radio", name="cold").click()
    assert group.get_by_role("radio", name="cold", checked=True).count() == 1
    faults = page.get_by_role("group", name="faults")
    faults.get_by_role("checkbox", name="rude").click()
    assert faults.get_by_role("checkbox", checked=True).count() == 1
    assert page.get_by_role("textbox", name="Assistant, text to mark").count() == 2
    assert page.get_by_role("region", name="Questions").count() == 1
    saved(page)
    assert dict(answers(project)) == {"tone": "cold", "faults": ["rude"]}
