from __future__ import annotations

import asyncio
import inspect
import json
import math
import threading
import time
from typing import Any, Awaitable, Callable, Dict, List, NamedTuple, NoReturn, Optional, Sequence, Tuple, TypeVar, Union

from ._errors import FermataError
from ._http import Connection, Transport, backoff

#: Seconds that a task runs before its first beat: most need none.
_FIRST_BEAT = 0.1
#: Seconds between beats that store something, and between beats of a task that was told to stop.
_BEAT_EVERY = 0.5
#: Seconds for which a settlement is repeated, and what a handler waits for.
_SETTLE_FOR = 300.0
#: Seconds: shorter sleeps keep the task.
_SHORT_SLEEP = 1.0
#: Seconds without a call of a coroutine after which a sleep or a wait ends the run: before, it may only measure the time of other work.
_QUIET_FOR = 0.25
#: Seconds between looks for an answer beside other work.
_LOOK_EVERY = 10.0
#: Seconds before a failed step is called again: doubled each time, and at most.
_STEP_DELAY, _LONGEST_STEP_DELAY = 1.0, 3_600.0
#: Of more sleeps side by side, a later run starts those beyond again.
_REMEMBERED_SLEEPS = 1_000

T = TypeVar("T")


class Step(NamedTuple):
    """What the function of a step gets."""

    #: The same for every call of this step in all runs: pass it to systems that recognize repeated requests.
    idempotency_key: str
    #: How often the function was called, with this call, in all runs.
    attempt: int


class Paused(BaseException):
    """Raised at a pause point: the run ends here, and another one continues from the checkpoint. Do not catch it."""


class Cancelled(BaseException):
    """Raised when the task was cancelled or exceeded its timeout. Clean up, and let it pass."""


class LeaseLost(Cancelled):
    """Raised when the task belongs to this worker no more. Nothing that the handler returns counts."""


class Open:
    """A sleep or a wait that has not ended. Times by the monotonic clock."""

    def __init__(self, until: float, *, index: int = -1, name: str = "", seen: int = 0) -> None:
        self.until = until
        #: Of a sleep: its number since the last checkpoint, from 0.
        self.index = index
        #: Of a wait.
        self.name = name
        self.seen = seen


class Sleeps:
    """The sleeps of a run since its last checkpoint, and what earlier runs have slept since then."""

    def __init__(self, slept: Optional[Dict[str, Any]]) -> None:
        self._recalled: List[float] = [] if slept is None else [0.0] * slept["over"] + slept["left"]
        self._begun = 0
        self.open: List[Open] = []

    @property
    def has_new(self) -> bool:
        """Whether the store does not have all of them."""
        return self._begun > len(self._recalled)

    def begin(self, seconds: float) -> Open:
        index = self._begun
        self._begun += 1
        rest = self._recalled[index] if index < len(self._recalled) else seconds
        sleep = Open(time.monotonic() + rest, index=index)
        self.open.append(sleep)
        return sleep

    def end(self, sleep: Open) -> None:
        if sleep in self.open:
            self.open.remove(sleep)

    def checkpoint(self) -> None:
        """A later run begins after it, and comes to none of the sleeps before it."""
        self._recalled, self._begun, self.open = [], 0, []

    def left(self) -> Dict[str, Any]:
        """For the next run."""
        over = min([self._begun] + [sleep.index for sleep in self.open])
        left = [0.0] * min(_REMEMBERED_SLEEPS, self._begun - over)
        for sleep in self.open:
            if sleep.index - over < len(left):
                left[sleep.index - over] = max(0.0, sleep.until - time.monotonic())
        return {"over": over, "left": left}


class Run:
    """One claimed task: its lease, its signals and its settlement."""

    def __init__(self, transport: Transport, claimed: Dict[str, Any], lease: float, trouble: Callable[[str], None]) -> None:
        self.claimed = claimed
        self.token: str = claimed["lease_token"]
        self.sleeps = Sleeps(claimed["sleeps"])
        #: What the task waits for: the run ends.
        self.parking: Optional[Dict[str, Any]] = None
        #: Steps of earlier runs that were read, and the number after which the next page begins; None at the end.
        self._stored: Dict[Tuple[str, int], Dict[str, Any]] = {}
        self._after: Optional[int] = 0 if claimed["fence"] > 1 else None
        self._recalling = threading.Lock()
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

    @property
    def must_end(self) -> bool:
        return self.must_pause or self.drains or self.parking is not None

    def pause_point(self) -> None:
        if self.stop is not None:
            raise self.stop
        if self.must_end:
            self.unwind()

    def unwind(self, waits: Sequence[Open] = ()) -> NoReturn:
        """Ends the run. ``waits``: all that the handler waits for; without any, it has something to do at once."""
        if self.parking is None and waits:
            now = time.monotonic()
            wake = min(max(0.0, one.until - now) for one in waits)
            asked = [one for one in waits if one.index < 0]
            awaits = {"waits": [one.name for one in asked], "seen": min([one.seen for one in asked], default=0)}
            self.parking = {
                "sleeps": self.sleeps.left(),
                **({} if math.isinf(wake) else {"wake_in": wake}),
                **({"awaits": awaits} if asked else {}),
            }
        elif self.parking is None and self.sleeps.has_new:
            self.parking = {"sleeps": self.sleeps.left(), "wake_in": 0}
        raise Paused()

    def keep(self, state: Any) -> None:
        self.sleeps.checkpoint()
        self.store(checkpoint=state)

    def recall(self, name: str, occurrence: int) -> Optional[Dict[str, Any]]:
        """The stored step, if there is one. Read page by page, in the order in which unchanged code comes to them."""
        with self._recalling:
            while (name, occurrence) not in self._stored and self._after is not None:
                page = self._call("steps", {"after": self._after})
                for step in page["steps"]:
                    self._stored[step["name"], step["occurrence"]] = step
                self._after = page["next"]
            return self._stored.get((name, occurrence))

    def store_step(self, step: Dict[str, Any]) -> None:
        """Returns after the commit."""
        self._heard(self._call("beat", {"steps": [step]}))

    def look(self, wait: Dict[str, Any]) -> Dict[str, Any]:
        """How the wait is."""
        state: Dict[str, Any] = self._call("wait", wait)
        return state

    def _call(self, verb: str, body: Dict[str, Any]) -> Any:
        try:
            body = {"lease_token": self.token, **body}
            return self._transport.call("POST", f"/api/worker/{verb}", body, patience=_SETTLE_FOR)
        except FermataError as error:
            if error.code == "LEASE_LOST" and self._failed(error) and self.stop is not None:
                raise self.stop from None
            raise

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

    def leave(self) -> None:
        """The task continues in a later run. A checkpoint that is stored is not repeated: it would drop what was slept since."""
        self._end_beats()
        rest = {"checkpoint": self._pending.get("checkpoint")}
        if self.parking is None:
            self.settle("paused", rest)
        else:
            self.settle("park", {**self.parking, **rest})

    def settle(self, verb: str, body: Dict[str, Any]) -> None:
        """The last call about the task; the server answers a repeated one like the first."""
        self._end_beats()
        watching = self._watching
        if watching is not None:
            watching.close()
        if isinstance(self.stop, LeaseLost):
            return
        try:
            self._transport.call("POST", f"/api/worker/{verb}", {"lease_token": self.token, **body}, patience=_SETTLE_FOR)
        except FermataError as error:
            refused = error.status is not None and 400 <= error.status < 500 and error.status not in (408, 429)
            if refused and verb == "complete" and error.code != "LEASE_LOST":
                # A result that is too large: without an end, the task would run again and again.
                self.settle("fail", failure_of(error))
            else:
                self._trouble(f"task {self.claimed['task_id']} could not be settled: {error}")

    def _end_beats(self) -> None:
        if not self._ended.is_set():
            self._ended.set()
            self.flush()

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
        self._uses: Dict[Tuple[str, str], int] = {}

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

    def step(self, name: str, run: Callable[[Step], T], *, retries: int = 0) -> T:
        """
        Calls the function once, and stores its result, which is JSON, before it returns: later runs of the task get that result. A
        pause point. A failing function is called again up to ``retries`` times, after growing delays. Raises its last exception, and
        ``FermataError`` with ``TOO_LARGE`` or ``TOO_MANY_STEPS``.
        """
        step = StepCall(self.id, name, self._use("step", name), retries)
        self._run.pause_point()
        if step.found(self._run.recall(name, step.occurrence)):
            return step.result  # type: ignore[no-any-return]
        while True:
            try:
                step.ended(run(step.call()))
            except Exception as error:
                if self._run.stop is not None:
                    raise
                delay = step.failed(error)
                if delay is None:
                    self._run.store_step(step.report)
                    raise
                self._pass(time.monotonic() + delay)
            else:
                self._run.store_step(step.report)
                self._run.pause_point()
                return step.result  # type: ignore[no-any-return]

    def sleep(self, seconds: float) -> Any:
        """
        Sleeps; a pause point before, after and meanwhile. For more than a second, it raises ``Paused``: the run ends, and a later one,
        which starts from the checkpoint, comes back to this sleep and continues after it.
        """
        sleep = self._run.sleeps.begin(seconds)
        try:
            self._run.pause_point()
            if sleep.until - time.monotonic() > _SHORT_SLEEP:
                self._run.unwind([sleep])
            self._pass(sleep.until)
        finally:
            self._run.sleeps.end(sleep)

    def wait(
        self,
        name: str,
        *,
        schema: Optional[Dict[str, Any]] = None,
        message: Optional[str] = None,
        timeout: Union[float, str, None] = None,
    ) -> Any:
        """
        Waits until somebody answers, and returns the answer; one that is there is returned at once. Otherwise it raises ``Paused``,
        like a long sleep. ``schema``: a JSON schema that the answer must fit. ``message``: for people. ``timeout``: from the first run
        that comes to the wait, in seconds or as text such as ``"7d"``; then it raises ``TimeoutError``.
        """
        wait = WaitCall(name, self._use("wait", name), schema, message, timeout)
        while True:
            self._run.pause_point()
            if wait.seen(self._run.look(wait.request)):
                return wait.answer
            if wait.open.until - time.monotonic() > _SHORT_SLEEP:
                self._run.unwind([wait.open])
            self._pass(wait.open.until)

    def _pass(self, until: float) -> None:
        """Keeps the task until then."""
        while True:
            self._run.woken.clear()
            self._run.pause_point()
            left = until - time.monotonic()
            if left <= 0:
                return
            self._run.woken.wait(left)

    def _keep(self, state: Any) -> None:
        if state is not None:
            self._run.keep(state)

    def _use(self, kind: str, name: str) -> int:
        use = self._uses[kind, name] = self._uses.get((kind, name), 0) + 1
        return use


class AsyncTask(Task):
    """The same for a handler that is a coroutine: await ``checkpoint``, ``step``, ``sleep`` and ``wait``, also side by side."""

    def __init__(self, run: Run, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(run)
        self._loop = loop
        self._woken = asyncio.Event()
        run.on_wake = lambda: loop.call_soon_threadsafe(self._woken.set)
        #: Waits that are open, as the handler has last seen them.
        self._awaited: List[Open] = []
        self._last_call = time.monotonic()
        #: Functions of steps that are running; and steps and looks under way: the handler has something to do.
        self._calls = 0
        self._busy = 0

    async def checkpoint(self, state: Any = None) -> None:
        self._keep(state)
        self._last_call = time.monotonic()
        # Others get their turn.
        await asyncio.sleep(0)
        self._run.pause_point()

    async def step(  # type: ignore[override]
        self,
        name: str,
        run: Callable[[Step], Union[T, Awaitable[T]]],
        *,
        retries: int = 0,
        timeout: Optional[float] = None,
    ) -> T:
        """``timeout``: seconds that a call may take; then it counts as failed."""
        step = StepCall(self.id, name, self._use("step", name), retries)
        await self._pause_point()
        self._busy += 1
        try:
            stored = await self._threaded(lambda: self._run.recall(name, step.occurrence))
            while not step.found(stored):
                try:
                    step.ended(await self._call(run, step.call(), timeout))
                except Exception as error:
                    if self._run.stop is not None:
                        raise
                    delay = step.failed(error)
                    if delay is None:
                        await self._threaded(lambda: self._run.store_step(step.report))
                        raise
                    await self._idle(time.monotonic() + delay)
                else:
                    await self._threaded(lambda: self._run.store_step(step.report))
                    break
        finally:
            self._busy -= 1
            self._has_called()
        await self._pause_point()
        return step.result  # type: ignore[no-any-return]

    async def sleep(self, seconds: float) -> None:
        sleep = self._run.sleeps.begin(seconds)
        try:
            await self._pause_point()
            await self._idle(sleep.until, ends=sleep.until - time.monotonic() > _SHORT_SLEEP)
        finally:
            self._run.sleeps.end(sleep)

    async def wait(
        self,
        name: str,
        *,
        schema: Optional[Dict[str, Any]] = None,
        message: Optional[str] = None,
        timeout: Union[float, str, None] = None,
    ) -> Any:
        wait = WaitCall(name, self._use("wait", name), schema, message, timeout)
        try:
            while True:
                await self._pause_point()
                self._busy += 1
                try:
                    state = await self._threaded(lambda: self._run.look(wait.request))
                finally:
                    self._busy -= 1
                    self._has_called()
                if wait.seen(state):
                    return wait.answer
                if wait.open not in self._awaited:
                    self._awaited.append(wait.open)
                await self._idle(wait.open.until, ends=True, look=time.monotonic() + _LOOK_EVERY)
        finally:
            if wait.open in self._awaited:
                self._awaited.remove(wait.open)

    async def _call(
        self, run: Callable[[Step], Union[T, Awaitable[T]]], step: Step, timeout: Optional[float]
    ) -> Any:
        self._calls += 1
        try:
            result = run(step)
            return await asyncio.wait_for(result, timeout) if inspect.isawaitable(result) else result
        finally:
            self._calls -= 1
            self._has_called()

    async def _idle(self, until: float, *, ends: bool = False, look: float = math.inf) -> None:
        """Until then, or until it is time to look again. ``ends``: the run, once the handler has nothing else to do."""
        while True:
            self._woken.clear()
            if self._run.stop is not None:
                raise self._run.stop
            waits = self._run.sleeps.open + self._awaited
            if self._run.must_end and self._calls == 0:
                self._run.unwind(() if self._busy else waits)
            now = time.monotonic()
            if now >= min(until, look):
                return
            quiet = self._last_call + _QUIET_FOR - now if ends and self._busy == 0 else math.inf
            if quiet <= 0:
                # Whatever else waits ends too.
                self._woken.set()
                self._run.unwind(waits)
            try:
                await asyncio.wait_for(self._woken.wait(), min(until - now, look - now, quiet, 86_400))
            except asyncio.TimeoutError:
                pass

    async def _pause_point(self) -> None:
        """Not before the functions of steps have returned."""
        self._last_call = time.monotonic()
        while self._run.stop is None and self._run.must_end and self._calls > 0:
            self._woken.clear()
            await self._woken.wait()
        self._run.pause_point()

    def _has_called(self) -> None:
        self._last_call = time.monotonic()
        self._woken.set()

    def _threaded(self, call: Callable[[], T]) -> Awaitable[T]:
        return self._loop.run_in_executor(None, call)


class StepCall:
    """One use of a step in a run."""

    def __init__(self, task_id: str, name: str, occurrence: int, retries: int) -> None:
        self.occurrence = occurrence
        self.result: Any = None
        #: What is stored about it.
        self.report: Dict[str, Any] = {"name": name, "occurrence": occurrence}
        self._key = f"{task_id}:{name}:{occurrence}"
        self._retries = retries
        self._attempts = 0
        self._failures = 0
        self._began = time.monotonic()

    def found(self, stored: Optional[Dict[str, Any]]) -> bool:
        """Whether it was completed before."""
        if stored is None:
            return False
        self._attempts = stored["attempts"]
        self.result = stored["result"]
        return bool(stored["status"] == "completed")

    def call(self) -> Step:
        self._attempts += 1
        return Step(self._key, self._attempts)

    def ended(self, result: Any) -> None:
        """Raises ``TypeError`` or ``ValueError`` for a result that is no JSON value."""
        # As a later run gets it.
        self.result = json.loads(json.dumps(result, allow_nan=False))
        self._tell(result=self.result)

    def failed(self, error: Exception) -> Optional[float]:
        """Seconds until the next call; None if it was the last."""
        failure = failure_of(error)
        self._failures += 1
        self._tell(error=failure["error"])
        if self._failures > self._retries or not failure["retryable"]:
            return None
        return min(_LONGEST_STEP_DELAY, _STEP_DELAY * 2.0 ** min(60, self._failures - 1))

    def _tell(self, **how: Any) -> None:
        self.report.update(attempts=self._attempts, took=time.monotonic() - self._began, **how)
        if "result" in how:
            self.report.pop("error", None)


class WaitCall:
    """One use of a wait in a run."""

    def __init__(
        self,
        name: str,
        occurrence: int,
        schema: Optional[Dict[str, Any]],
        message: Optional[str],
        timeout: Union[float, str, None],
    ) -> None:
        self.answer: Any = None
        self.open = Open(math.inf, name=name)
        self._asked = {"name": name, "occurrence": occurrence, "schema": schema, "message": message, "timeout": timeout}

    @property
    def request(self) -> Dict[str, Any]:
        return {**self._asked, "timed_out": time.monotonic() >= self.open.until}

    def seen(self, state: Dict[str, Any]) -> bool:
        """Whether it has its answer. Raises ``TimeoutError``."""
        if state["status"] == "timed_out":
            raise TimeoutError(f"nobody has answered the wait {self.open.name!r} in time")
        if state["status"] == "answered":
            self.answer = state["answer"]
            return True
        self.open.seen = state["seen"]
        self.open.until = math.inf if state["left"] is None else time.monotonic() + state["left"]
        return False


def failure_of(error: BaseException) -> Dict[str, Any]:
    code = getattr(error, "code", None)
    failure: Dict[str, Any] = {"error": {"message": str(error) or type(error).__name__}}
    failure["error"]["code"] = code if isinstance(code, str) and code.isidentifier() else type(error).__name__
    failure["retryable"] = getattr(error, "retryable", True) is not False
    return failure
