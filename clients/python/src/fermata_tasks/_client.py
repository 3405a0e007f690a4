from __future__ import annotations

import time
import uuid
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence

from ._errors import FermataError, TaskCancelled, TaskFailed
from ._http import Transport, path_of

#: Seconds that one call waits for the end of a task; proxies in between may cut off longer ones.
_LONGEST_WAIT = 25.0


class Progress(NamedTuple):
    """How far a task is."""

    current: float
    total: Optional[float]
    message: Optional[str]
    #: From 0 to 1; None while the total is unknown.
    ratio: Optional[float]
    #: Units per second.
    rate: Optional[float]
    eta_seconds: Optional[float]


class Client:
    """
    A Fermata server. ``key`` defaults to the environment variable ``FERMATA_API_KEY``. Calls are repeated for up to ``patience``
    seconds while the server cannot be reached or is not ready. Usable from many threads.
    """

    def __init__(
        self,
        url: str = "http://localhost:8000",
        key: Optional[str] = None,
        *,
        timeout: float = 30,
        patience: float = 10,
    ) -> None:
        self._transport = Transport(url, key, timeout, patience)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes idle connections."""
        self._transport.close()

    @property
    def url(self) -> str:
        return self._transport.url

    def submit(self, type: str, parameters: Optional[Mapping[str, Any]] = None, **options: Any) -> Handle:
        """
        Submits a task. ``options`` are those of the API, such as ``priority``, ``delay``, ``timeout``, ``max_attempts``, ``tags``
        or ``idempotency_key``. A submit whose answer was lost is repeated without creating a second task.
        """
        body = {"idempotency_key": uuid.uuid4().hex, **options, "parameters": dict(parameters or {})}
        answer = self._transport.call("POST", path_of("/api/run/{type}", type=type), body)
        return Handle(self, answer["task_id"])

    def submit_many(self, type: str, list: Sequence[Mapping[str, Any]], **options: Any) -> List[Handle]:
        """Submits a task for each of these parameters, all or nothing; at most 10,000."""
        key = uuid.uuid4().hex
        tasks = [
            {"idempotency_key": f"{key}-{index}", **options, "parameters": dict(parameters)}
            for index, parameters in enumerate(list)
        ]
        if not tasks:
            return []
        answer = self._transport.call("POST", path_of("/api/run/{type}/batch", type=type), {"tasks": tasks})
        return [Handle(self, task_id) for task_id in answer["task_ids"]]

    def task(self, task_id: str) -> Handle:
        """A handle for an existing task. Sends no call."""
        return Handle(self, task_id)

    def tasks(self, **filters: Any) -> Iterator[Dict[str, Any]]:
        """All tasks that match, page by page: ``status``, ``type``, ``tag``, ``q``, ``order``, ``limit`` (of a page), ..."""
        cursor = filters.pop("cursor", None)
        while True:
            page = self._transport.call("GET", "/api/task", query={**filters, "cursor": cursor})
            yield from page["tasks"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def waits(self, **filters: Any) -> Iterator[Dict[str, Any]]:
        """
        Waits of tasks for answers, the newest first, page by page: ``status`` (``open``: somebody must answer), ``type``, ``name``,
        ``limit`` (of a page).
        """
        return self._waits("/api/waits", filters)

    def answer(self, token: str, answer: Any, reason: Optional[str] = None) -> Dict[str, Any]:
        """Answers the wait with this token. The first answer counts: raises ``FermataError`` (``WAIT_ANSWERED``) after that."""
        return self._answer(path_of("/api/waits/{token}", token=token), answer, reason)

    def types(self) -> Dict[str, Dict[str, Any]]:
        """What can be run: descriptions by type."""
        details: Dict[str, Dict[str, Any]] = self._transport.call("GET", "/api/tasks")["task_details"]
        return details

    def call(
        self, method: str, path: str, body: Any = None, *, query: Optional[Mapping[str, Any]] = None, wait: float = 0
    ) -> Any:
        """Any other call of the API: ``client.call("GET", "/api/stats")``. Repeated only if it is a GET."""
        return self._transport.call(method, path, body, query=query, wait=wait, repeatable=method == "GET")

    def _waits(self, path: str, filters: Mapping[str, Any]) -> Iterator[Dict[str, Any]]:
        cursor = None
        while True:
            page = self._transport.call("GET", path, query={**filters, "cursor": cursor})
            yield from page["waits"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _answer(self, path: str, answer: Any, reason: Optional[str]) -> Dict[str, Any]:
        query = {"reason": reason}
        # An answer whose response was lost must not look like that of somebody else.
        answered: Dict[str, Any] = self._transport.call("POST", path, {"answer": answer}, query=query, repeatable=False)
        return answered


class Handle:
    """One task."""

    def __init__(self, client: Client, id: str) -> None:
        self._client = client
        self._call = client._transport.call
        #: Its id.
        self.id = id

    def __repr__(self) -> str:
        return f"Handle({self.id!r})"

    def status(self) -> str:
        """``queued``, ``running``, ``paused``, ``completed``, ..."""
        status: str = self.info()["status"]
        return status

    def info(self) -> Dict[str, Any]:
        """The status with times, parameters, progress and error."""
        info: Dict[str, Any] = self._call("GET", path_of("/api/task/{id}/status", id=self.id))
        return info

    def details(self) -> Dict[str, Any]:
        """Everything: checkpoint, result, attempts and timeline too."""
        details: Dict[str, Any] = self._call("GET", path_of("/api/task/{id}", id=self.id))
        return details

    def progress(self) -> Optional[Progress]:
        """How far it is; None before its first report."""
        found = self.info()["progress"]
        return None if found is None else Progress(**{name: found.get(name) for name in Progress._fields})

    def logs(self) -> List[str]:
        """Its log lines, oldest first."""
        lines: List[str] = []
        after = 0
        while True:
            page = self._call("GET", path_of("/api/task/{id}/logs", id=self.id), query={"after": after})
            lines += [line["message"] for line in page["lines"]]
            if page["next_after"] is None:
                return lines
            after = page["next_after"]

    def result(self, timeout: Optional[float] = None) -> Any:
        """
        Waits for the end, and returns the result. Raises ``TaskFailed``, ``TaskCancelled``, or ``TimeoutError`` after ``timeout``
        seconds. Continues through restarts of the server.
        """
        until = None if timeout is None else time.monotonic() + timeout
        path = path_of("/api/task/{id}/result", id=self.id)
        while True:
            left = _LONGEST_WAIT if until is None else max(0.0, min(_LONGEST_WAIT, until - time.monotonic()))
            wait = round(left, 3)
            try:
                ended = self._call("GET", path, query={"wait": wait}, wait=wait, patience=max(60, self._client._transport.patience))
                break
            except FermataError as error:
                if error.code != "RESULT_NOT_READY":
                    raise
                if until is not None and time.monotonic() >= until:
                    raise TimeoutError(f"task {self.id} has not ended within {timeout} s") from None
        return outcome_of(self.id, ended)

    def pause(self, reason: Optional[str] = None, wait: float = 2) -> str:
        """Pauses it, and returns its status once that has taken effect, or after ``wait`` seconds."""
        return self._control("POST", "/api/task/{id}/pause", reason, wait)

    def resume(self, reason: Optional[str] = None, wait: float = 2) -> str:
        return self._control("POST", "/api/task/{id}/resume", reason, wait)

    def cancel(self, reason: Optional[str] = None, wait: float = 2) -> str:
        """Cancels it. Its code gets a signal, and is stopped by force if it ignores that."""
        return self._control("DELETE", "/api/task/{id}", reason, wait)

    def retry(self, reason: Optional[str] = None) -> str:
        """Runs a failed or cancelled task again."""
        answer = self._call(
            "POST", path_of("/api/task/{id}/retry", id=self.id), query={"reason": reason}, repeatable=False
        )
        status: str = answer["status"]
        return status

    def waits(self) -> Iterator[Dict[str, Any]]:
        """Its waits for answers, in the order in which its runs came to them."""
        return self._client._waits(path_of("/api/task/{id}/waits", id=self.id), {})

    def answer(self, name: str, answer: Any, reason: Optional[str] = None) -> Dict[str, Any]:
        """
        Answers its oldest open wait of this name, which continues it. The first answer counts: raises ``FermataError``
        (``WAIT_ANSWERED``) after that. Kept if it comes before the wait.
        """
        return self._client._answer(path_of("/api/task/{id}/waits/{name}", id=self.id, name=name), answer, reason)

    def explain(self) -> List[str]:
        """Why it is not running now."""
        answer = self._call("GET", path_of("/api/task/{id}/explain", id=self.id))
        return [reason["message"] for reason in answer["reasons"]]

    def _control(self, method: str, path: str, reason: Optional[str], wait: float) -> str:
        query = {"reason": reason, "wait": round(wait, 3)}
        answer = self._call(method, path_of(path, id=self.id), query=query, wait=wait)
        status: str = answer["status"]
        return status


def outcome_of(task_id: str, ended: Mapping[str, Any]) -> Any:
    status = ended["status"]
    if status == "completed":
        return ended["result"]
    if status == "cancelled" or not ended.get("error"):
        raise TaskCancelled(task_id)
    raise TaskFailed(task_id, ended["error"])
