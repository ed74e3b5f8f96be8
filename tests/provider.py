"""A small OpenID Connect provider on loopback: discovery, authorization, tokens, keys, logout."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jws, jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "curation", "a secret of this test"

Change = Callable[[dict[str, Any]], None]


class Provider:
    """A provider that knows some people by their subject; its page has a link for each.

    change: changes the claims of the next tokens. sign: makes a token of header and claims. requests:
    parameters of the authorization requests so far. is_down: whether every answer is an error.
    """

    def __init__(self, people: Mapping[str, Mapping[str, Any]]) -> None:
        self.people = people
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.change: Change = lambda claims: None
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.algorithms = ["RS256"]
        self.requests: list[dict[str, str]] = []
        self.is_down = False
        self._codes: dict[str, tuple[str, dict[str, str]]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.answer(
                    self, urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
                )

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                provider.answer(self, self.path, {k: v[0] for k, v in parse_qs(body).items()})

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    # --- tokens -----------------------------------------------------------------------------

    def signed(self, claims: dict[str, Any], key: RSAKey | None = None) -> str:
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, key or self.key)

    @staticmethod
    def unsigned(claims: dict[str, Any]) -> str:
        parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
        return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."

    def signed_with_public_key(self, claims: dict[str, Any]) -> str:
        """A token whose HMAC key is the provider's public key, which everybody knows."""
        from joserfc.jwk import OctKey

        key = OctKey.import_key(self.key.as_pem(private=False))
        header = {"alg": "HS256", "kid": "one"}
        return jws.serialize_compact(header, json.dumps(claims), key, algorithms=["HS256"])

    # --- answers ----------------------------------------------------------------------------

    def answer(self, handler: BaseHTTPRequestHandler, path: str, given: dict[str, str]) -> None:
        if self.is_down:
            return send(handler, 503, "text/plain", "down")
        answers = {
            "/.well-known/openid-configuration": self._discovery,
            "/keys": lambda _, __: {"keys": [self.key.as_dict(private=False)]},
            "/authorize": self._authorize,
            "/token": self._token,
            "/logout": self._logout,
        }
        if path not in answers:
            return send(handler, 404, "text/plain", "")
        result = answers[path](handler, given)
        if isinstance(result, dict):
            send(handler, 400 if "error" in result else 200, "application/json", json.dumps(result))
        return None

    def _discovery(self, *_: Any) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/logout",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": self.algorithms,
            "code_challenge_methods_supported": ["S256"],
        }

    def _authorize(self, handler: BaseHTTPRequestHandler, given: dict[str, str]) -> None:
        if "as" not in given:
            self.requests.append(given)
            links = [
                f'<p><a href="/authorize?{urlencode({**given, "as": who})}">{who}</a></p>'
                for who in self.people
            ]
            return send(handler, 200, "text/html", "<h1>Who?</h1>" + "".join(links))
        code = secrets.token_urlsafe(16)
        self._codes[code] = (given["as"], given)
        query = urlencode({"code": code, "state": given["state"]})
        return redirect(handler, f"{given['redirect_uri']}?{query}")

    def _token(self, handler: BaseHTTPRequestHandler, given: dict[str, str]) -> dict[str, Any]:
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if handler.headers.get("Authorization") != f"Basic {basic}":
            return {"error": "invalid_client"}
        who, request = self._codes.pop(given.get("code", ""), ("", {}))
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if not who or challenge != request["code_challenge"]:
            return {"error": "invalid_grant"}
        if given["redirect_uri"] != request["redirect_uri"]:
            return {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": who,
            "iat": now,
            "exp": now + 300,
            "nonce": request["nonce"],
            **self.people[who],
        }
        self.change(claims)
        token = self.sign(claims)
        return {"access_token": "x", "token_type": "Bearer", "expires_in": 300, "id_token": token}

    def _logout(self, handler: BaseHTTPRequestHandler, given: dict[str, str]) -> None:
        redirect(handler, given["post_logout_redirect_uri"])


def send(handler: BaseHTTPRequestHandler, status: int, kind: str, text: str) -> None:
    body = text.encode()
    handler.send_response(status)
    handler.send_header("Content-Type", f"{kind}; charset=utf-8")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def redirect(handler: BaseHTTPRequestHandler, address: str) -> None:
    handler.send_response(302)
    handler.send_header("Location", address)
    handler.send_header("Content-Length", "0")
    handler.end_headers()
