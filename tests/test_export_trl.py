"""The training scripts of a delivery run with the real TRL, and learn nothing but answers."""

from __future__ import annotations

import json
import runpy
import sys

import pytest

from tests.conftest import json_lines
from tests.test_export import TOOLS, turn
from tests.tiny_lm import MARKED, PLAIN, save_tiny

CALL = {"type": "function", "function": {"name": "weather", "arguments": {"in": "Oslo"}}}

WITH_TOOLS = (
    "{% if tools %}<tools>{{ tools | tojson }}<|end|>\n{% endif %}"
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}"
    "{% for c in m['tool_calls'] or [] %}<call>{{ c | tojson }}{% endfor %}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
"""A chat template that shows tools and calls and marks no answers."""

SHAPES = [
    {"messages": [turn("user", "Name a planet."), turn("assistant", "Saturn.")]},
    {
        "messages": [
            turn("system", "Be brief."),
            turn("user", "And a moon?"),
            turn("assistant", "Titan."),
            turn("user", "Of which planet?"),
            turn("assistant", "Of Saturn."),
        ]
    },
    {
        "messages": [
            turn("user", "Is it cold in Oslo?"),
            turn("assistant", None, tool_calls=[CALL]),
            turn("tool", "4 degrees"),
            turn("assistant", "Yes, 4 degrees."),
        ],
        "tools": TOOLS,
    },
    {"text": "Great film", "label": "good"},
]
ANSWERS = ["Saturn.", "Titan.", "Of Saturn.", "Yes, 4 degrees.", "good"]
CALLED = f"<call>{json.dumps(CALL)}"
REJECTED = [
    {
        **{key: row[key] for key in ("tools",) if key in row},
        "prompt": row["messages"][:-1],
        "chosen": row["messages"][-1:],
        "rejected": [turn("assistant", "No.")],
    }
    for row in SHAPES[:3]
]


@pytest.fixture
def trained(make_project, tmp_path, monkeypatch):
    """Run a delivery's own script for one step on a tiny model; its trainer comes back."""
    pytest.importorskip("trl")

    def run(name, rows, template):
        make_project(rows).export(tmp_path / "out", [name])
        model = save_tiny(tmp_path / "tiny", template=template)
        script = tmp_path / "out" / name / "train.py"
        words = ["--model", str(model), "--output", str(tmp_path / "model"), "--steps", "1"]
        monkeypatch.setattr(sys, "argv", [str(script), *words])
        monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
        trainer = runpy.run_path(str(script))["trainer"]
        assert trainer.state.global_step == 1
        assert (tmp_path / "model" / "model.safetensors").exists()
        return trainer

    return run


def learned(trainer):
    """The texts that a trainer's rows teach, each up to the token that ends a turn."""
    batch = trainer.data_collator(list(trainer.train_dataset))
    texts = "".join(
        trainer.processing_class.decode([token for token in row if token != -100])
        for row in batch["labels"].tolist()
    ).split("<|end|>")
    assert texts[-1].strip() == "", "every answer ends"
    return sorted(text.strip() for text in texts[:-1])


@pytest.mark.parametrize("template", [PLAIN, WITH_TOOLS, MARKED], ids=["plain", "tools", "marked"])
def test_the_script_for_messages_teaches_answers_and_nothing_else(trained, template):
    trainer = trained("trl", SHAPES, template)
    assert trainer.args.assistant_only_loss == (template == MARKED)
    assert learned(trainer) == sorted([*ANSWERS, CALLED if template == WITH_TOOLS else ""])


def test_the_script_for_completions_teaches_answers_that_are_not_masked(trained):
    masked = {
        "messages": [
            turn("user", "Is it so?"),
            turn("assistant", "No.", weight=0),
            turn("user", "Sure?"),
            turn("assistant", "Yes.", weight=1),
        ]
    }
    trainer = trained("trl-completion", [*SHAPES, masked], WITH_TOOLS)
    assert learned(trainer) == sorted([*ANSWERS, CALLED, "Yes."])


@pytest.mark.parametrize("name, rows", [("trl-preference", 3), ("trl-kto", 7)])
def test_the_scripts_for_judged_answers_train_on_every_shape(trained, name, rows):
    trainer = trained(name, [*REJECTED, *SHAPES[3:]], WITH_TOOLS)
    assert len(trainer.train_dataset) == rows


def test_a_bad_answer_alone_is_a_row_of_its_own(make_project, tmp_path):
    bad = {"prompt": "Is it?", "completion": "Well …", "label": False}
    project = make_project({"a.jsonl": json_lines(REJECTED[:1]), "b.jsonl": json_lines([bad])})
    manifest = project.export(tmp_path / "out", ["trl-kto"], allow_attention=True)
    rows = [json.loads(line) for line in open(tmp_path / "out" / "trl-kto" / "train.jsonl")]
    assert sorted((row["completion"][0]["content"], row["label"]) for row in rows) == [
        ("No.", False),
        ("Saturn.", True),
        ("Well …", False),
    ]
    assert manifest["delivered"] == 2 and manifest["files"][0]["rows"] == 3
