from __future__ import annotations

import asyncio
import inspect
import logging
import os
import signal
import socket
import threading
import time
import typing
import uuid
from concurrent.futures import CancelledError
from typing import Any, Callable, Dict, List, Optional, Set, TypeVar, Union

from ._errors import FermataError
from ._http import Transport, backoff
from ._task import AsyncTask, Cancelled, LeaseLost, Paused, Run, Task, failure_of

Handler = TypeVar("Handler", bound=Callable[..., Any])

#: Seconds that a claim waits for a task.
_CLAIM_WAIT = 50.0

_log = logging.getLogger("fermata_tasks")


class Worker:
    """
    Runs tasks of its own types for a server, until it is told to stop::

        worker = Worker("http://localhost:8000")

        @worker.task("resize")
        def resize(task, file: str, width: int = 800):
            ...

        worker.run()

    ``concurrency``: how many tasks run at once, each in a thread of its own; coroutines share one event loop. ``drain``: seconds
    that running tasks have to end, or to reach a pause point, once the worker stops.
    """

    def __init__(
        self,
        url: str = "http://localhost:8000",
        key: Optional[str] = None,
        *,
        name: Optional[str] = None,
        concurrency: int = 1,
        drain: float = 25,
        timeout: float = 30,
    ) -> None:
        self.name = name or f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"
        self._transport = Transport(url, key, timeout, patience=0)
        self._concurrency = concurrency
        self._drain = drain
        self._types: Dict[str, Dict[str, Any]] = {}
        self._handlers: Dict[str, Callable[..., Any]] = {}
        self._runs: Set[Run] = set()
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._claiming: Any = None
        self._lease = 30.0
        self._loop: Optional[asyncio.AbstractEventLoop] = None

    def task(
        self,
        type: str,
        *,
        description: Optional[str] = None,
        parameters: Optional[Dict[str, Any]] = None,
        concurrency: Optional[int] = None,
        max_attempts: Optional[int] = None,
        timeout: Union[float, str, None] = None,
        pause: str = "checkpoint",
    ) -> Callable[[Handler], Handler]:
        """
        Makes a function the handler of a type: ``def handler(task, **parameters)``, or a coroutine. ``parameters``: a JSON schema;
        by default it is made from the signature. ``description``: by default the docstring. ``pause="none"``: the handler has no
        pause points.
        """

        def register(handler: Handler) -> Handler:
            given = {
                "type": type,
                "description": description if description is not None else inspect.getdoc(handler) or "",
                "parameters": parameters if parameters is not None else schema_of(handler),
                "concurrency": concurrency,
                "max_attempts": max_attempts,
                "timeout": timeout,
                "pause": pause,
            }
            self._types[type] = {name: value for name, value in given.items() if value is not None}
            self._handlers[type] = handler
            return handler

        return register

    def run(self) -> None:
        """
        Registers the types and runs tasks until ``stop()``, or until SIGTERM or SIGINT if this is the main thread. Raises
        ``FermataError`` if the server refuses the registration.
        """
        if not self._types:
            raise ValueError("the worker has no types: decorate a function with @worker.task(...)")
        self._handle_signals()
        failures = 0
        registered = False
        while not self._stopping.is_set():
            try:
                if not registered:
                    self._register()
                    registered = True
                self._claim()
                failures = 0
            except FermataError as error:
                if self._stopping.is_set():
                    break
                if error.code == "WORKER_UNKNOWN":
                    registered = False
                elif not _is_temporary(error):
                    raise
                else:
                    _log.warning("the server does not answer as it should; retrying: %s", error)
                self._stopping.wait((error.retry_after or 0) + backoff(failures))
                failures += 1
        self._finish()

    def stop(self) -> None:
        """Claims nothing more; running tasks end, or are given back at their next pause point."""
        self._stopping.set()
        claiming = self._claiming
        if claiming is not None:
            claiming.close()
        with self._changed:
            self._changed.notify_all()

    @property
    def running(self) -> int:
        """Tasks that it runs now."""
        return len(self._runs)

    def _register(self) -> None:
        body = {"worker": self.name, "types": list(self._types.values())}
        self._lease = self._transport.call("POST", "/api/worker/register", body)["lease"]

    def _claim(self) -> None:
        with self._changed:
            while len(self._runs) >= self._concurrency and not self._stopping.is_set():
                self._changed.wait(1)
            free = self._concurrency - len(self._runs)
        if self._stopping.is_set():
            return
        if self._claiming is None:
            self._claiming = self._transport.connect()
        body = {"worker": self.name, "max": min(100, free), "wait": _CLAIM_WAIT}
        claimed = self._claiming.call("POST", "/api/worker/claim", body, wait=_CLAIM_WAIT)
        for task in claimed["tasks"]:
            run = Run(self._transport, task, self._lease, _log.warning)
            with self._changed:
                self._runs.add(run)
            threading.Thread(target=self._carry_out, args=(run,), name=f"fermata {task['task_id']}").start()

    def _carry_out(self, run: Run) -> None:
        try:
            handler = self._handlers[run.claimed["task_type"]]
            try:
                if inspect.iscoroutinefunction(handler):
                    result = self._run_coroutine(handler, run)
                else:
                    result = handler(Task(run), **run.claimed["parameters"])
            except Paused:
                run.leave()
            except LeaseLost:
                run.settle("fail", {})
            except (Cancelled, CancelledError, asyncio.CancelledError):
                if run.drains and not isinstance(run.stop, Cancelled):
                    run.leave()
                else:
                    run.settle("fail", {"error": {"code": "CANCELLED", "message": "the handler was stopped"}})
            except BaseException as error:  # noqa: BLE001: whatever a handler raises, its task fails
                run.settle("fail", failure_of(error))
            else:
                try:
                    run.settle("complete", {"result": result})
                except (TypeError, ValueError) as error:
                    message = f"the result is no JSON value: {error}"
                    run.settle("fail", {"error": {"code": "NOT_JSON", "message": message}, "retryable": False})
        finally:
            with self._changed:
                self._runs.discard(run)
                self._changed.notify_all()

    def _run_coroutine(self, handler: Callable[..., Any], run: Run) -> Any:
        loop = self._event_loop()

        async def carry_out() -> Any:
            task = asyncio.current_task()
            if task is not None:
                run.on_stop = lambda: loop.call_soon_threadsafe(task.cancel)
            return await handler(AsyncTask(run, loop), **run.claimed["parameters"])

        return asyncio.run_coroutine_threadsafe(carry_out(), loop).result()

    def _event_loop(self) -> asyncio.AbstractEventLoop:
        with self._changed:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_serve, args=(self._loop,), name="fermata loop", daemon=True).start()
            return self._loop

    def _finish(self) -> None:
        until = time.monotonic() + self._drain
        for run in list(self._runs):
            run.drain()
        with self._changed:
            while self._runs and time.monotonic() < until:
                self._changed.wait(until - time.monotonic())
            late: List[Run] = list(self._runs)
        for run in late:
            run.end(Paused())
        with self._changed:
            grace = time.monotonic() + 5
            while self._runs and time.monotonic() < grace:
                self._changed.wait(grace - time.monotonic())
        if self._claiming is not None:
            self._claiming.close()
        self._transport.close()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _handle_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}


def schema_of(handler: Callable[..., Any]) -> Dict[str, Any]:
    """The JSON schema of a handler's parameters, from its signature: all but the first, which is the task."""
    try:
        hints = typing.get_type_hints(handler)
    except Exception:  # noqa: BLE001: hints that cannot be resolved say nothing
        hints = {}
    properties: Dict[str, Any] = {}
    required: List[str] = []
    open_ended = False
    for parameter in list(inspect.signature(handler).parameters.values())[1:]:
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            open_ended = True
            continue
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY):
            continue
        properties[parameter.name] = _schema_of_hint(hints.get(parameter.name))
        if parameter.default is inspect.Parameter.empty:
            required.append(parameter.name)
        elif isinstance(parameter.default, (str, int, float, bool)):
            properties[parameter.name]["default"] = parameter.default
    schema: Dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    if not open_ended:
        schema["additionalProperties"] = False
    return schema


def _schema_of_hint(hint: Any) -> Dict[str, Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Union:
        kinds = [_schema_of_hint(one) for one in arguments if one is not type(None)]
        if type(None) in arguments:
            kinds.append({"type": "null"})
        return {"anyOf": kinds}
    if origin is list and arguments:
        return {"type": "array", "items": _schema_of_hint(arguments[0])}
    kind = _JSON_TYPES.get(origin or hint)
    return {} if kind is None else {"type": kind}


def _is_temporary(error: FermataError) -> bool:
    status = error.status or 0
    again = ("SERVER_UNREACHABLE", "WORKER_NAME_TAKEN", "RESPONSE_INVALID")
    return error.code in again or status in (408, 429) or status >= 500
