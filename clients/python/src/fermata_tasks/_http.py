from __future__ import annotations

import http.client
import json
import os
import random
import socket
import threading
import time
from typing import Any, Dict, List, Mapping, Optional
from urllib.parse import quote, urlencode, urlsplit

from ._errors import FermataError

#: Statuses of answers after which nothing was done, so that the call can be sent again.
_NOTHING_DONE = (408, 429, 503)
_MOST_IDLE = 16


class Transport:
    """Sends calls to a server, and repeats them where that is safe. Usable from many threads."""

    def __init__(self, url: str, key: Optional[str], timeout: float, patience: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no http address")
        self.url = url.rstrip("/")
        self.patience = patience
        self._parts = parts
        self._base = parts.path.rstrip("/")
        self._timeout = timeout
        self._key = key if key is not None else os.environ.get("FERMATA_API_KEY")
        self._lock = threading.Lock()
        #: Idle connections, the last used one last.
        self._idle: List[Connection] = []

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Optional[Mapping[str, Any]] = None,
        wait: float = 0,
        patience: Optional[float] = None,
        repeatable: bool = True,
    ) -> Any:
        """
        The JSON of the answer. ``wait``: seconds for which the server may wait before it answers. ``repeatable``: a second
        call has no second effect.
        """
        until = time.monotonic() + (self.patience if patience is None else patience)
        failures = 0
        while True:
            connection = self._taken()
            try:
                return connection.call(method, path, body, query=query, wait=wait)
            except FermataError as error:
                nothing_done = error.status in _NOTHING_DONE or connection.was_refused
                lost = error.code == "SERVER_UNREACHABLE" or error.status in (502, 504)
                if not nothing_done and not (lost and repeatable):
                    raise
                pause = (error.retry_after or 0) + backoff(failures)
                failures += 1
                if time.monotonic() + pause > until:
                    raise
            finally:
                self._give_back(connection)
            time.sleep(pause)

    def connect(self) -> Connection:
        """A connection of its own, which another thread may close while it waits for an answer."""
        return Connection(self._parts, self._base, self._key, self._timeout)

    def close(self) -> None:
        """Closes idle connections. Further calls open new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _taken(self) -> Connection:
        with self._lock:
            return self._idle.pop() if self._idle else self.connect()

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            if len(self._idle) < _MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()


class Connection:
    """One connection, for one thread; kept open between calls."""

    def __init__(self, parts: Any, base: str, key: Optional[str], timeout: float) -> None:
        self._parts = parts
        self._base = base
        self._key = key
        self._timeout = timeout
        self._http: Optional[http.client.HTTPConnection] = None
        self._closed = False
        self._busy = False
        #: Nothing listened at the address, so the last call did nothing.
        self.was_refused = False

    def call(
        self, method: str, path: str, body: Any = None, *, query: Optional[Mapping[str, Any]] = None, wait: float = 0
    ) -> Any:
        """The JSON of the answer, after one attempt."""
        target = self._base + path
        given = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        if given:
            target += "?" + urlencode(given)
        headers = {"Accept": "application/json"}
        data = None
        if body is not None:
            # NaN and Infinity are no JSON.
            data = json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json"
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self.was_refused = False
        fresh = self._http is None
        while True:
            try:
                self._busy = True
                status, answer, received = self._send(method, target, data, headers, wait)
                break
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                # The server may have closed an idle connection: nothing was read then.
                if not fresh and not self._closed and isinstance(error, (http.client.RemoteDisconnected, ConnectionError)):
                    fresh = True
                    continue
                self.was_refused = isinstance(error, (ConnectionRefusedError, socket.gaierror))
                raise FermataError("SERVER_UNREACHABLE", f"cannot reach the server: {error}") from error
            finally:
                self._busy = False
        if 200 <= status < 300:
            return json.loads(received) if received else None
        raise _refusal(status, answer, received)

    def close(self) -> None:
        """Ends it, and a call that waits for an answer in another thread."""
        self._closed = True
        connection = self._http
        sock = connection.sock if connection is not None else None
        if sock is None:
            return
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        if not self._busy:
            self._drop()

    def _send(self, method: str, target: str, data: Optional[bytes], headers: Dict[str, str], wait: float) -> Any:
        if self._closed:
            raise ConnectionAbortedError("the connection was closed")
        if self._http is None:
            kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
            self._http = kind(self._parts.hostname, self._parts.port, timeout=self._timeout + wait)
            self._http.connect()
            if self._http.sock is not None:
                self._http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        elif self._http.sock is not None:
            self._http.sock.settimeout(self._timeout + wait)
        self._http.request(method, target, body=data, headers=headers)
        answer = self._http.getresponse()
        received = answer.read()
        if answer.will_close:
            self._drop()
        return answer.status, answer, received

    def _drop(self) -> None:
        if self._http is not None:
            self._http.close()
        self._http = None


def backoff(failures: int) -> float:
    """Seconds before a retry: doubling, half of it random."""
    longest = min(5.0, 0.1 * 2**min(failures, 10))
    return longest / 2 + random.random() * longest / 2


def path_of(template: str, **parts: str) -> str:
    return template.format(**{name: quote(part, safe="") for name, part in parts.items()})


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(str(one) for one in value)
    return str(value)


def _refusal(status: int, answer: Any, received: bytes) -> FermataError:
    retry_after = None
    try:
        retry_after = float(answer.headers.get("Retry-After", ""))
    except ValueError:
        pass
    try:
        problem = json.loads(received)
        code, detail = problem["code"], problem["detail"]
    except (ValueError, KeyError, TypeError):
        detail = f"the server answered {status}, and not as a Fermata does"
        return FermataError("RESPONSE_INVALID", detail, status=status, retry_after=retry_after)
    return FermataError(
        code,
        detail,
        status=status,
        errors=problem.get("errors"),
        request_id=problem.get("request_id"),
        retry_after=retry_after,
    )
