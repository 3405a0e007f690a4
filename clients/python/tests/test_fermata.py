"""
Against a real server that was started with ``--tasks test/fixtures/waits.ts``:
``FERMATA_URL=http://127.0.0.1:8000 python3 -m unittest discover -s tests``.
"""

import asyncio
import os
import threading
import time
import unittest
import uuid

from fermata_tasks import AsyncClient, Cancelled, Client, FermataError, Paused, TaskCancelled, TaskFailed, Worker
from fermata_tasks._worker import schema_of

URL = os.environ.get("FERMATA_URL", "http://localhost:8000")
MINUTE = 60.0


def until(what, find):
    end = time.monotonic() + MINUTE
    while time.monotonic() < end:
        found = find()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within a minute: {what}")


class ClientTest(unittest.TestCase):
    def setUp(self):
        self.client = Client(URL, patience=MINUTE)
        self.addCleanup(self.client.close)

    def test_a_result(self):
        task = self.client.submit("add", {"a": 2, "b": 3}, tags=["python"])
        self.assertEqual(task.result(timeout=MINUTE), 5)
        self.assertEqual(task.status(), "completed")
        self.assertEqual(task.info()["tags"], ["python"])
        self.assertIn(task.id, [one["task_id"] for one in self.client.tasks(tag="python", limit=1)])
        self.assertIn("add", self.client.types())

    def test_pause_resume_and_progress(self):
        task = self.client.submit("long", {"duration": 2, "steps": 100})
        until("it reports progress", task.progress)
        self.assertEqual(task.pause("lunch", wait=MINUTE), "paused")
        with self.assertRaises(TimeoutError):
            task.result(timeout=0.1)
        self.assertIn(task.resume(wait=MINUTE), ("running", "queued"))
        self.assertIsNotNone(task.result(timeout=MINUTE))
        self.assertEqual(task.progress().ratio, 1)

    def test_cancel(self):
        task = self.client.submit("long", {"duration": 60})
        self.assertEqual(task.cancel(wait=MINUTE), "cancelled")
        self.assertEqual(task.cancel(), "cancelled")
        with self.assertRaises(TaskCancelled):
            task.result()

    def test_errors(self):
        with self.assertRaises(FermataError) as refused:
            self.client.submit("add", {"a": "x"})
        self.assertEqual(refused.exception.code, "PARAMETERS_INVALID")
        self.assertTrue(refused.exception.errors)
        with self.assertRaises(FermataError) as unknown:
            self.client.task("00000000-0000-7000-8000-000000000000").status()
        self.assertEqual(unknown.exception.status, 404)
        with self.assertRaises(FermataError) as gone:
            Client("http://127.0.0.1:1", patience=0).types()
        self.assertEqual(gone.exception.code, "SERVER_UNREACHABLE")

    def test_many_tasks_and_an_idempotency_key(self):
        handles = self.client.submit_many("add", [{"a": n, "b": 1} for n in range(5)])
        self.assertEqual([handle.result(timeout=MINUTE) for handle in handles], [1, 2, 3, 4, 5])
        key = uuid.uuid4().hex
        first, again = (self.client.submit("add", {"a": 1, "b": 1}, idempotency_key=key) for _ in range(2))
        self.assertEqual(first.id, again.id)

    def open_wait(self, task):
        return until("it asks", lambda: next((one for one in task.waits() if one["status"] == "open"), None))

    def test_answers(self):
        task = self.client.submit("waits-inline")
        asked = self.open_wait(task)
        self.assertEqual((asked["name"], asked["message"]), ("first", "Ship it?"))
        self.assertIn(task.id, [one["task_id"] for one in self.client.waits(status="open", limit=1)])
        with self.assertRaises(FermataError) as refused:
            task.answer("first", {"approved": "perhaps"})
        self.assertEqual(refused.exception.code, "ANSWER_INVALID")
        self.client.answer(asked["token"], {"approved": True}, reason="it is fine")
        with self.assertRaises(FermataError) as late:
            self.client.answer(asked["token"], {"approved": False})
        self.assertEqual(late.exception.code, "WAIT_ANSWERED")
        self.assertEqual(task.answer("second", [1])["status"], "answered")
        self.assertEqual(task.result(timeout=MINUTE), [{"approved": True}, [1], {"timedOut": True}])

    def test_asyncio_answers(self):
        async def go():
            async with AsyncClient(URL, patience=MINUTE) as client:
                task = await client.submit("waits-inline")
                asked = await asyncio.get_running_loop().run_in_executor(
                    None, lambda: self.open_wait(self.client.task(task.id))
                )
                await client.answer(asked["token"], {"approved": False})
                await task.answer("second", None)
                result = await task.result(timeout=MINUTE)
                return result, [wait["name"] async for wait in task.waits()]

        result, names = asyncio.run(go())
        self.assertEqual(result, [{"approved": False}, None, {"timedOut": True}])
        self.assertEqual(names, ["first", "second", "never"])

    def test_asyncio(self):
        async def go():
            async with AsyncClient(URL, patience=MINUTE) as client:
                tasks = [await client.submit("add", {"a": n, "b": n}) for n in range(3)]
                results = await asyncio.gather(*(task.result(timeout=MINUTE) for task in tasks))
                slow = await client.submit("long", {"duration": 60})
                paused = await slow.pause(wait=MINUTE)
                cancelled = await slow.cancel(wait=MINUTE)
                listed = [task["task_id"] async for task in client.tasks(limit=1, type="long", status="cancelled")]
                return results, paused, cancelled, slow.id in listed

        self.assertEqual(asyncio.run(go()), ([0, 2, 4], "paused", "cancelled", True))


class WorkerTest(unittest.TestCase):
    """Handlers in this process."""

    def setUp(self):
        self.client = Client(URL, patience=MINUTE)
        self.addCleanup(self.client.close)
        self.workers = []

    def tearDown(self):
        for worker, thread in self.workers:
            worker.stop()
            thread.join(MINUTE)
            self.assertFalse(thread.is_alive())

    def start(self, worker, type):
        thread = threading.Thread(target=worker.run)
        thread.start()
        self.workers.append((worker, thread))
        until("its type is known", lambda: type in self.client.types())

    def worker(self, **options):
        return Worker(URL, **options), f"py-{uuid.uuid4().hex[:8]}"

    def test_results_types_and_failures(self):
        worker, type = self.worker(concurrency=3)

        class NoSound(Exception):
            code = "NO_SOUND"
            retryable = False

        @worker.task(type, max_attempts=3)
        def handle(task, what: str, times: int = 1):
            """Repeats."""
            task.log("will do", what)
            task.progress(1, 2, "half")
            if what == "silence":
                raise NoSound("nothing to hear")
            if what == "set":
                return {1, 2}
            return what * times

        self.start(worker, type)
        described = self.client.types()[type]
        self.assertEqual(described["description"], "Repeats.")
        self.assertEqual(described["runs"], "remote")
        with self.assertRaises(FermataError):
            self.client.submit(type, {"times": 2})
        task = self.client.submit(type, {"what": "a", "times": 3})
        self.assertEqual(task.result(timeout=MINUTE), "aaa")
        self.assertEqual(task.logs(), ["will do a"])
        self.assertEqual(task.progress().message, "half")
        with self.assertRaises(TaskFailed) as failed:
            self.client.submit(type, {"what": "silence"}).result(timeout=MINUTE)
        self.assertEqual(failed.exception.error["code"], "NO_SOUND")
        with self.assertRaises(TaskFailed) as failed:
            self.client.submit(type, {"what": "set"}).result(timeout=MINUTE)
        self.assertEqual(failed.exception.error["code"], "NOT_JSON")

    def test_a_pause_continues_from_the_checkpoint(self):
        worker, type = self.worker()
        runs = []

        @worker.task(type)
        def count(task, to: int):
            runs.append(task.state or 0)
            n = task.state or 0
            while n < to or not go_on.is_set():
                task.checkpoint(n)
                task.progress(n, to)
                n += 1
                task.sleep(0.01)
            return "done"

        go_on = threading.Event()
        self.start(worker, type)
        task = self.client.submit(type, {"to": 10})
        until("it counts", lambda: (task.progress() or (0,))[0] > 2)
        self.assertEqual(task.pause(wait=MINUTE), "paused")
        self.assertGreater(task.details()["checkpoint"], 2)
        go_on.set()
        task.resume()
        self.assertEqual(task.result(timeout=MINUTE), "done")
        self.assertEqual(runs[0], 0)
        self.assertGreater(runs[1], 2)
        self.assertEqual(task.details()["attempt"], 1)

    def test_a_cancel_stops_sync_and_async_handlers(self):
        worker, type = self.worker(concurrency=2)
        ended = []

        @worker.task(type)
        def forever(task):
            try:
                while True:
                    task.sleep(0.5)
            except Exception:
                ended.append("an exception")
            except Cancelled:
                ended.append("cancelled")
                raise

        @worker.task(f"{type}-async")
        async def forever_async(task):
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

        self.start(worker, type)
        for name in (type, f"{type}-async"):
            task = self.client.submit(name)
            until("it runs", lambda: task.status() == "running")
            self.assertEqual(task.cancel(wait=MINUTE), "cancelled")
            self.assertEqual(task.info()["ended_by"], "cooperative")
        until("both have ended", lambda: ended == ["cancelled", "cancelled"])

    def test_coroutines_pause_and_share_a_loop(self):
        worker, type = self.worker(concurrency=8)

        @worker.task(type)
        async def handle(task, seconds: float):
            await task.checkpoint({"slept": False})
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                await task.sleep(0.05)
            return asyncio.get_running_loop() is not None

        self.start(worker, type)
        tasks = [self.client.submit(type, {"seconds": 0.1}) for _ in range(8)]
        self.assertEqual([task.result(timeout=MINUTE) for task in tasks], [True] * 8)
        slow = self.client.submit(type, {"seconds": 600})
        until("it runs", lambda: slow.status() == "running")
        self.assertEqual(slow.pause(wait=MINUTE), "paused")
        self.assertEqual(slow.details()["checkpoint"], {"slept": False})
        slow.cancel()

    def test_a_stopped_worker_gives_its_tasks_back(self):
        worker, type = self.worker()

        @worker.task(type)
        def handle(task):
            task.checkpoint({"at": 1})
            while True:
                task.sleep(0.5)

        self.start(worker, type)
        task = self.client.submit(type)
        until("it runs", lambda: task.status() == "running")
        worker.stop()
        until("it is queued again", lambda: task.status() == "queued")
        details = task.details()
        self.assertEqual((details["checkpoint"], details["crashes"]), ({"at": 1}, 0))
        task.cancel()


    def test_steps_run_once_and_their_results_are_kept(self):
        worker, type = self.worker()
        calls = []

        @worker.task(type, max_attempts=2)
        def order(task):
            def pay(step):
                calls.append((step.idempotency_key, step.attempt))
                if step.attempt == 1:
                    raise ValueError("declined")
                return {"id": 7, "items": ("a", "b")}

            charge = task.step("pay", pay, retries=1)
            second = task.step("pay", lambda step: step.attempt)
            if task.attempt == 1:
                raise ValueError("the first attempt fails")
            return [charge, second]

        self.start(worker, type)
        task = self.client.submit(type, {}, backoff=0.1)
        self.assertEqual(task.result(timeout=MINUTE), [{"id": 7, "items": ["a", "b"]}, 1])
        self.assertEqual(calls, [(f"{task.id}:pay:1", 1), (f"{task.id}:pay:1", 2)])
        steps = self.client.call("GET", f"/api/task/{task.id}/steps")["steps"]
        self.assertEqual([(one["name"], one["occurrence"], one["attempts"]) for one in steps], [("pay", 1, 2), ("pay", 2, 1)])

    def test_a_failing_step_fails_the_attempt_and_a_result_must_be_json(self):
        worker, type = self.worker()

        @worker.task(type)
        def order(task, what: str):
            if what == "result":
                return "x" * 11_000_000
            if what == "large":
                task.step("large", lambda step: "x" * 1_100_000)
            task.step("set", lambda step: {1, 2})

        self.start(worker, type)
        for what, code in (("set", "TypeError"), ("large", "TOO_LARGE"), ("result", "TOO_LARGE")):
            with self.assertRaises(TaskFailed) as failed:
                self.client.submit(type, {"what": what}).result(timeout=MINUTE)
            self.assertEqual(failed.exception.error["code"], code)

    def test_sleeps_and_waits_free_the_worker(self):
        worker, type = self.worker()
        runs = []

        @worker.task(type)
        def order(task):
            runs.append(task.fence)
            task.sleep(1.5)
            approved = task.wait("approval", schema={"type": "boolean"}, message="Ship it?")
            try:
                task.wait("never", timeout=0.2)
            except TimeoutError:
                return approved

        self.start(worker, type)
        tasks = [self.client.submit(type) for _ in range(3)]
        # All sleep at once in a worker that runs one task.
        until("all sleep", lambda: all(task.status() == "waiting" for task in tasks))
        asked = [until("it asks", lambda: next(iter(task.waits()), None)) for task in tasks]
        with self.assertRaises(FermataError) as refused:
            self.client.answer(asked[0]["token"], "perhaps")
        self.assertEqual(refused.exception.code, "ANSWER_INVALID")
        for wait in asked:
            self.client.answer(wait["token"], True)
        self.assertEqual([task.result(timeout=MINUTE) for task in tasks], [True] * 3)
        self.assertEqual(tasks[0].details()["attempt"], 1)

    def test_an_early_answer_is_taken_at_once_and_a_waiting_task_can_be_cancelled(self):
        worker, type = self.worker()

        @worker.task(type)
        def order(task):
            return task.wait("approval")

        self.start(worker, type)
        worker.stop()
        until("it has stopped", lambda: worker.running == 0)
        early = self.client.submit(type)
        early.answer("approval", {"by": "ada"})
        again = Worker(URL)
        again.task(type)(order)
        self.start(again, type)
        self.assertEqual(early.result(timeout=MINUTE), {"by": "ada"})
        self.assertNotIn("wait_started", [one["event"] for one in early.details()["timeline"]])
        cancelled = self.client.submit(type)
        until("it waits", lambda: cancelled.status() == "waiting")
        self.assertEqual(cancelled.cancel(wait=MINUTE), "cancelled")

    def test_coroutines_wait_side_by_side_beside_a_running_step(self):
        worker, type = self.worker(concurrency=4)
        calls = []

        @worker.task(type)
        async def order(task):
            async def work(step):
                calls.append(step.attempt)
                await asyncio.sleep(0.6)
                return "worked"

            async def fail(step):
                await asyncio.sleep(600)

            with self.assertRaises(asyncio.TimeoutError):
                await task.step("late", fail, timeout=0.05)
            return await asyncio.gather(
                task.step("work", work), task.wait("a"), task.wait("b"), task.sleep(1.2), task.sleep(1.4)
            )

        self.start(worker, type)
        task = self.client.submit(type)
        until("it waits", lambda: task.status() == "waiting")
        self.assertEqual(calls, [1])
        self.assertEqual({wait["name"] for wait in task.waits()}, {"a", "b"})
        task.answer("b", 2)
        task.answer("a", 1)
        self.assertEqual(task.result(timeout=MINUTE), ["worked", 1, 2, None, None])
        self.assertEqual(calls, [1])

    def test_a_pause_keeps_what_was_slept(self):
        worker, type = self.worker()
        slept = []

        @worker.task(type)
        def order(task):
            for round in range(2):
                task.sleep(1.2)
                slept.append(round)
            while not go_on.is_set():
                task.sleep(0.05)
            return slept

        go_on = threading.Event()
        self.start(worker, type)
        task = self.client.submit(type)
        until("it has slept", lambda: 1 in slept and task.status() == "running")
        self.assertEqual(task.pause(wait=MINUTE), "paused")
        go_on.set()
        count = len([one for one in task.details()["timeline"] if one["event"] == "sleep_started"])
        task.resume()
        task.result(timeout=MINUTE)
        self.assertEqual(len([one for one in task.details()["timeline"] if one["event"] == "sleep_started"]), count)


class SchemaTest(unittest.TestCase):
    def test_a_signature_becomes_a_schema(self):
        def handler(task, file: str, width: int = 800, ratio: float = 1, deep: bool = False, tags: list = ()):
            pass

        schema = schema_of(handler)
        self.assertEqual(schema["required"], ["file"])
        self.assertEqual(schema["properties"]["width"], {"type": "integer", "default": 800})
        self.assertFalse(schema["additionalProperties"])

        def anything(task, **parameters):
            pass

        self.assertEqual(schema_of(anything), {"type": "object", "properties": {}})

    def test_signals_are_no_exceptions(self):
        self.assertFalse(issubclass(Paused, Exception))
        self.assertFalse(issubclass(Cancelled, Exception))


if __name__ == "__main__":
    unittest.main()
