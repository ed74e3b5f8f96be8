"""The protections of the app that a careful administrator checks."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from curation import Project, files, settings
from curation.doctor import examine
from curation.errors import CurationError, DatabaseNotAllowed
from curation.ui import door, server
from curation.ui.additions import PARTS, additions, parts
from tests.app_server import running_app
from tests.browser import running_browser
from tests.conftest import ROOT
from tests.test_browser import settled

TOKEN = "a-token-of-this-test"
PAGES = ["", "load", "clean", "map", "coverage", "browse", "annotate", "select", "export"]


class Unfollowed(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


def answer(address: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of an answer; no redirect is followed."""
    request = urllib.request.Request(address, method=method)
    for name, value in headers.items():
        request.add_unredirected_header(name, value)
    try:
        with urllib.request.build_opener(Unfollowed).open(request, timeout=30) as response:
            return response.status, dict(response.headers), response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read().decode()


@pytest.fixture(scope="module")
def app(example_project, tmp_path_factory):
    """The app over a copy of the example, with a token."""
    workspace = tmp_path_factory.mktemp("projects")
    shutil.copytree(example_project, workspace / "example")
    with running_app(workspace, token=TOKEN) as app:
        yield app


def test_nothing_is_answered_without_the_token(app):
    for path, method in [
        ("/", "GET"),
        ("/map", "GET"),
        ("/?token=another", "GET"),
        ("/_stcore/host-config", "GET"),
        ("/_stcore/upload_file/a/b", "PUT"),
        ("/media/some.csv", "GET"),
        ("/static/none.js", "GET"),
    ]:
        status, _, text = answer(app.address + path, method)
        assert (status, text) == (403, door.NO_TOKEN), path
    status, _, _ = answer(f"{app.address}/", Cookie=f"curation-{app.port}=another")
    assert status == 403
    assert answer(f"{app.address}/_stcore/health")[0] == 200


def test_the_token_becomes_a_cookie_that_no_script_reads(app):
    status, headers, _ = answer(f"{app.address}/map?token={TOKEN}&project=a%20b")
    assert (status, headers["location"]) == (303, "/map?project=a+b")
    assert headers["set-cookie"].startswith(f"curation-{app.port}={TOKEN}; Path=/;")
    assert "HttpOnly; SameSite=Lax" in headers["set-cookie"]
    assert answer(f"{app.address}/", Cookie=f"x=1; curation-{app.port}={TOKEN}")[0] == 200
    status, headers, _ = answer(f"{app.address}//elsewhere.example/?token={TOKEN}")
    assert headers["location"] == "/elsewhere.example/", "it stays on this host"


def test_the_first_page_is_found_by_its_name_too(app):
    cookie = f"curation-{app.port}={TOKEN}"
    status, headers, _ = answer(f"{app.address}/overview?project=a%20b", Cookie=cookie)
    assert (status, headers["location"]) == (303, "/?project=a%20b")
    assert answer(f"{app.address}/overview")[0] == 403


def test_a_cookie_of_another_app_keeps_nobody_out():
    own = "curation-80=a-token"
    for other in ['a={"b":1}', "flag", "\u00e9=1", "a b=c d", "curation-80=another", "=", ""]:
        for header in (f"{other}; {own}", f"{own}; {other}"):
            assert "a-token" in door._cookies(header, "curation-80"), header
        assert "a-token" not in door._cookies(other, "curation-80")


def test_only_known_names_and_addresses_in_numbers_are_answered(app):
    for host, expected in [
        (f"127.0.0.1:{app.port}", 403),
        (f"LOCALHOST:{app.port}", 403),
        ("[::1]", 403),
        ("rebound.example", 421),
        (f"localhost.rebound.example:{app.port}", 421),
        ("", 421),
    ]:
        assert answer(f"{app.address}/", Host=host)[0] == expected, host


def test_every_answer_forbids_frames_and_other_hosts(app):
    for path in ["/", "/_stcore/health", f"/?token={TOKEN}", "/_stcore/metrics"]:
        _, headers, _ = answer(app.address + path)
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert "http" not in headers["content-security-policy"]


def test_each_page_has_its_styles_before_anything_is_drawn(app):
    style = (ROOT / "curation" / "ui" / "style.css").read_text("utf-8")
    cookie = f"curation-{app.port}={TOKEN}"
    file = Path(streamlit.__file__).parent / "static" / "index.html"
    stat = file.stat()
    etag = hashlib.md5(f"{stat.st_mtime}-{stat.st_size}".encode(), usedforsecurity=False)
    remembered = {"If-None-Match": f'"{etag.hexdigest()}"', "Accept-Encoding": "gzip"}
    assert answer(f"{app.address}/index.html", Cookie=cookie)[0] == 200
    for path in ("/", "/annotate?project=example"):
        status, headers, text = answer(app.address + path, Cookie=cookie, **remembered)
        assert status == 200 and "etag" not in headers
        assert text.index(style) > text.index("</head>") and text.count(style) == 1
        assert text.count("blockErrorDialogs") == 1 and text.rstrip().endswith("</html>")
        assert text.replace(additions().decode(), "") == file.read_text("utf-8"), "and no more"


@pytest.mark.parametrize(
    "path, kind, changed",
    [("/x", "text/html", True), ("/media/x.html", "text/html", False), ("/x", "text/css", False)],
)
def test_only_a_page_gets_additions(path, kind, changed):
    pieces = [b"<html><body>one", b" two</bo", b"dy></html>"]
    sent = []

    async def served(scope, receive, send):
        headers = [(b"content-type", f"{kind}; charset=utf-8".encode()), (b"content-length", b"36")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number, piece in enumerate(pieces, 1):
            more = number < len(pieces)
            await send({"type": "http.response.body", "body": piece, "more_body": more})

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }
    asyncio.run(door.Door(served, "", [], set())(scope, None, send))
    body = b"".join(message.get("body", b"") for message in sent)
    whole = b"".join(pieces)
    assert body == (whole.replace(b"</body>", additions() + b"</body>") if changed else whole)
    (length,) = (v for k, v in sent[0]["headers"] if k == b"content-length")
    assert int(length) == (len(body) if changed else 36)


def test_what_nothing_here_needs_is_not_there(app):
    cookie = f"curation-{app.port}={TOKEN}"
    for path in ["/_stcore/metrics", "/_stcore/agent/openapi.json", "/_stcore/agent/mcp"]:
        assert answer(app.address + path, Cookie=cookie)[0] == 404


def test_a_live_connection_needs_the_token_and_the_origin(app):
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    place = app.address.replace("http", "ws") + "/_stcore/stream"
    cookie = {"Cookie": f"curation-{app.port}={TOKEN}"}
    for headers, origin in [
        ({}, app.address),
        ({"Cookie": f"curation-{app.port}=another"}, app.address),
        (cookie, "http://elsewhere.example"),
    ]:
        with pytest.raises(InvalidStatus):
            connect(place, additional_headers=headers, origin=origin)
    with connect(place, additional_headers=cookie, origin=app.address):
        pass


@pytest.fixture(scope="module")
def context():
    with running_browser() as browser:
        yield browser.new_context(viewport={"width": 1280, "height": 900})


def test_the_browser_asks_no_host_but_the_app_s(app, context):
    page, addresses, refused = context.new_page(), [], []
    page.on("request", lambda request: addresses.append(request.url))
    page.on("websocket", lambda socket: addresses.append(socket.url))
    page.on("console", lambda line: refused.append(line.text) if "Content Sec" in line.text else 0)
    page.goto(f"{app.address}/?token={TOKEN}")
    settled(page)
    assert "token" not in page.url
    for name in PAGES:
        page.goto(f"{app.address}/{name}")
        page.wait_for_selector("h1")
        settled(page)
        page.wait_for_timeout(300)
    own = ("data:", "blob:", f"{app.address}/", f"{app.address.replace('http', 'ws')}/")
    assert len(addresses) > 50
    assert [url for url in addresses if not url.startswith(own)] == []
    assert refused == [], "nothing that a page needs is kept from it"
    page.close()


def test_a_token_that_one_account_keeps_is_its_own_and_stays(tmp_path, monkeypatch):
    monkeypatch.delenv("CURATION_TOKEN", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    token = door.known_token()
    assert len(token) >= 24 and door.known_token() == token
    path = tmp_path / "curation" / "app-token"
    assert path.stat().st_mode & 0o077 == 0 and path.read_text() == token
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert door.known_token() != door.known_token()


def test_a_ticket_holds_once():
    guard = door.Door(None, "the token", [], {"once"})
    assert guard._opens(["once"]) and not guard._opens(["once"])
    assert guard._opens(["", "the token"]) and not guard._opens(["", "the"])


@pytest.mark.parametrize("guarded", [True, False])
def test_without_a_door_no_page_is_drawn(tmp_path, monkeypatch, guarded):
    monkeypatch.setenv("CURATION_WORKSPACE", str(tmp_path))
    monkeypatch.setattr("curation.ui.door.guarded", guarded)
    drawn = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert bool(drawn.sidebar) == guarded
    assert any("Start the app with `curate app`" in e.value for e in drawn.error) != guarded


def test_a_port_that_is_taken_is_one_sentence(app):
    done = subprocess.run(
        [sys.executable, "-m", "curation", "app", "--port", str(app.port), "--no-token"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert re.fullmatch(rf"Port {app.port} is in use.*--port \d+\.\n", done.stderr), done.stderr


def test_a_fault_is_a_reference_to_the_log_and_no_trace(monkeypatch, caplog):
    def page():
        from curation.ui import server

        try:
            open("/secret/place")
        except OSError as error:
            server.report_fault(error)

    drawn = AppTest.from_function(page, default_timeout=60).run()
    (shown,) = drawn.error
    reference = re.search(r"reference \*\*(\w+)\*\*", shown.value)[1]
    assert "/secret" not in shown.value and not drawn.exception
    assert any(reference in record.getMessage() for record in caplog.records)


FOREIGN = """name = "p"
schema = 2
decisions = "postgresql://ann:hidden@127.0.0.1:{port}/work"
"""


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """A project whose decisions are in a database elsewhere, and who listens there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = Project.create(tmp_path / "p")
    (tmp_path / "rows.jsonl").write_text('{"prompt": "Where?", "completion": "Here."}\n')
    project.add(tmp_path / "rows.jsonl")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        (project.path / "project.toml").write_text(FOREIGN.replace("{port}", str(port)))
        yield project.path, listener


def test_no_database_that_a_project_names_is_asked_before_somebody_allowed_it(foreign):
    folder, listener = foreign
    project = Project.open(folder)
    for attempt in (project.view, project.people, project.run, lambda: project.decisions):
        with pytest.raises(DatabaseNotAllowed, match="curate doctor .* --allow-database") as caught:
            attempt()
        assert "postgresql /work on 127.0.0.1" in str(caught.value)
        assert "hidden" not in str(caught.value)
    (check,) = [c for c in examine(folder) if c["name"] == "decisions"]
    assert not check["ok"] and "--allow-database" in check["text"]
    with pytest.raises(TimeoutError):
        listener.accept()
    settings.allow_database(folder)
    memory = (files.machine_folder() / "allowed-databases.json").read_text()
    assert str(folder) in memory and "hidden" not in memory
    assert settings.decisions_place(folder).startswith("postgresql://ann:hidden@127.0.0.1")
    toml = folder / "project.toml"
    toml.write_text(toml.read_text().replace("/work", "/other"))
    with pytest.raises(DatabaseNotAllowed):
        Project.open(folder).people()


def test_the_app_asks_before_it_connects_to_a_database(foreign, monkeypatch):
    folder, listener = foreign
    monkeypatch.setenv("CURATION_WORKSPACE", str(folder.parent))
    monkeypatch.setenv("CURATION_PROJECT", str(folder))
    drawn = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not drawn.exception and "keeps decisions in a database" in drawn.sidebar.error[0].value
    with pytest.raises(TimeoutError):
        listener.accept()
    (button,) = [b for b in drawn.button if b.label == "Allow this database"]
    listener.close()  # nobody answers, and that is one sentence too
    button.click().run()
    assert settings.decisions_place(folder).startswith("postgresql://")


@pytest.mark.skipif(os.name == "nt", reason="rights of POSIX")
@pytest.mark.parametrize(
    ("umask", "file", "folder"), [("077", 0o600, 0o700), ("027", 0o640, 0o750)]
)
def test_rights_are_what_the_umask_says_and_the_project_is_one_s_own(tmp_path, umask, file, folder):
    (tmp_path / "rows.jsonl").write_text('{"prompt": "Where is it?", "completion": "Here."}\n')
    (tmp_path / "decided.jsonl").write_text("")
    curate = f"{sys.executable} -m curation"
    script = (
        f"umask {umask} && {curate} new p --empty && {curate} import p rows.jsonl && "
        f"{curate} run p && {curate} export p --to out"
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p").stat().st_mode & 0o777 == 0o700
    for path in [*(tmp_path / "p").rglob("*"), tmp_path / "out", *(tmp_path / "out").rglob("*")]:
        expected = folder if path.is_dir() else file
        assert path.stat().st_mode & 0o777 & ~expected == 0, path
    assert (tmp_path / "out" / "manifest.json").stat().st_mode & 0o777 == file
    assert (tmp_path / "out").stat().st_mode & 0o777 == folder


def test_the_widgets_that_are_loaded_at_once_are_those_of_this_streamlit():
    assert [name.partition(".")[0] for name in parts()] == PARTS


def test_options_that_protect_are_those_of_this_streamlit():
    from streamlit import config

    options = set(config._config_options_template)
    assert set(server.OPTIONS) <= options
    assert Path(server.script()) == ROOT / "app.py"


@pytest.mark.parametrize("text", ["a\0b", "x" * 5_000, "/" + "x" * 5_000, "../" * 2_000, "\ud800"])
def test_a_text_that_is_no_path_is_a_sentence(text, tmp_path):
    for taken in (
        lambda text: Project.create(tmp_path / text),
        lambda text: Project.open(tmp_path / text),
    ):
        with pytest.raises(CurationError) as caught:
            taken(text)
        assert len(str(caught.value)) < 300 and "\0" not in str(caught.value)
