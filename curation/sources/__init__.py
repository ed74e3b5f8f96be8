"""Files of any kind to examples, in a process of their own, under limits, nothing lost in silence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from curation.dataset import Progress, silent
from curation.errors import Cancelled, CurationError
from curation.sources.limits import Limits
from curation.sources.reading import read

__all__ = ["ImportReport", "Limits", "Preview", "parse", "preview", "read"]


@dataclass(frozen=True)
class ImportReport:
    """What became of a file: lines = examples + rejected + blank, always.

    repaired: code → rows. formats: name → examples. encodings: file → encoding. notes: sentences.
    """

    lines: int
    examples: int
    rejected: int
    blank: int
    repaired: dict[str, int]
    formats: dict[str, int]
    encodings: dict[str, str]
    notes: list[str]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class Preview:
    """What the beginning of a file holds.

    formats: name → share of the examples seen. examples: messages, label and metadata of the first.
    rejected: row, code and message of the first refusals. columns: names that a mapping may use.
    """

    formats: dict[str, float] = field(default_factory=dict)
    encoding: str = ""
    delimiter: str = ""
    columns: list[str] = field(default_factory=list)
    examples: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def parse(
    path: Path,
    out: Path,
    *,
    name: str | None = None,
    format: str = "auto",
    mapping: Mapping[str, str] | None = None,
    label_names: Sequence[str] | None = None,
    limits: Limits | None = None,
    progress: Progress = silent,
) -> ImportReport:
    """Read a file in a process of its own into out/examples.parquet and out/rejected.parquet.

    Raises CurationError for a file that is refused as a whole, that breaks a limit, or that
    crashes its reader; nothing but `out` is touched.
    """
    task = _task(
        "parse",
        path,
        name,
        format,
        mapping,
        label_names,
        limits or Limits(),
        out=str(out.resolve()),
    )
    return ImportReport(**_in_process(task, progress))


def preview(
    path: Path,
    *,
    rows: int = 20,
    name: str | None = None,
    format: str = "auto",
    mapping: Mapping[str, str] | None = None,
    label_names: Sequence[str] | None = None,
    limits: Limits | None = None,
) -> Preview:
    """Look at the first rows of a file, in a process of its own; raises as `parse` does."""
    task = _task(
        "preview", path, name, format, mapping, label_names, limits or Limits(seconds=60), rows=rows
    )
    return Preview(**_in_process(task, silent))


def _task(
    what: str,
    path: Path,
    name: str | None,
    format: str,
    mapping: Mapping[str, str] | None,
    label_names: Sequence[str] | None,
    limits: Limits,
    **more: Any,
) -> dict[str, Any]:
    return {
        "what": what,
        "path": str(path.resolve()),
        "name": name or path.name,
        "format": format,
        "mapping": dict(mapping or {}),
        "label_names": list(label_names or []),
        "limits": asdict(limits),
        **more,
    }


def _in_process(task: dict[str, Any], progress: Progress) -> Any:
    name, limits = task["name"], Limits(**task["limits"])
    with tempfile.TemporaryDirectory(prefix="curation-") as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, "-m", "curation.sources", str(answer)]
        worker = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"},
        )
        assert worker.stdin and worker.stdout
        timer = _kill_after(worker, limits.seconds)
        try:
            worker.stdin.write(json.dumps(task))
            worker.stdin.close()
            for line in worker.stdout:
                share, _, text = line.strip().partition(" ")
                progress(float(share), text)
            worker.wait()
        except BrokenPipeError:
            worker.wait()
        except (KeyboardInterrupt, Cancelled):
            worker.kill()
            worker.wait()
            raise
        finally:
            late = not timer.is_alive() and worker.returncode == -signal.SIGKILL
            timer.cancel()
            worker.stdout.close()
        if answer.exists():
            found = json.loads(answer.read_text("utf-8"))
            if "error" in found:
                raise CurationError(f"{name}: {found['error']}")
            return found["result"]
    if late:
        raise CurationError(
            f"{name}: reading took longer than {limits.seconds:,} s (limit seconds)."
        )
    raise CurationError(
        f"{name}: the file crashed its reader or used more than {limits.memory_mb:,} MB (limit memory_mb); "
        "nothing of it was imported."
    )


def _kill_after(worker: subprocess.Popen[str], seconds: int) -> Any:
    from threading import Timer

    timer = Timer(seconds, worker.kill)
    timer.daemon = True
    timer.start()
    return timer
