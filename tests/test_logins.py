"""Logins of a team: settings, claims, and the real app with a real provider and real tokens."""

from __future__ import annotations

import http.cookiejar
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey

from curation import Project, roles
from curation.errors import CurationError
from curation.logins import SKEW, Login, LoginRefused, cookie_secret, identity, read_login
from curation.ui.login import Gate, safe
from tests.app_server import App
from tests.provider import CLIENT, SECRET, Provider

OWNER, ANN, BOB = "owner@lab.example", "ann@lab.example", "bob@lab.example"

PEOPLE = {
    "owner": {"email": OWNER, "email_verified": True, "name": "Olga Owner"},
    "ann": {"email": "Ann@Lab.example", "email_verified": True, "name": "Alex Smith"},
    "bob": {"email": BOB, "email_verified": True, "name": "Alex Smith"},
    "unverified": {"email": "owner@lab.example", "email_verified": False},
    "unsaid": {"email": "owner@lab.example"},
    "nameless": {"email_verified": True},
    "stranger": {"email": "eve@other.example", "email_verified": True},
}

FILE = """[team]
address = "{address}"
issuer = "{issuer}"
client_id = "{client}"
client_secret = "{secret}"
owners = ["Owner@lab.example"]
members = ["*@lab.example"]
hours = 12
"""


def settings_file(folder: Path, text: str) -> Path:
    path = folder / "team.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


class TeamApp(App):
    """The app of a team, whose people log in with a provider of this test."""

    def __init__(self, workspace: Path, provider: Provider, hours: float = 12) -> None:
        super().__init__(workspace, token="none")
        text = FILE.format(
            address=self.address, issuer=provider.issuer, client=CLIENT, secret=SECRET
        )
        home = workspace.parent / "home"
        home.mkdir(exist_ok=True)
        path = settings_file(home, text.replace("hours = 12", f"hours = {hours}"))
        self.more = ["--team", str(path)]
        self.environment["XDG_CACHE_HOME"] = str(home)


class Browser:
    """Cookies and redirects as a browser has them, without a page."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.cookies = http.cookiejar.CookieJar()
        self._open = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self.cookies)
        ).open

    def get(self, address: str) -> tuple[int, str, str]:
        """Status, final address and text."""
        address = address if "//" in address else f"{self.app.address}{address}"
        try:
            with self._open(address, timeout=60) as response:
                return response.status, response.url, response.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            return error.code, error.url, error.read().decode()

    def log_in(self, who: str, after: str = "/") -> tuple[int, str, str]:
        status, address, text = self.get(f"/login?after={after}")
        assert "Who?" in text, (status, address, text)
        link = re.search(rf'href="([^"]*as={who})"', text)[1]
        return self.get(f"{address.split('/authorize')[0]}{link}")

    def header(self) -> str:
        return "; ".join(f"{c.name}={c.value}" for c in self.cookies)


@pytest.fixture(scope="module")
def provider():
    provider = Provider(PEOPLE)
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def app(example_project, tmp_path_factory, provider):
    workspace = tmp_path_factory.mktemp("team") / "projects"
    for name in ("example", "secret"):
        shutil.copytree(example_project, workspace / name)
    app = TeamApp(workspace, provider)
    try:
        app.start()
        yield app
    finally:
        app.stop()


@pytest.fixture
def honest(provider):
    """The provider, which is honest again after the test."""
    yield provider
    provider.change, provider.sign, provider.is_down = lambda claims: None, provider.signed, False
    provider.algorithms = ["RS256"]


def is_inside(browser: Browser) -> bool:
    return browser.get("/_stcore/host-config")[0] == 200


def test_nobody_sees_anything_without_a_login(app):
    browser = Browser(app)
    for path in (
        "/",
        "/map",
        "/_stcore/host-config",
        "/media/a.csv",
        "/static/a.js",
        "/?token=none",
    ):
        status, _, text = browser.get(path)
        assert status == 401 and "Log in" in text, path
        assert "example" not in text
    assert browser.get("/_stcore/health")[0] == 200
    request = urllib.request.Request(f"{app.address}/_stcore/upload_file/a/b", method="PUT")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 401


def test_a_reader_uploads_nothing_and_an_annotator_does(app, honest):
    """An upload lies in the server's memory; the file is whole before a page sees it."""
    folder = app.log.parent / "example"
    browser = Browser(app)
    browser.log_in("ann")

    def passes() -> bool:
        """Whether the door lets an upload pass to Streamlit, which asks for a token of its page's."""
        address = f"{app.address}/_stcore/upload_file/none/one"
        request = urllib.request.Request(address, b"x" * 10_000, method="PUT")
        request.add_header("Cookie", browser.header())
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        text = caught.value.read().decode()
        assert caught.value.code == 403 and ("as a reader" in text) != ("XSRF" in text), text
        return "XSRF" in text

    passed = {}
    for role in ("annotator", "", "owner", "reader"):
        roles.give_role(folder, ANN, role)
        passed[role] = passes()
    assert passed == {"annotator": True, "": False, "owner": True, "reader": False}
    roles.give_role(folder, ANN, "")
    browser = Browser(app)
    browser.log_in("owner")
    assert passes(), "an owner of the server, who has no role in a file"


def test_a_login_opens_the_page_that_was_asked_for_and_a_logout_ends_it(app, honest):
    browser = Browser(app)
    _, _, page = browser.get("/map?project=example")
    link = re.search(r'href="(/login\?[^"]+)"', page)[1].replace("&amp;", "&")
    status, address, text = browser.log_in("ann", link.partition("after=")[2])
    assert (status, address) == (200, f"{app.address}/map?project=example")
    assert is_inside(browser)
    request = honest.requests[-1]
    assert request["state"] and request["nonce"] and request["code_challenge_method"] == "S256"
    assert request["redirect_uri"] == f"{app.address}/oauth2callback"
    copied = browser.header()
    status, _, text = browser.get("/auth/logout")
    assert status == 401 and "Log in" in text and not is_inside(browser)
    request = urllib.request.Request(f"{app.address}/", headers={"Cookie": copied})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 401, "a copy of the cookie ended with the login"


def changing(**changes):
    return lambda claims: claims.update(changes)


def without(name):
    return lambda claims: claims.pop(name)


OTHER = RSAKey.generate_key(2048, {"kid": "one"})


@pytest.mark.parametrize(
    "change",
    [
        changing(aud="another app"),
        changing(aud="another app", azp=CLIENT),
        changing(aud=["another app", "a third"], azp=CLIENT),
        changing(iss="https://elsewhere.example"),
        changing(exp=int(time.time()) - 600),
        changing(iat=int(time.time()) - 13 * 3600),
        changing(nonce="another"),
        changing(at_hash="another"),
        without("nonce"),
        without("exp"),
        without("iat"),
        without("aud"),
        without("iss"),
        without("sub"),
    ],
    ids="aud aud-azp auds-azp iss expired old nonce at_hash -nonce -exp -iat -aud -iss -sub".split(),
)
def test_a_token_that_is_not_for_this_login_is_refused(app, honest, change):
    honest.change = change
    browser = Browser(app)
    status, _, text = browser.log_in("owner")
    assert status in (401, 403) and ("did not succeed" in text or "Log in again" in text)
    assert not is_inside(browser)


@pytest.mark.parametrize("sign", ["unsigned", "another key", "public key as a secret"])
def test_a_token_without_the_provider_s_signature_is_refused(app, honest, sign):
    honest.sign = {
        "unsigned": honest.unsigned,
        "another key": lambda claims: honest.signed(claims, OTHER),
        "public key as a secret": honest.signed_with_public_key,
    }[sign]
    browser = Browser(app)
    status, _, text = browser.log_in("owner")
    assert status == 401 and "did not succeed" in text and not is_inside(browser)


@pytest.mark.parametrize("state", ["another", "", None])
def test_the_state_of_a_login_is_checked(app, honest, state):
    """A login that an attacker began is not finished in the browser of somebody else."""
    attacker, victim = Browser(app), Browser(app)
    _, address, text = attacker.get("/login?after=/")
    given = dict(re.findall(r"(\w+)=([^&\"]+)", re.search(r'href="([^"]*as=owner)"', text)[1]))
    code_for = {**given, "as": "owner"}
    query = "&".join(f"{k}={v}" for k, v in code_for.items())

    class Stop(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *arguments):
            return None

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(Stop).open(f"{honest.issuer}/authorize?{query}")
    callback = caught.value.headers["Location"]
    if state is not None:
        callback = re.sub(r"state=[^&]*", f"state={state}", callback)
    victim.get("/login?after=/")  # they began one of their own, so they have a session
    status, _, text = victim.get(callback)
    assert status == 401 and "did not succeed" in text
    assert not is_inside(victim)
    assert not is_inside(attacker)


@pytest.mark.parametrize(
    "who, sentence",
    [
        ("unverified", "has not verified the address owner@lab.example"),
        ("unsaid", "has not verified"),
        ("nameless", "sent no e-mail address"),
        ("stranger", "eve@other.example may not log in here"),
    ],
)
def test_somebody_the_provider_knows_is_not_let_in_by_that_alone(app, honest, who, sentence):
    browser = Browser(app)
    status, _, text = browser.log_in(who)
    assert status == 403 and sentence in text and "/auth/logout" in text
    assert not is_inside(browser)


@pytest.mark.parametrize("offset, inside", [(110, True), (-110, True), (200, False)])
def test_clocks_may_differ_by_two_minutes(app, honest, offset, inside):
    """The provider's clock, this many seconds fast; a token that ended 110 s ago by it still holds."""
    now = int(time.time()) + offset
    honest.change = changing(iat=now, exp=now if offset < 0 else now + 300)
    browser = Browser(app)
    browser.log_in("ann")
    assert is_inside(browser) == inside


def test_a_provider_that_does_not_answer_is_one_sentence(app, honest, tmp_path):
    honest.is_down = True
    browser = Browser(app)
    status, address, text = browser.get("/login?after=/")
    assert status == 401 and "does not answer" in text, text
    honest.is_down = False
    assert "Who?" in browser.get("/login?after=/")[2], "and it is asked again"


def test_a_provider_that_ends_in_the_middle_of_a_login_is_one_sentence(app, honest):
    browser = Browser(app)
    _, address, text = browser.get("/login?after=/")
    link = re.search(r'href="([^"]*as=ann)"', text)[1]

    def fall(claims):
        honest.is_down = True  # from its keys on

    honest.change = fall
    status, _, text = browser.get(f"{honest.issuer}{link}")
    assert status == 401 and "did not succeed" in text


@pytest.mark.parametrize(
    "after, place",
    [
        ("/map", "/map"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/auth/logout", "/"),
        ("/login", "/"),
        ("/a\nb", "/"),
        ("", "/"),
    ],
)
def test_a_login_leads_to_a_page_of_this_app_only(after, place):
    assert safe(after) == place


def test_another_name_of_the_machine_leads_to_the_address_of_the_settings(app):
    request = urllib.request.Request(f"{app.address}/", headers={"Host": f"localhost:{app.port}"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 421 and app.address in caught.value.read().decode()


def test_a_cookie_that_was_changed_or_made_elsewhere_opens_nothing(app, honest, provider):
    browser = Browser(app)
    browser.log_in("ann")
    (cookie,) = [c for c in browser.cookies if c.name == "_streamlit_user"]
    login = Login(app.address, provider.issuer, CLIENT, SECRET, (OWNER,))
    secret = (Path(app.environment["XDG_CACHE_HOME"]) / "curation/team-cookie-secret").read_text()
    right = Gate(login, secret)
    assert right.of_cookies(f"x=1; _streamlit_user={cookie.value}").email == ANN
    assert Gate(login, "another secret " * 4).of_cookies(f"_streamlit_user={cookie.value}") is None
    for value in (cookie.value[:-2] + "xx", cookie.value[1:], "", '""', "chunks-2"):
        assert right.of_cookies(f"_streamlit_user={value}") is None
    assert right.of_cookies(f"_streamlit_user_tokens={cookie.value}") is None
    elsewhere = Login("https://other.example", provider.issuer, CLIENT, SECRET, (OWNER,))
    assert Gate(elsewhere, secret).of_cookies(f"_streamlit_user={cookie.value}") is None


def test_a_live_connection_needs_a_login(app, honest):
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    place = app.address.replace("http", "ws") + "/_stcore/stream"
    with pytest.raises(InvalidStatus):
        connect(place, origin=app.address)
    browser = Browser(app)
    browser.log_in("ann")
    with connect(place, origin=app.address, additional_headers={"Cookie": browser.header()}):
        pass


# --- claims and settings, without a server ------------------------------------------------------

LOGIN = Login("https://app.example", "https://id.example", CLIENT, SECRET, (OWNER,), hours=2)


def claims(**changes):
    now = {"iss": "https://id.example", "aud": CLIENT, "sub": "1", "iat": 1000.0}
    return {**now, "email": ANN, "email_verified": True, **changes}


def test_a_login_ends_after_its_hours():
    assert LOGIN.person(claims(), 1000).email == ANN
    assert LOGIN.person(claims(), 1000 + 7199).email == ANN
    for now in (1000 + 7200, 1000 - SKEW - 1):
        with pytest.raises(LoginRefused, match="has ended"):
            LOGIN.person(claims(), now)
    for issued in (True, "1000", None):
        with pytest.raises(LoginRefused):
            LOGIN.person(claims(iat=issued), 1000)


def test_a_login_that_ends_while_a_page_asks_who_acts_stays_ended():
    """The page's thread looks at the clock, and in that moment the person logs out in another tab."""
    gate = Gate(LOGIN, "x" * 40, lambda: 1000.0)
    gate._claims = lambda header: claims(sub=header)
    leaving = ["2"]

    class Until(float):
        def __gt__(self, now):
            if leaving:
                gate.end(leaving.pop())
            return float(self) > now

    gate._ended = {identity(claims(sub="1")): Until(2000)}
    assert gate.of_cookies("3").email == ANN
    gate.end("2")
    assert [gate.of_cookies(sub) is None for sub in "123"] == [True, True, False]


def test_two_people_of_one_name_are_two():
    ann = LOGIN.person(claims(name="Alex Smith"), 1000)
    bob = LOGIN.person(claims(name="Alex Smith", email=BOB), 1000)
    assert ann.name == bob.name and ann.email != bob.email


@pytest.mark.parametrize(
    "email",
    [
        "\u212aate@lab.example",
        "ann@\u212aab.example",
        "\u00a0ann@lab.example",
        "a@b@c",
        "ann",
        "*@lab.example",
        "a b@c.d",
        'a"@b.c',
        3,
        ["a@b.c"],
    ],
)
def test_an_address_that_is_none_logs_nobody_in(email):
    with pytest.raises(LoginRefused):
        LOGIN.person(claims(email=email), 1000)


def test_an_owner_of_the_server_is_named_by_its_settings_alone():
    assert LOGIN.person(claims(email=OWNER.upper()), 1000).is_host
    assert not LOGIN.person(claims(is_host=True, owner=True), 1000).is_host


def test_a_provider_that_verifies_all_addresses_need_not_say_so():
    trusting = Login(
        "https://a.b", "https://id.example", CLIENT, SECRET, (OWNER,), all_verified=True
    )
    unsaid = {k: v for k, v in claims().items() if k != "email_verified"}
    assert trusting.person(unsaid, 1000).email == ANN
    with pytest.raises(LoginRefused):
        trusting.person(claims(email_verified=False), 1000)


RIGHT = FILE.format(
    address="https://app.example/", issuer="https://id.example/x/", client="c", secret="s"
)


def test_settings_are_read_from_a_file_of_the_server(tmp_path, monkeypatch):
    login = read_login(settings_file(tmp_path, RIGHT))
    assert login.address == "https://app.example" and login.owners == (OWNER,)
    assert login.issuer == "https://id.example/x/", "as the provider spells it"
    stated = login.as_secrets("x")
    assert stated["redirect_uri"] == "https://app.example/oauth2callback"
    assert stated["server_metadata_url"] == "https://id.example/x/.well-known/openid-configuration"
    monkeypatch.setenv("CURATION_CLIENT_SECRET", "from outside")
    path = settings_file(tmp_path, RIGHT.replace('client_secret = "s"\n', ""))
    assert read_login(path).client_secret == "from outside"


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("", "no table"),
        ("[team", "cannot be read"),
        ("team = 3", "is a table"),
        (RIGHT.replace('owners = ["Owner@lab.example"]', ""), "needs owners"),
        (RIGHT.replace('"s"', '""'), "needs client_secret"),
        (RIGHT.replace("Owner@", "*@"), "not of domains"),
        (RIGHT.replace("Owner@lab.example", "Owner"), "no e-mail address"),
        (RIGHT.replace("https://app", "http://app"), "begins with https://"),
        (RIGHT.replace("https://id", "http://id"), "begins with https://"),
        (RIGHT.replace("app.example/", "app.example/path"), "without a path"),
        (RIGHT.replace("hours = 12", "hours = 0"), "hours"),
        (RIGHT.replace("hours = 12", "hours = true"), "hours"),
        (RIGHT + 'all_verified = "yes"', "true or false"),
        (RIGHT + "verify = false", "no setting 'verify'"),
    ],
)
def test_a_setting_that_does_not_fit_is_one_sentence(tmp_path, text, sentence):
    with pytest.raises(CurationError, match=re.escape(sentence)):
        read_login(settings_file(tmp_path, text))


def test_settings_in_a_project_or_open_to_others_are_refused(tmp_path):
    project = Project.create(tmp_path / "p")
    (project.path / "below").mkdir()
    with pytest.raises(CurationError, match="lies in a project"):
        read_login(settings_file(project.path / "below", RIGHT))
    path = settings_file(tmp_path, RIGHT)
    link = project.path / "link.toml"
    link.symlink_to(path)
    assert read_login(link).owners, "a link leads out of it"
    if os.name != "nt":
        path.chmod(0o640)
        with pytest.raises(CurationError, match="chmod 600"):
            read_login(path)


def test_the_secret_of_the_cookies_is_made_once_for_this_account(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    secret = cookie_secret()
    path = tmp_path / "curation" / "team-cookie-secret"
    assert len(secret) >= 48 and cookie_secret() == secret == path.read_text()
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(CurationError, match="chmod 600"):
        cookie_secret()
    path.chmod(0o600)
    path.write_text("short")
    with pytest.raises(CurationError, match="too short"):
        cookie_secret()
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    with pytest.raises(CurationError, match="cannot be kept"):
        cookie_secret()


def test_logins_and_no_token_at_once_are_refused(tmp_path):
    from typer.testing import CliRunner

    from curation.cli import app as commands

    done = CliRunner().invoke(commands, ["app", "--team", str(tmp_path / "t"), "--no-token"])
    assert done.exit_code != 0
