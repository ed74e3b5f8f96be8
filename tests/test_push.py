"""Uploads to the Hub: asked for, private, nothing but what the export wrote; against a Hub of our own."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from curation import export
from curation.errors import CurationError
from curation.export.push import Shipment, push
from tests.conftest import ROOT, make_dataset
from tests.test_export_parts import ORIGIN

pytest.importorskip("huggingface_hub")
TOKEN = "hf_notARealToken"


class Hub:
    """A Hub on this machine with one repository; `log` holds method, path and body of each request."""

    def __init__(self, private=True, present=(), status=200):
        self.private, self.present, self.status = private, list(present), status
        self.log, self.tokens = [], set()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.reply(b"")

            def do_POST(self):
                self.reply(self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def reply(self, body):
                hub.tokens.add(self.headers.get("Authorization"))
                hub.log.append((self.command, self.path, body))
                answer = json.dumps(hub.answer(self.path, body)).encode()
                self.send_response(hub.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, path, body):
        if path.endswith("/repos/create"):
            return {"url": f"{self.address}/datasets/ada/planets", "name": "ada/planets"}
        if "/preupload/" in path:
            files = json.loads(body)["files"]
            return {
                "files": [
                    {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for f in files
                ]
            }
        if "/tree/" in path:
            return [{"type": "file", "path": p, "size": 1, "oid": "0" * 40} for p in self.present]
        if "/commit/" in path:
            return {
                "commitUrl": f"{self.address}/datasets/ada/planets/commit/1",
                "commitOid": "1" * 40,
                "success": True,
            }
        return {
            "id": "ada/planets",
            "private": self.private,
            "sha": "0" * 40,
            "siblings": [{"rfilename": name} for name in self.present],
        }

    def sent(self):
        """Path → bytes of the files of the commit, None for one that it deletes."""
        (body,) = [body for _, path, body in self.log if "/commit/" in path]
        files = {}
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            elif line["key"] == "deletedFile":
                files[line["value"]["path"]] = None
        return files


@pytest.fixture
def hub(monkeypatch):
    """Start a Hub that `huggingface_hub` takes for the real one."""
    started = []

    def start(**options):
        hub = Hub(**options)
        started.append(hub)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.address)
        monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", hub.address)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        return hub

    yield start
    for hub in started:
        hub.server.shutdown()
        hub.server.server_close()


@pytest.fixture
def delivery(tmp_path):
    """The folder of a delivery."""
    data = make_dataset([("Name a planet.", "Saturn."), ("Who?", "Call 555-0100.")])
    rows = data.rows.assign(problems=["", "personal_data"])
    export.export(data.replace(rows=rows), ORIGIN, tmp_path / "out", ["trl", "hf"])
    return tmp_path / "out"


def test_the_files_of_the_manifest_are_sent_and_nothing_else(hub, delivery):
    server = hub(
        present=[".gitattributes", "manifest.json", "trl/train-00001-of-00002.jsonl", "a.txt"]
        + ["openai/train.jsonl", "dropped.parquet", "rejected.parquet", "atlas.parquet"]
    )
    (delivery / "notes.txt").write_text("mine")
    address = push(delivery, "ada/planets")
    assert address == f"{server.address}/datasets/ada/planets"
    files = {path: data for path, data in server.sent().items() if data is not None}
    written = {p.relative_to(delivery).as_posix(): p.read_bytes() for p in delivery.rglob("*.*")}
    assert written.pop("notes.txt") == b"mine" and files == written
    stale = [path for path, data in server.sent().items() if data is None]
    assert (
        stale
        == [  # a shard, another format, and what was dropped: rows that may have gone since
            "trl/train-00001-of-00002.jsonl",
            "openai/train.jsonl",
            "dropped.parquet",
            "rejected.parquet",
            "atlas.parquet",
        ]
    )
    (created,) = [json.loads(body) for _, path, body in server.log if path.endswith("create")]
    assert (created["visibility"], created["type"]) == ("private", "dataset")
    assert server.tokens == {f"Bearer {TOKEN}"}


def test_it_is_said_what_goes(delivery):
    files, personal, people, leaks = Shipment.of(delivery).sentences()
    assert files.startswith(f"{sum(1 for _ in delivery.rglob('*.*'))} files, ")
    assert files.endswith("2 examples")
    assert personal == "1 example seems to hold personal data."
    assert people == "Nobody decided anything by hand."
    assert leaks == "The splits are not shown to be leak-safe."


@pytest.mark.parametrize(
    "options, why",
    [
        ({"private": False}, "there already and public"),
        ({"present": ["README.md", "model.bin"]}, "holds model.bin, which no export made"),
        ({"status": 401}, "it knows no such token"),
        ({"status": 403}, "may not write there"),
    ],
)
def test_a_repository_that_may_not_be_written_to_gets_nothing(hub, delivery, options, why):
    server = hub(**options)
    with pytest.raises(CurationError, match=why) as caught:
        push(delivery, "ada/planets")
    assert TOKEN not in str(caught.value)
    assert not [path for _, path, _ in server.log if "/commit/" in path]


def test_a_file_that_was_changed_is_not_sent(hub, delivery):
    server = hub()
    (delivery / "trl" / "train.jsonl").write_bytes(b"{}\n")
    with pytest.raises(CurationError, match=r"trl/train.jsonl is not as the export wrote it"):
        push(delivery, "ada/planets")
    assert server.log == []


@pytest.mark.parametrize("name", ["planets", "a/b/c", "../x", "ada/"])
def test_a_repository_has_an_owner_and_a_name(delivery, name):
    with pytest.raises(CurationError, match="write owner/name"):
        push(delivery, name)


def curate(server, *words):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_ENDPOINT": server.address}
    return subprocess.run(
        [sys.executable, "-m", "curation", "push", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**environment, "HF_TOKEN": TOKEN},
        stdin=subprocess.DEVNULL,
    )


def test_the_command_lists_and_asks_before_it_sends(hub, delivery):
    server = hub()
    listed = curate(server, str(delivery), "ada/planets")
    assert listed.returncode == 3 and "say --yes" in listed.stderr and server.log == []
    assert "trl/train.jsonl" in listed.stdout and "Private repository ada/planets" in listed.stdout
    shown = curate(server, str(delivery), "ada/planets", "--json")
    value = json.loads(shown.stdout)
    assert shown.returncode == 3 and value["sent"] is False and server.log == []
    assert value["private"] is True and "trl/train.jsonl" in value["files"] and value["notes"]
    sent = curate(server, str(delivery), "ada/planets", "--yes")
    assert sent.returncode == 0, sent.stderr
    assert "trl/train.jsonl" in server.sent()
    assert TOKEN not in listed.stdout + listed.stderr + sent.stdout + sent.stderr
