from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, Callable, Dict, List, Optional

from ._errors import FermataError
from ._http import Connection, Transport, backoff

#: Seconds that a task runs before its first beat: most need none.
_FIRST_BEAT = 0.1
#: Seconds between beats that store something, and between beats of a task that was told to stop.
_BEAT_EVERY = 0.5
#: Seconds for which a settlement is repeated.
_SETTLE_FOR = 300.0


class Paused(BaseException):
    """Raised at a pause point: the run ends here, and another one continues from the checkpoint. Do not catch it."""


class Cancelled(BaseException):
    """Raised when the task was cancelled or exceeded its timeout. Clean up, and let it pass."""


class LeaseLost(Cancelled):
    """Raised when the task belongs to this worker no more. Nothing that the handler returns counts."""


class Run:
    """One claimed task: its lease, its signals and its settlement."""

    def __init__(self, transport: Transport, claimed: Dict[str, Any], lease: float, trouble: Callable[[str], None]) -> None:
        self.claimed = claimed
        self.token: str = claimed["lease_token"]
        self.state: Any = claimed["checkpoint"]
        self._transport = transport
        self._lease = lease
        self._trouble = trouble
        self._lock = threading.Lock()
        self._pending: Dict[str, Any] = {}
        self._flusher: Optional[threading.Thread] = None
        self._watching: Optional[Connection] = None
        self._ended = threading.Event()
        #: Set whenever the handler must look at its signals.
        self.woken = threading.Event()
        self.must_pause = False
        self.drains = False
        self.stop: Optional[BaseException] = None
        #: Called in another thread when the handler must stop.
        self.on_stop: Callable[[], None] = lambda: None
        self.on_wake: Callable[[], None] = lambda: None
        threading.Thread(target=self._watch, name=f"fermata beats {claimed['task_id']}", daemon=True).start()

    def pause_point(self) -> None:
        if self.stop is not None:
            raise self.stop
        if self.must_pause or self.drains:
            raise Paused()

    def store(self, **parts: Any) -> None:
        """Sent with the next beat, within half a second."""
        with self._lock:
            logs = self._pending.get("logs", []) + parts.pop("logs", [])
            self._pending.update(parts)
            if logs:
                self._pending["logs"] = logs[-1_000:]
            if self._flusher is None and not self._ended.is_set():
                self._flusher = threading.Thread(target=self._flush_later, name="fermata flush", daemon=True)
                self._flusher.start()

    def drain(self) -> None:
        self.drains = True
        self._wake()

    def end(self, reason: BaseException) -> None:
        """The handler must stop now."""
        if self.stop is None:
            self.stop = reason
            self.on_stop()
        self._wake()

    def settle(self, verb: str, body: Dict[str, Any]) -> None:
        """The last call about the task; the server answers a repeated one like the first."""
        self._ended.set()
        self.flush()
        watching = self._watching
        if watching is not None:
            watching.close()
        if isinstance(self.stop, LeaseLost):
            return
        try:
            self._transport.call("POST", f"/api/worker/{verb}", {"lease_token": self.token, **body}, patience=_SETTLE_FOR)
        except FermataError as error:
            self._trouble(f"task {self.claimed['task_id']} could not be settled: {error}")

    def flush(self) -> None:
        with self._lock:
            pending, self._pending = self._pending, {}
        if not pending or isinstance(self.stop, LeaseLost):
            return
        try:
            self._heard(self._transport.call("POST", "/api/worker/beat", {"lease_token": self.token, **pending}, patience=0))
        except FermataError as error:
            self._failed(error)
            with self._lock:
                self._pending = {**pending, **self._pending}

    def _flush_later(self) -> None:
        while True:
            self._ended.wait(_BEAT_EVERY)
            if self._ended.is_set():
                return
            self.flush()
            with self._lock:
                if not self._pending or isinstance(self.stop, LeaseLost):
                    self._flusher = None
                    return

    def _watch(self) -> None:
        """Keeps the lease, and follows the signals: a beat waits at the server until there is one."""
        if self._ended.wait(_FIRST_BEAT):
            return
        connection = self._watching = self._transport.connect()
        try:
            self._follow(connection)
        finally:
            connection.close()

    def _follow(self, connection: Connection) -> None:
        failures = 0
        while not self._ended.is_set():
            told = self.must_pause or self.stop is not None
            wait = 0 if told else self._lease / 3
            try:
                self._heard(connection.call("POST", "/api/worker/beat", {"lease_token": self.token, "wait": wait}, wait=wait))
                failures = 0
            except FermataError as error:
                if self._ended.is_set() or self._failed(error):
                    return
                self._ended.wait(backoff(failures))
                failures += 1
                continue
            if self.must_pause or self.stop is not None:
                self._ended.wait(_BEAT_EVERY)

    def _heard(self, answer: Dict[str, Any]) -> None:
        signal = answer["signal"]
        self.must_pause = signal in ("pause", "drain")
        if signal == "cancel":
            self.end(Cancelled())
        elif self.must_pause:
            self._wake()

    def _failed(self, error: FermataError) -> bool:
        if error.code == "LEASE_LOST":
            self._trouble(f"the lease of task {self.claimed['task_id']} is lost")
            # Whatever the handler was told before: there is nothing left to settle.
            self.stop = None
            self.end(LeaseLost())
            return True
        if not self._ended.is_set():
            self._trouble(f"a beat failed: {error}")
        return False

    def _wake(self) -> None:
        self.woken.set()
        self.on_wake()


class Task:
    """What a handler sees of its task."""

    def __init__(self, run: Run) -> None:
        self._run = run
        claimed = run.claimed
        self.id: str = claimed["task_id"]
        self.type: str = claimed["task_type"]
        #: 1 for the first attempt.
        self.attempt: int = claimed["attempt"]
        #: Rises with every claim. Pass it in writes to other systems to reject those of an older run.
        self.fence: int = claimed["fence"]
        self.parameters: Dict[str, Any] = claimed["parameters"]
        #: The latest checkpoint of an earlier run; None on a fresh start.
        self.state: Any = claimed["checkpoint"]

    @property
    def cancelled(self) -> bool:
        """Whether the handler must stop: for code that has no pause points."""
        return self._run.stop is not None

    def progress(self, current: float, total: Optional[float] = None, message: Optional[str] = None) -> None:
        """How far it is, in units of your choice. Shown within half a second."""
        self._run.store(progress={"current": current, "total": total, "message": message})

    def log(self, *values: object) -> None:
        """Adds a line to the log of the task."""
        lines: List[str] = " ".join(str(value) for value in values).splitlines() or [""]
        self._run.store(logs=lines)

    def checkpoint(self, state: Any = None) -> Any:
        """
        A pause point, and with a ``state`` also a checkpoint from which a later run continues. Raises ``Paused`` or
        ``Cancelled`` if the run must end.
        """
        self._keep(state)
        self._run.pause_point()

    def sleep(self, seconds: float) -> Any:
        """Sleeps; a pause point before, after and meanwhile."""
        until = time.monotonic() + seconds
        while True:
            self._run.woken.clear()
            self._run.pause_point()
            left = until - time.monotonic()
            if left <= 0:
                return
            self._run.woken.wait(left)

    def _keep(self, state: Any) -> None:
        if state is not None:
            self._run.state = state
            self._run.store(checkpoint=state)


class AsyncTask(Task):
    """The same for a handler that is a coroutine: await ``checkpoint`` and ``sleep``."""

    def __init__(self, run: Run, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(run)
        self._woken = asyncio.Event()
        run.on_wake = lambda: loop.call_soon_threadsafe(self._woken.set)

    async def checkpoint(self, state: Any = None) -> None:
        self._keep(state)
        # Others get their turn.
        await asyncio.sleep(0)
        self._run.pause_point()

    async def sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while True:
            self._woken.clear()
            self._run.pause_point()
            left = until - time.monotonic()
            if left <= 0:
                return
            try:
                await asyncio.wait_for(self._woken.wait(), left)
            except asyncio.TimeoutError:
                pass
