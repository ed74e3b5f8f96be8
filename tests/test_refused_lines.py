"""Refused lines on Load: the one that is named is the one that is shown and corrected."""

from __future__ import annotations

from curation import Project
from tests.drawn import opened


def test_after_a_correction_the_next_line_is_shown_under_its_own_name(tmp_path, monkeypatch):
    file, broken = tmp_path / "rows.jsonl", '{"prompt": "Name a %s", "completion":'
    file.write_text("".join(f"{broken % name}\n" for name in ("star", "river", "bird")))
    project = Project.create(tmp_path / "p")
    project.add(file)
    monkeypatch.setenv("CURATION_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("CURATION_PROJECT", str(project.path))
    page = opened("load", {"load-part": "Refused"})
    page.selectbox(key="mend-pick").select_index(1).run()
    page.text_area(key="mend-rows.jsonl-2").set_value(
        '{"prompt": "Name a river", "completion": "Po"}'
    ).run()
    page.button(key="mend-go").click().run()
    assert [list(project.rejected["row"]), len(project.examples)] == [[1, 3], 1]
    source, row = page.selectbox(key="mend-pick").value
    assert (source, row) == ("rows.jsonl", 1), "the corrected one is gone, so the first"
    assert page.text_area(key=f"mend-{source}-{row}").value == broken % "star"
