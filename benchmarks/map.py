"""From texts to a map: stages as rows grow, against umap-learn's defaults, and what the page costs.

python -m benchmarks map grow alpaca_en_52k.json FOLDER [--rows 10000 52002 200000 1000000]
python -m benchmarks map peer PROJECT
python -m benchmarks map page PROJECT
python -m benchmarks map pictures PROJECT

`grow` makes as many rows as asked by rewording the given ones, and runs a draft recipe on each in a
process of its own: import, draft vectors, map, topics; seconds, peak memory, trustworthiness.
`peer` takes a project's vectors to a map in fresh processes, ours and umap-learn's in turns.
`page` measures what the Map page asks of the server, and the bytes of each figure.
`pictures` draws docs/images/map-parameters.png and, where grow.json is there, map-growth.png.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from curation import Project, Step
from curation.embedding.neighbours import nearest, trustworthiness
from curation.recipe import Recipe

IMAGES = Path(__file__).parents[1] / "docs" / "images"
CHANGED = 0.15
"""Share of the words that rewording replaces."""


def reworded(texts: list[tuple[str, str]], rows: int) -> Iterator[bytes]:
    """JSON lines of prompt and completion, no two alike, with some words from elsewhere."""
    rng = np.random.default_rng(0)
    words = [w for text in texts[:20_000] for w in text[1].split() if w.isalpha()]
    for i in range(rows):
        prompt, answer = texts[i % len(texts)]
        if i >= len(texts):
            prompt, answer = (_changed(t, words, rng) for t in (prompt, answer))
        yield orjson.dumps({"prompt": prompt, "completion": answer}) + b"\n"


def _changed(text: str, words: list[str], rng: np.random.Generator) -> str:
    result = text.split(" ")
    for position in np.flatnonzero(rng.random(len(result)) < CHANGED):
        result[position] = words[int(rng.integers(len(words)))]
    return " ".join(result)


def pairs(path: Path) -> list[tuple[str, str]]:
    """Prompt and answer of an Alpaca file."""
    return [
        (f"{r['instruction']} {r['input']}".strip(), r["output"])
        for r in orjson.loads(path.read_bytes())
    ]


def in_a_process(*arguments: str) -> dict[str, Any]:
    """The last line that a call of this module prints in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.map", *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.strip().split("\n")[-1])
    return figures


def grow(source: Path, folder: Path, sizes: list[int]) -> None:
    """A draft map of each size, and a table of what each stage took."""
    texts, table = pairs(source), []
    folder.mkdir(parents=True, exist_ok=True)
    for rows in sizes:
        lines = folder / f"{rows}.jsonl"
        with lines.open("wb") as stream:
            stream.writelines(reworded(texts, rows))
        figures = in_a_process("one", str(lines), str(folder / f"p{rows}"))
        table.append({"rows": rows, **figures})
        print(json.dumps(table[-1]), flush=True)
        (folder / "grow.json").write_text(json.dumps(table))
    print(pd.DataFrame(table).to_string(index=False))


def one(lines: Path, folder: Path) -> None:
    """Import a file, draw a draft map of it and find its topics; print what each took."""
    begin = time.perf_counter()
    project = Project.create(folder)
    project.add(lines)
    spent = {"import": time.perf_counter() - begin}
    project.recipe = Recipe((Step("embed", way="draft"), Step("project_map"), Step("topics")))
    dataset = project.run()
    spent |= {report.use: report.seconds for report in dataset.steps}
    whole = time.perf_counter() - begin
    mine = dataset.rows[["map_x", "map_y"]].to_numpy(dtype=float)
    assert dataset.vectors is not None
    true = trustworthiness(dataset.vectors[:], mine)
    figures: dict[str, Any] = {k: round(v, 1) for k, v in spent.items()}
    figures |= {"all": round(whole, 1), "GiB": round(_peak(), 2), "trustworthiness": round(true, 3)}
    print(json.dumps(figures))


def _peak() -> float:
    """GiB at most, of this process and of the largest it started."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(w).ru_maxrss for w in who) / 2**20


# --- against umap-learn ------------------------------------------------------------------------


def peer(folder: Path) -> None:
    """Vectors to a map in fresh processes, in turns; seconds and trustworthiness."""
    dataset = Project.open(folder).view().dataset
    assert dataset.vectors is not None
    embedded = dataset.vectors.present
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "vectors.npy"
        np.save(path, dataset.vectors[embedded])
        print(f"{int(embedded.sum()):,} rows, {os.cpu_count()} cores; seconds, trustworthiness")
        for turn in range(2):
            for who in ("ours", "umap"):
                figures = in_a_process("place", who, str(path))
                print(
                    f"{turn + 1} {who:<5} {figures['seconds']:7.1f} {figures['true']:.4f}",
                    flush=True,
                )


def place(who: str, path: Path) -> None:
    """One way from vectors to a map, imports and neighbours included."""
    begin = time.perf_counter()
    vectors = np.load(path)
    if who == "umap":
        from umap import UMAP

        plane = UMAP(metric="cosine").fit_transform(vectors)
    else:
        from curation.basis import Basis
        from curation.dataset import silent
        from curation.operations.map import project_map

        rows = pd.DataFrame(index=pd.RangeIndex(len(vectors)))
        neighbours = lambda k: nearest(vectors, k)  # noqa: E731
        plane = project_map(rows, vectors, neighbours, Basis(), silent).to_numpy()
    spent = time.perf_counter() - begin
    print(json.dumps({"seconds": spent, "true": trustworthiness(vectors, np.asarray(plane))}))


# --- the page ----------------------------------------------------------------------------------


def page(folder: Path) -> None:
    """Milliseconds on the server and bytes to the browser for what the Map page does."""
    from curation.dataset import Dataset
    from curation.looking import layout
    from curation.looking.filter import Condition, Filter
    from curation.ui.map import figure as maps
    from curation.ui.map import treemap

    project = Project.open(folder)
    _timed("open the project", lambda: project.view())
    rows = project.view().dataset.rows
    rows = rows[rows["map_x"].notna()]
    print(f"{len(rows):,} rows on the map, {os.cpu_count()} cores")
    _timed("first paint, by topic", lambda: maps.figure(rows, "topic"))
    _timed("recolour, by a number", lambda: maps.figure(rows, "response_tokens"))
    _timed("recolour, by a theme", lambda: maps.figure(rows, "theme"))
    (x1, x2), (y1, y2) = layout.whole(rows)
    circle = np.linspace(0, 2 * np.pi, 60)
    shape = {
        "lasso": [
            {
                "x": ((x1 + x2) / 2 + 0.2 * (x2 - x1) * np.cos(circle)).tolist(),
                "y": ((y1 + y2) / 2 + 0.2 * (y2 - y1) * np.sin(circle)).tolist(),
            }
        ]
    }
    chosen = _timed("lasso on all rows", lambda: layout.selected(rows, shape))
    print(f"    {int(chosen.sum()):,} rows in it")
    _timed("zoom into it", lambda: maps.figure(rows, "topic", part=layout.around(rows[chosen])))
    topic = rows["topic"].value_counts().index[0]
    condition = Filter((Condition("topic", (topic,)),))
    mask = _timed("filter by a topic", lambda: condition.mask(Dataset(rows)))
    few = rows[["map_x", "map_y", "topic", "prompt"]]
    _timed("the filtered map", lambda: maps.figure(few[mask], "topic", ground=few[~mask]))
    _timed("treemap", lambda: treemap.figure(rows, "quality"))


def _timed(name: str, work: Callable[[], Any]) -> Any:
    """Do something three times; the first and the best, and the size of a figure."""
    spent = []
    for _ in range(3):
        begin = time.perf_counter()
        result = work()
        size = (
            len(result.to_json()) if hasattr(result, "to_json") and hasattr(result, "data") else 0
        )
        spent.append(time.perf_counter() - begin)
    print(
        f"{name:<24} first {1000 * spent[0]:7.0f} ms   best {1000 * min(spent):7.0f} ms"
        + (f"   {size / 1e6:.2f} MB" if size else ""),
        flush=True,
    )
    return result


# --- pictures ----------------------------------------------------------------------------------


def pictures(folder: Path, grown: Path | None) -> None:
    """The pictures of the guide, by a headless browser."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    from curation.basis import Basis
    from curation.dataset import silent
    from curation.operations.map import project_map

    dataset = Project.open(folder).view().dataset
    rows = dataset.rows[dataset.rows["map_x"].notna()].sort_index().iloc[::8].head(5_000)
    assert dataset.vectors is not None
    vectors = dataset.vectors[dataset.rows.index.get_indexer(rows.index)]
    near, apart = (5, 15, 100), (0.0, 0.1, 0.8)
    titles = [f"neighbourhood {n}, min_dist {d:g}" for n in near for d in apart]
    figure = make_subplots(3, 3, subplot_titles=titles, vertical_spacing=0.06)
    for i, n in enumerate(near):
        for j, d in enumerate(apart):
            plane = project_map(
                rows,
                vectors,
                lambda k: nearest(vectors, k),
                Basis(),
                silent,
                neighbourhood=n,
                min_dist=d,
            )
            marker = {"size": 2, "color": pd.factorize(rows["theme"])[0], "colorscale": "Turbo"}
            figure.add_trace(
                go.Scatter(x=plane["map_x"], y=plane["map_y"], mode="markers", marker=marker),
                i + 1,
                j + 1,
            )
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    figure.update_layout(showlegend=False, margin={"l": 10, "r": 10, "t": 40, "b": 10})
    shots = {"map-parameters": (figure, 1000, 900)}
    if grown and grown.exists():
        table = pd.DataFrame(json.loads(grown.read_text()))
        lines = go.Figure()
        for stage in ("import", "embed", "project_map", "topics", "all"):
            lines.add_scatter(x=table["rows"], y=table[stage], name=stage.replace("_", " "))
        lines.update_xaxes(type="log", title="rows").update_yaxes(type="log", title="seconds")
        lines.update_layout(margin={"l": 10, "r": 10, "t": 20, "b": 10})
        shots["map-growth"] = (lines, 800, 480)
    for name, (drawn, width, height) in shots.items():
        _shoot(drawn, IMAGES / f"{name}.png", width, height)


def _shoot(figure: Any, path: Path, width: int, height: int) -> None:
    from playwright.sync_api import sync_playwright

    from tests.browser import launch

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as scratch:
        html = Path(scratch) / "figure.html"
        figure.update_layout(width=width, height=height, template="plotly_white")
        figure.write_html(html, include_plotlyjs=True, config={"displayModeBar": False})
        browser = launch(playwright)
        tab = browser.new_page(viewport={"width": width + 16, "height": height + 16})
        tab.goto(html.as_uri())
        tab.wait_for_selector(".main-svg")
        tab.screenshot(path=path)
        browser.close()


def main() -> None:
    """Run the part that was named."""
    parser = argparse.ArgumentParser(prog="benchmarks map")
    parts = parser.add_subparsers(dest="part", required=True)
    growing = parts.add_parser("grow")
    growing.add_argument("source", type=Path)
    growing.add_argument("folder", type=Path)
    growing.add_argument("--rows", type=int, nargs="+", default=[10_000, 52_002, 200_000, 10**6])
    single = parts.add_parser("one")
    single.add_argument("source", type=Path)
    single.add_argument("folder", type=Path)
    placing = parts.add_parser("place")
    placing.add_argument("who")
    placing.add_argument("vectors", type=Path)
    for name in ("peer", "page", "pictures"):
        part = parts.add_parser(name)
        part.add_argument("project", type=Path)
        if name == "pictures":
            part.add_argument("--grown", type=Path)
    options = parser.parse_args()
    if options.part == "grow":
        grow(options.source, options.folder, options.rows)
    elif options.part == "one":
        one(options.source, options.folder)
    elif options.part == "place":
        place(options.who, options.vectors)
    elif options.part == "peer":
        peer(options.project)
    elif options.part == "page":
        page(options.project)
    else:
        pictures(options.project, options.grown)


if __name__ == "__main__":
    main()
