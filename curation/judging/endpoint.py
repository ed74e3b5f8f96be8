"""Requests to one OpenAI-compatible address, with patience for a busy server.

Guarantee: texts and key are sent only to the address that a person gave; redirects are refused, and
a proxy of the environment is not used. The key is read from the environment, and no error message
repeats it.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from curation.errors import CurationError

KEY = "CURATION_API_KEY"
"""Environment variable with the key of the endpoint, if it needs one."""

TIMEOUT = 120.0
TRIES = 5
LONGEST_WAIT = 60.0
"""Seconds that a server may ask to wait, at most."""

ANSWER_BYTES = 1_000_000
_PASSING = (408, 409, 429)
"""Statuses that may pass, besides 500 and more."""

_OF_REQUEST = (400, 413, 422)
"""Statuses that speak of one request."""


class Stays(urllib.request.HTTPRedirectHandler):
    """A handler that refuses redirects, so that texts and key go only to the given address."""

    def redirect_request(self, *about: Any) -> None:
        """Refuse; the answer is then an error with the status of the redirect."""


OPENER = urllib.request.build_opener(Stays, urllib.request.ProxyHandler({}))


class Unavailable(CurationError):
    """Raised when the endpoint does not answer after all tries, or refuses."""


class RequestRefused(CurationError):
    """Raised when the endpoint refuses one request, such as one with too long a text."""


class _Refused(Exception):
    """An answer with an error's status."""

    def __init__(self, status: int, text: str, wait: str) -> None:
        super().__init__(text)
        self.status, self.text, self.wait = status, text, wait


def address_of(url: str) -> str:
    """The address of chat completions below a URL; raises CurationError for what is no URL."""
    if not re.match(r"https?://[^/\s]+", url):
        raise CurationError(
            f"{url!r} is no address of an endpoint; give one such as http://localhost:8000/v1"
        )
    base = url.rstrip("/")
    return base if base.endswith("/chat/completions") else f"{base}/chat/completions"


@dataclass
class Endpoint:
    """An address and a model; wait: a function of seconds, which a test replaces."""

    url: str
    model: str
    wait: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        """Check the address and read the key."""
        self._address = address_of(self.url)
        self._key = os.environ.get(KEY, "")
        self._structured = True

    def answer(self, messages: list[dict[str, str]], schema: dict[str, Any]) -> str:
        """The text that the model answers with.

        Statuses that may pass, time-outs and broken connections are tried TRIES times, with a longer
        wait before each. A refused request is tried again without `response_format`; where that
        succeeds the server knows no schema, and is asked without one from then on. Raises
        RequestRefused and Unavailable.
        """
        structured = self._structured
        for attempt in range(TRIES):
            try:
                answer = self._once(messages, schema if structured else None)
                self._structured = self._structured and structured
                return answer
            except _Refused as refused:
                if refused.status in _OF_REQUEST:
                    if not structured:
                        raise RequestRefused(self._refusal(refused)) from None
                    structured = False
                    continue
                if refused.status not in _PASSING and refused.status < 500:
                    raise Unavailable(self._refusal(refused)) from None
                why, seconds = f"status {refused.status}", _seconds(refused.wait)
            except (OSError, http.client.HTTPException) as error:
                why, seconds = str(getattr(error, "reason", None) or error), 0.0
            except (ValueError, LookupError, TypeError, RecursionError):
                raise Unavailable(
                    f"{self._address} did not answer as an OpenAI-compatible endpoint does."
                ) from None
            if attempt < TRIES - 1:
                self.wait(min(LONGEST_WAIT, max(seconds, 2.0**attempt)))
        raise Unavailable(f"{self._address} gave no answer in {TRIES} tries: {self._safe(why)}.")

    def _once(self, messages: list[dict[str, str]], schema: dict[str, Any] | None) -> str:
        body: dict[str, Any] = {"model": self.model, "messages": messages, "temperature": 0}
        if schema is not None:
            body["response_format"] = schema
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(self._address, json.dumps(body).encode(), headers)
        try:
            with OPENER.open(request, timeout=TIMEOUT) as response:
                reply: Any = json.loads(response.read(ANSWER_BYTES))
        except urllib.error.HTTPError as error:
            place = error.headers.get("Location", "") if error.code < 400 else ""
            text = place or error.read(300).decode("utf-8", "replace")
            raise _Refused(error.code, text, error.headers.get("Retry-After", "")) from None
        choices = reply["choices"]  # none where the server's own filter withheld the answer
        return str(choices[0]["message"]["content"] or "") if choices != [] else ""

    def _refusal(self, refused: _Refused) -> str:
        text = " ".join(self._safe(refused.text).split())[:200]
        if refused.status < 400:
            return (
                f"{self._address} leads on to {text or 'another address'}, where nothing was sent; "
                "if you trust that address, give it instead."
            )
        hint = f"; is {KEY} set to a key that it knows?" if refused.status in (401, 403) else ""
        return f"{self._address} refused with status {refused.status}{hint}: {text}"

    def _safe(self, text: str) -> str:
        return text.replace(self._key, "…") if self._key else text


def _seconds(text: str | None) -> float:
    """The seconds of a Retry-After; 0 for a date or nothing."""
    return float(text) if text and re.fullmatch(r"\d{1,6}(\.\d+)?", text) else 0.0
