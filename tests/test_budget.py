"""The app's memory: what values hold, and what is forgotten when all projects hold too much."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from curation.cache import Memory
from curation.errors import CurationError
from curation.footprint import MANY, bytes_of, footprint, give_back
from curation.recipe import Step
from curation.settings import identity
from curation.ui import budget as budgets
from curation.ui import state
from curation.ui.budget import MAKERS, Budget, remembered
from tests.conftest import ROOT

MIB = 2**20


def test_what_two_values_share_counts_once():
    texts = pd.Series(["a text of thirty-two characters."] * 10_000, dtype="str")
    frame = pd.DataFrame({"text": texts, "number": np.arange(10_000.0)})
    more = frame.assign(flag=np.zeros(10_000, dtype=bool))
    one, both = bytes_of([footprint(frame)]), bytes_of([footprint(frame), footprint(more)])
    assert 480_000 <= one < 600_000, (
        "the text, its ends, a number and the answer whether it is missing"
    )
    assert 10_000 <= both - one < 30_000, "only the column of flags is new"
    part = frame.iloc[:10]
    assert bytes_of([footprint(frame), footprint(part["number"])]) - one < 10_000


def test_a_part_keeps_all_of_its_array_alive():
    array = np.zeros(MIB)
    part = array[:10]
    del array
    assert bytes_of([footprint(part)]) >= 8 * MIB


def test_a_mapped_file_takes_no_memory(tmp_path):
    table = pa.table({"number": np.arange(MIB)})
    with (
        pa.OSFile(str(tmp_path / "t.arrow"), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as w,
    ):
        w.write_table(table)
    with pa.memory_map(str(tmp_path / "t.arrow")) as source:
        mapped = pa.ipc.open_file(source).read_all()
    assert bytes_of([footprint(table)]) >= 8 * MIB
    assert bytes_of([footprint(mapped)]) < 10_000
    np.save(tmp_path / "n.npy", np.zeros(MIB))
    lazy = np.load(tmp_path / "n.npy", mmap_mode="r")
    assert bytes_of([footprint(lazy, lazy[5:])]) < 10_000


def test_a_system_whose_c_library_gives_nothing_back_does_no_harm(monkeypatch):
    def of_windows(name):
        return "/" in name  # as ctypes looks there, also where no name is given

    monkeypatch.setattr("curation.footprint.ctypes.CDLL", of_windows)
    give_back(MANY)


def test_of_many_parts_some_stand_for_all():
    texts = [f"a text of about forty characters {n:06}" for n in range(50_000)]
    bytes_ = bytes_of([footprint({"texts": texts})])
    assert bytes_ == pytest.approx(50_000 * (8 + 88), rel=0.05)
    shared = np.zeros(MIB)
    assert bytes_of([footprint([(shared, n) for n in range(5_000)])]) < 9 * MIB


def test_a_table_to_look_labels_up_counts():
    index = pd.Index([f"{n:016x}" for n in range(20_000)], dtype="str")
    before = bytes_of([footprint(index)])
    assert "0000000000000001" in index
    assert bytes_of([footprint(index)]) - before > 20_000 * 60


def test_a_result_is_computed_once_and_forgotten_by_age():
    budget, calls = Budget(), []

    def get(folder, name, value, most=2):
        return budget.get((folder, name, value), lambda: calls.append(value) or value, most)

    assert [get("a", "f", n) for n in (1, 2, 1, 3, 1)] == [1, 2, 1, 3, 1]
    assert calls == [1, 2, 3], "1 was used last"
    get("a", "f", 2), get("a", "g", 2)
    assert calls == [1, 2, 3, 2, 2], (
        "2 was forgotten for 3; another function has results of its own"
    )
    budget.forget(("a", "g", 2))
    get("a", "g", 2)
    assert calls[-2:] == [2, 2]


def test_of_threads_that_ask_at_once_one_computes_and_an_error_is_not_remembered():
    budget, calls, gate = Budget(), [], Barrier(4)

    def make():
        calls.append(1)
        if len(calls) == 1:
            raise CurationError("not now")
        return "result"

    def ask(_):
        gate.wait()
        try:
            return budget.get(("a", "f"), make, 8)
        except CurationError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert sorted(answers) == ["not now", "result", "result", "result"] and len(calls) == 2


def test_few_results_are_made_at_once_and_one_may_need_another():
    kept, lock, now, most = Budget(), threading.Lock(), 0, 0

    def make(name):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)  # so that others come meanwhile
        inner = kept.get(("folder", "inner", name % 2), lambda: name % 2, 9)
        with lock:
            now -= 1
        return inner

    with ThreadPoolExecutor(12) as pool:
        results = list(
            pool.map(lambda n: kept.get(("folder", "outer", n), lambda: make(n), 99), range(24))
        )
    assert results == [n % 2 for n in range(24)]
    assert most == MAKERS


def test_arguments_with_an_underscore_are_no_part_of_a_result_s_key():
    calls = []

    @remembered(4)
    def measure(path: str, column: str, _rows: object, *, deep: bool = False) -> int:
        calls.append((column, deep))
        return len(calls)

    assert measure("p", "a", object()) == measure("p", "a", object()) == 1
    assert measure("p", "b", object()) == 2 and measure("q", "a", object()) == 3
    assert measure("p", "a", object(), deep=True) == 4
    measure.forget("p", "a", object())
    assert measure("p", "a", object()) == 5


def arrays(budget, *owners, size=MIB):
    for owner in owners:
        budget.get((owner, "f", "x"), lambda: np.zeros(size // 8), 64)


def test_the_project_unused_for_longest_is_forgotten_whole(monkeypatch, tmp_path):
    monkeypatch.setenv("CURATION_MEMORY_GB", f"{3.5 / 1024}")
    budget = Budget()
    a, b, c, d = (str(tmp_path / name) for name in "abcd")
    arrays(budget, a, f"{a}/targets/t", b, c)
    budget.settle(tmp_path / "c")
    assert budget.size() < 3.5 * MIB and {key[0] for key in budget._results} == {
        f"{a}/targets/t",
        b,
        c,
    }
    arrays(budget, f"{a}/targets/t", d)
    budget.settle(tmp_path / "d")
    assert {key[0] for key in budget._results} == {f"{a}/targets/t", c, d}, (
        "b was unused for longest"
    )


def test_a_large_project_in_use_stays_and_so_do_its_newest_results(monkeypatch, tmp_path):
    monkeypatch.setenv("CURATION_MEMORY_GB", f"{8 / 1024}")
    budget, own = Budget(), str(tmp_path / "a")
    budget.get((own, "project"), lambda: np.zeros(2 * MIB), 1, grows=True)
    for n in range(5):
        budget.get((own, "f", n), lambda: np.zeros(MIB // 8), 64)
    budget.settle(tmp_path / "a")
    assert {key[1:] for key in budget._results} == {("project",), ("f", 3), ("f", 4)}


def test_what_a_project_in_use_can_spare_goes_before_its_results(monkeypatch, tmp_path):
    monkeypatch.setenv("CURATION_MEMORY_GB", f"{6.5 / 1024}")
    budget, own = Budget(), str(tmp_path / "a")
    memory = Memory(48)
    for n in range(5):
        memory.put(str(n), np.zeros(MIB // 8))

    def spare(memory):
        return memory.forget_oldest(2)

    budget.get((own, "project"), lambda: memory, 1, True, spare)
    arrays(budget, own, own, size=2 * MIB)
    budget.settle(tmp_path / "a")
    assert [memory.get(str(n)) is not None for n in range(5)] == [False, True, True, True, True]
    assert ("f", "x") in {key[1:] for key in budget._results}
    monkeypatch.setenv("CURATION_MEMORY_GB", f"{1 / 1024}")
    budget.settle(tmp_path / "a")
    assert [memory.get(str(n)) is not None for n in range(5)] == [False, False, False, True, True]
    assert {key[1:] for key in budget._results} == {("project",)}


def test_results_that_share_a_project_larger_than_the_budget_stay(monkeypatch, tmp_path):
    monkeypatch.setenv("CURATION_MEMORY_GB", f"{2 / 1024}")
    budget, own = Budget(), str(tmp_path / "a")
    texts, calls = np.zeros(MIB), []
    budget.get((own, "project"), lambda: [texts], 1, grows=True)

    def annotated():
        calls.append(1)
        return {"texts": texts, "verdicts": np.zeros(100)}

    for _ in range(3):
        budget.get((own, "annotated"), annotated, 8)
        budget.settle(tmp_path / "a")
    assert len(calls) == 1, "or each drawing of a page would compute it again"


def test_a_result_that_grew_is_measured_again(monkeypatch, tmp_path):
    budget = Budget()
    growing = budget.get(("a", "f"), list, 1, grows=True)
    before = budget.size()
    growing.append(np.zeros(MIB))
    assert budget.size() == before, "nobody used it since"
    budget.get(("a", "f"), list, 1, grows=True)
    assert budget.size() > before + 8 * MIB


@pytest.mark.parametrize("text", ["much", "1e999", "nan"])
def test_a_budget_that_is_no_number_is_said_in_a_sentence(monkeypatch, text):
    monkeypatch.setenv("CURATION_MEMORY_GB", text)
    with pytest.raises(CurationError, match="CURATION_MEMORY_GB must be a number of gigabytes"):
        budgets.limit()
    monkeypatch.setenv("CURATION_MEMORY_GB", "")
    assert budgets.limit() == budgets.LIMIT_GB * 2**30


def test_of_two_projects_the_older_is_forgotten_and_comes_back_right(project, copy_of, monkeypatch):
    monkeypatch.setattr(budgets, "budget", fresh := Budget(share=1e9))
    monkeypatch.setattr("curation.ui.shell.budget", fresh)
    pairs = [{"prompt": f"Name {n}.", "completion": f"It is {n}."} for n in (1, 2, 3, 3)]
    other = copy_of(project.path.parent / "other", pairs, Step("drop_exact_duplicates"))
    other.run()

    def drawn(path):
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        app.query_params["project"] = path.name
        app.run()
        assert not app.exception and not app.error
        return [box.value for box in app.metric]

    monkeypatch.setenv("CURATION_MEMORY_GB", "4")
    first = drawn(project.path)
    mine = weakref.ref(state._opened(str(project.path), identity(project.path)))
    view = mine().view()
    rows, mark = view.dataset.rows.copy(deep=True), view.fingerprint
    del view
    drawn(other.path)
    assert mine() is not None and fresh.size() > 10_000
    monkeypatch.setenv("CURATION_MEMORY_GB", "0.000001")
    drawn(other.path)
    gc.collect()
    assert mine() is None, "the older project is forgotten"
    assert {key[0] for key in fresh._results} == {str(other.path)}
    assert drawn(project.path) == first
    again = state._opened(str(project.path), identity(project.path)).view()
    assert again.fingerprint == mark
    pd.testing.assert_frame_equal(again.dataset.rows, rows)
