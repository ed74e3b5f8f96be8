"""Rules of the house: what imports what, what a light import costs, and what the README says."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import curation
from tests.conftest import ROOT

FLOORS = """
    unwritten
    errors footprint numbered report text versions personal reading
    conversations lock process parameters formats topic_names answers targets allocation languages vectors
    registry
    files recipe rejected commands
    roles
    logins
    cache manifest decisions history recipe_text schema runs
    columns basis presets recipe_file
    dataset shapes
    alike label_errors carry embedding sources jobs
    chat choosing heirs judging
    lm overlay
    operations engine settings incoming
    review roots questions guidelines
    looking copies import_summary interchange
    forms imports reference_sets replay export naming saved_queues suggestions
    view deliver examples
    project
    comparison demo doctor gold namesakes training
    selections
    ui
    cli
    __main__ __init__
"""
"""Modules and packages of `curation`, the lowest first; each imports from floors below its own."""

FLOOR = {name: number for number, row in enumerate(FLOORS.split("\n")) for name in row.split()}

NARROW = {
    "operations": "alike allocation answers basis cache chat choosing columns dataset embedding errors "
    "files judging label_errors languages lm personal registry shapes targets text topic_names vectors",
    "sources": "conversations dataset errors formats process text",
    "formats": "errors",
    "embedding": "cache dataset errors files lock process versions vectors",
    "decisions": "errors files lock report",
}
"""All that a package may import of those below it, where that is less than everything."""


ROOMS = {
    "embedding": """
        multilingual neighbours backends row_file texts
        models
        tokenizer benchmark fits
        static
        encoder
        workers
        store
        __init__
    """,
    "formats": """
        calls names
        columns
        base
        turns
        parts texts
        beside chat pairs
        recognition
        conversion
        plain writing
        __init__
    """,
    "sources": """
        about encoding hub likely_labels limits shapes window
        opening strict
        containers lines
        archive columnar listing resuming tables
        document kinds
        parts
        reading
        __init__ __main__
    """,
    "chat": """
        __init__ calls template
        tokens
    """,
    "engine": """
        batches vector_places
        work
        on_ray supply
        __init__
        steps
    """,
    "decisions": """
        dawid_skene table values
        event
        answers outcome
        subjects
        lines state
        checks database fold journal suggested
        reconcile schema switches writer
        leases rows
        store
        consensus moments receipt repair
        __init__
    """,
    "export": """
        blocks contamination cures deliveries folder leaks licences proof rendering sentences
        parts
        card delivery_format origin preference
        card_page card_text places
        fitting trainers
        accepted offer receipts shards tables
        atlas croissant manifest push
        delivery file_check
        __init__ outlook
    """,
    "looking": """
        checks masks searched teamwork units
        __init__ acts agreement choice columns contamination context counts coverage layout library light_model
        measures search tally thresholds
        agreements chance concepts disputes duplicates events filter gaps queues quotas result special
        bias uncertain unread
        changes orders precision
    """,
    "operations": """
        __init__ clean concept conversation decontaminate density duplicates embed filters fits ifd judged known
        labels language lengths map quality readability redact shares
        select_chance select_target split topics
        select_coverage select_score
    """,
    "choosing": """
        clusters preference
        covering
        budget distances facility information towards
        __init__
    """,
    "interchange": """
        answers
        argilla doccano label_studio prodigy table reading
        __init__
    """,
    "cli": """
        options terminal
        compare data deliver history judge lead look rows train
        about gold people queues suggest
        agents
        __init__
    """,
    "suggestions": """
        table
        making store
        __init__
    """,
    "text": """
        __init__ counted markup scripts slug tokens
        code readable web words
        folding formulas
    """,
    "ui": """
        __init__ additions answers budget downloads login presence slots text times workspace
        door
        charts filters server state tables
        actions answer_file card cards form leak_report measures progress question_form queues quotas
        roles_form search_result unread uploads
        concepts listing shell
        about context decision_files delivery_check delivery_form delivery_push duplicates load reference_sets search
        clean delivery gold history review_form settle suggestions
        moment team
        map
        coverage select train
    """,
    "training": """
        __init__ intervals metrics picture pytorch recurrent trainer
        finetuning
        learners
        arms
        plan
        holdout trackers verdict
        pool
        run
        answers estimate
        report
        standing
    """,
    "alike": """
        beginnings numbers sets sides work
        incidence keys shingles
        contamination pairs
        cutting likeness preference
        near_duplicates
        compared
        near_vectors
        near_cells
        __init__
    """,
    "judging": """
        __init__ endpoint rubric verdicts
        run
        plan
    """,
    "lm": """
        __init__ conversations models reader
        losses ngrams
        causal
    """,
    "personal": """
        nearby
        addresses keys numbers phones
        __init__
        redaction
    """,
    "answers": """
        code pieces rule
        copied ending leftovers links loop missing refusal tongue turns
        __init__
    """,
}
"""Modules and folders of a package, the lowest first; each imports from rows above its own."""


def imports_of(tree):
    """Names of imported modules, wherever the import stands; not those that only types need."""
    if isinstance(tree, ast.If) and getattr(tree.test, "id", "") == "TYPE_CHECKING":
        return
    if isinstance(tree, ast.ImportFrom) and tree.module and not tree.level:
        names = [alias.name for alias in tree.names] if tree.module == "curation" else []
        homes = [f"curation.{curation._HOMES.get(name, name)}" for name in names]
        yield from homes or [tree.module]
    elif isinstance(tree, ast.Import):
        yield from (alias.name for alias in tree.names)
    for part in ast.iter_child_nodes(tree):
        yield from imports_of(part)


def upward_imports(path, code):
    """Faults of the imports of a file, by its path in `curation` and its text."""
    own = Path(path).parts[0].removesuffix(".py")
    if own not in FLOOR:
        return [f"{path} has no floor"]
    tree = ast.parse(code)
    if any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree)):
        return [f"{path} imports by a relative path"]
    names = [f"{name}.__init__".split(".") for name in imports_of(tree)]
    imported = {module for package, module, *_ in names if package == "curation"}
    imported -= {own, "__version__"}
    allowed = NARROW[own].split() if own in NARROW else FLOOR
    return [
        f"{path} imports {other}"
        for other in sorted(imported)
        if other not in allowed or FLOOR[other] >= FLOOR[own]
    ]


def test_imports_point_one_way():
    home = ROOT / "curation"
    paths = sorted(path.relative_to(home) for path in home.rglob("*.py"))
    assert [w for path in paths for w in upward_imports(path, (home / path).read_text())] == []
    assert FLOOR.keys() == {path.parts[0].removesuffix(".py") for path in paths}


@pytest.mark.parametrize(
    "path, code, wrong",
    [
        ("fresh.py", "", "fresh.py has no floor"),
        ("recipe.py", "import curation.replay", "recipe.py imports replay"),
        ("recipe.py", "from curation import fresh", "recipe.py imports fresh"),
        ("recipe.py", "import curation", "recipe.py imports __init__"),
        ("recipe.py", "from .replay import Replay", "recipe.py imports by a relative path"),
        ("files.py", "def f():\n    from curation import Project", "files.py imports project"),
        ("engine/new.py", "from curation.looking import words", "engine/new.py imports looking"),
        (
            "operations/new.py",
            "from curation.project import Project",
            "operations/new.py imports project",
        ),
        ("operations/new.py", "from curation import jobs", "operations/new.py imports jobs"),
    ],
)
def test_an_import_that_points_up_or_aside_is_found_wherever_it_stands(path, code, wrong):
    assert upward_imports(path, code) == [wrong]


def upward_rooms(package, rooms, codes):
    """Faults of the imports between the modules of a package; codes: name → code."""
    row = {name: number for number, line in enumerate(rooms.split("\n")) for name in line.split()}
    wrong = [f"{name} has no row" for name in codes if name not in row]
    for name, code in codes.items():
        modules = modules_of(ast.parse(code), package)
        others = [module if module in row else "__init__" for module in modules]
        wrong += [
            f"{name} imports {other}"
            for other in others
            if other != name and row.get(other, len(row)) >= row.get(name, 0)
        ]
    return wrong


def modules_of(tree, package):
    """First names below a package in the imports of a syntax tree; "" for the package itself."""
    home = f"curation.{package}"
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if f"{name}.".startswith(f"{home}."):
                yield name.removeprefix(home).removeprefix(".").split(".")[0]


@pytest.mark.parametrize("package", ROOMS)
def test_imports_within_a_package_point_one_way(package):
    home, codes = ROOT / "curation" / package, {}
    for path in sorted(home.rglob("*.py")):
        name = path.relative_to(home).parts[0].removesuffix(".py")
        codes[name] = f"{codes.get(name, '')}\n{path.read_text('utf-8')}"
    assert upward_rooms(package, ROOMS[package], codes) == []


@pytest.mark.parametrize(
    "code, wrong",
    [
        ("def f():\n    from curation.p.high import g", ["low imports high"]),
        ("from curation.p import high", ["low imports high"]),
        ("from curation.p import f", ["low imports __init__"]),
        ("import curation.p", ["low imports __init__"]),
        ("import curation.p.high", ["low imports high"]),
        ("import curation.p.high as h", ["low imports high"]),
        ("from curation import p", ["low imports __init__"]),
        ("import curation.packages", []),
        ("from curation.files import f", []),
    ],
)
def test_an_import_that_points_up_within_a_package_is_found(code, wrong):
    codes = {"low": code, "high": "from curation.p import low"}
    assert upward_rooms("p", "low\nhigh", codes) == wrong
    assert "new has no row" in upward_rooms("p", "low\nhigh", {"new": ""})


LONGEST = 400
"""Lines of a module. A longer one has two subjects."""


LONGEST_PAGE = 120
"""Lines of a page: title, sentence, question and panels. A panel is a module of `curation/ui`."""


def too_long(root, folders, longest=LONGEST):
    """Modules in some folders with more lines than `longest`, with their length."""
    paths = sorted(path for folder in folders for path in (root / folder).rglob("*.py"))
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in paths}
    return [f"{path.relative_to(root)}: {n}" for path, n in lengths.items() if n > longest]


def test_no_module_is_longer_than_one_subject():
    assert too_long(ROOT, ["curation"]) == []
    assert too_long(ROOT, ["pages"], LONGEST_PAGE) == []


def test_a_module_that_grew_too_long_is_found(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "right.py").write_text("x = 1\n" * LONGEST)
    (tmp_path / "p" / "long.py").write_text("x = 1\n" * (LONGEST + 1))
    assert too_long(tmp_path, ["p"]) == ["p/long.py: 401"]
    assert too_long(tmp_path, ["p"], 2) == ["p/long.py: 401", "p/right.py: 400"]


def test_only_the_interface_knows_streamlit():
    for path in (ROOT / "curation").rglob("*.py"):
        if "ui" not in path.relative_to(ROOT / "curation").parts:
            modules = imports_of(ast.parse(path.read_text("utf-8")))
            assert not [m for m in modules if m.split(".")[0] == "streamlit"], path


def test_one_module_offers_files():
    """It knows what a press must not do; see curation/ui/downloads.py."""
    modules = [*(ROOT / "pages").rglob("*.py"), *(ROOT / "curation" / "ui").rglob("*.py")]
    offering = [path.name for path in modules if "download_button(" in path.read_text("utf-8")]
    assert offering == ["downloads.py"]


DRAWING = {
    "charts.py",
    "coverage/figure.py",
    "map/figure.py",
    "map/treemap.py",
    "select/figure.py",
    "train/figure.py",
}
"""Modules of ui/ that compute where points, bars and names are drawn."""

STATISTICS = set(
    "groupby quantile median std cumsum argsort corr value_counts sum mean min max between".split()
)


def test_screens_do_no_arithmetic_about_data():
    wrong, drawing = [], {ROOT / "curation" / "ui" / name for name in DRAWING}
    modules = [*(ROOT / "pages").rglob("*.py"), *(ROOT / "curation" / "ui").rglob("*.py")]
    assert drawing <= set(modules)
    for path in modules:
        tree = ast.parse(path.read_text("utf-8"))
        if path in drawing:
            heavy, forbidden = {"sklearn", "faiss", "scipy"}, set[str]()
        else:
            heavy, forbidden = {"numpy", "sklearn", "faiss", "scipy"}, STATISTICS
        wrong += [
            f"{path.relative_to(ROOT)} imports {module}"
            for module in imports_of(tree)
            if module.split(".")[0] in heavy
        ]
        wrong += [
            f"{path.relative_to(ROOT)} computes {node.attr}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr in forbidden
        ]
    assert wrong == []


def test_what_a_session_keeps_is_a_slot_or_a_widget():
    """Loose keys of one page are read by another, and by another project, sooner or later."""
    modules = [*(ROOT / "pages").rglob("*.py"), *(ROOT / "curation" / "ui").rglob("*.py")]
    using = {path.name for path in modules if "session_state" in path.read_text("utf-8")}
    assert using == {"slots.py", "state.py"}


def test_every_table_is_drawn_by_one_function():
    modules = [*(ROOT / "pages").rglob("*.py"), *(ROOT / "curation" / "ui").rglob("*.py")]
    drawing = {path.name for path in modules if "dataframe(" in path.read_text("utf-8")}
    assert drawing == {"tables.py"}


def test_what_is_asked_without_a_screen_draws_nothing():
    for path in (ROOT / "curation" / "looking").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        assert not [m for m in imports_of(tree) if m.split(".")[0] == "plotly"], path


RIDDLES = frozenset(
    "found said told known made here there at way asked wanted held gone seen".split()
)
"""Names that do not say what they hold."""

STORED = {"curation/operations/embed.py": {"way"}}
"""Names of a file that recipes on disk hold: a parameter cannot be renamed."""


def riddles(code):
    """Line and name of each assignment, parameter, function, class and attribute of RIDDLES."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            name = node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = node.name
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs):
            name = node.name
        elif isinstance(node, ast.alias):
            name = node.asname
        else:
            continue
        if name in RIDDLES:
            yield node.lineno, name


def packages():
    """Package or module of `curation`, or a folder beside it → its files."""
    homes = {path.stem: path for path in (ROOT / "curation").iterdir()}
    homes |= {folder: ROOT / folder for folder in ("pages", "tests", "benchmarks")}
    return {
        name: sorted(home.rglob("*.py")) if home.is_dir() else [home]
        for name, home in homes.items()
        if home.is_dir() or home.suffix == ".py"
    }


def test_names_say_what_they_hold():
    bad = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for package, paths in packages().items()
        for path in paths
        for line, name in riddles(path.read_text("utf-8"))
        if name not in STORED.get(path.relative_to(ROOT).as_posix(), ())
    ]
    assert bad == []


@pytest.mark.parametrize(
    "code, names",
    [
        ("found = 1", ["found"]),
        ("a.said: int = 1", ["said"]),
        ("for at, row in rows: pass", ["at"]),
        ("[(made := x) for known in y]", ["made", "known"]),
        ("def f(held, *, way=1, **told): pass", ["held", "way", "told"]),
        ("def asked(): pass", ["asked"]),
        ("class C:\n    gone: str", ["gone"]),
        ("import x as there", ["there"]),
        ("try:\n    pass\nexcept E as seen:\n    pass", ["seen"]),
        ("rows = table.found(said=1); row.at[0] = known", []),
    ],
)
def test_a_riddling_name_is_found_wherever_it_is_given(code, names):
    assert sorted(name for _, name in riddles(code)) == sorted(names)


def test_a_light_import_loads_nothing_heavy():
    heavy = "torch streamlit umap plotly sentence_transformers transformers sklearn faiss numba ray"
    heavy = heavy.split()
    code = (
        "import sys, curation; from curation.registry import operations; operations(); "
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


QUESTION = re.compile(r"(What|How|Where|Which|Those|Who)\b")
"""Words that begin a riddle; a docstring names the thing."""


def test_docstrings_name_the_thing():
    riddles = []
    for path in sorted((ROOT / "curation").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                texts = [e.value for e in node.body if isinstance(e, ast.Expr)]
                words = [t.value for t in texts if isinstance(t, ast.Constant)]
                riddles += [f"{path.name}: {w}" for w in words if QUESTION.match(str(w))]
    assert riddles == []
