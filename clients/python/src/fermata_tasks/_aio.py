from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, AsyncIterator, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, TypeVar

from ._client import Client, Handle, Progress

T = TypeVar("T")

#: Calls at once; more wait for one of them.
_AT_ONCE = 64


class AsyncClient:
    """The same as ``Client``, for asyncio: ``async with AsyncClient(url) as client``. Each call runs in a thread."""

    def __init__(
        self,
        url: str = "http://localhost:8000",
        key: Optional[str] = None,
        *,
        timeout: float = 30,
        patience: float = 10,
    ) -> None:
        self._client = Client(url, key, timeout=timeout, patience=patience)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fermata")

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._threads.shutdown(wait=False)
        self._client.close()

    @property
    def url(self) -> str:
        return self._client.url

    async def submit(self, type: str, parameters: Optional[Mapping[str, Any]] = None, **options: Any) -> AsyncHandle:
        return AsyncHandle(self, await self._run(lambda: self._client.submit(type, parameters, **options)))

    async def submit_many(self, type: str, list: Sequence[Mapping[str, Any]], **options: Any) -> List[AsyncHandle]:
        handles = await self._run(lambda: self._client.submit_many(type, list, **options))
        return [AsyncHandle(self, handle) for handle in handles]

    def task(self, task_id: str) -> AsyncHandle:
        return AsyncHandle(self, self._client.task(task_id))

    def tasks(self, **filters: Any) -> AsyncIterator[Dict[str, Any]]:
        return self._each(self._client.tasks(**filters))

    def waits(self, **filters: Any) -> AsyncIterator[Dict[str, Any]]:
        return self._each(self._client.waits(**filters))

    async def answer(self, token: str, answer: Any, reason: Optional[str] = None) -> Dict[str, Any]:
        return await self._run(lambda: self._client.answer(token, answer, reason))

    async def types(self) -> Dict[str, Dict[str, Any]]:
        return await self._run(self._client.types)

    async def call(
        self, method: str, path: str, body: Any = None, *, query: Optional[Mapping[str, Any]] = None, wait: float = 0
    ) -> Any:
        return await self._run(lambda: self._client.call(method, path, body, query=query, wait=wait))

    async def _each(self, found: Iterator[T]) -> AsyncIterator[T]:
        while True:
            one = await self._run(lambda: next(found, None))
            if one is None:
                return
            yield one

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


class AsyncHandle:
    """One task, for asyncio."""

    def __init__(self, client: AsyncClient, handle: Handle) -> None:
        self._run = client._run
        self._each = client._each
        self._handle = handle
        self.id = handle.id

    def __repr__(self) -> str:
        return f"AsyncHandle({self.id!r})"

    async def status(self) -> str:
        return await self._run(self._handle.status)

    async def info(self) -> Dict[str, Any]:
        return await self._run(self._handle.info)

    async def details(self) -> Dict[str, Any]:
        return await self._run(self._handle.details)

    async def progress(self) -> Optional[Progress]:
        return await self._run(self._handle.progress)

    async def logs(self) -> List[str]:
        return await self._run(self._handle.logs)

    async def result(self, timeout: Optional[float] = None) -> Any:
        return await self._run(lambda: self._handle.result(timeout))

    async def pause(self, reason: Optional[str] = None, wait: float = 2) -> str:
        return await self._run(lambda: self._handle.pause(reason, wait))

    async def resume(self, reason: Optional[str] = None, wait: float = 2) -> str:
        return await self._run(lambda: self._handle.resume(reason, wait))

    async def cancel(self, reason: Optional[str] = None, wait: float = 2) -> str:
        return await self._run(lambda: self._handle.cancel(reason, wait))

    async def retry(self, reason: Optional[str] = None) -> str:
        return await self._run(lambda: self._handle.retry(reason))

    def waits(self) -> AsyncIterator[Dict[str, Any]]:
        return self._each(self._handle.waits())

    async def answer(self, name: str, answer: Any, reason: Optional[str] = None) -> Dict[str, Any]:
        return await self._run(lambda: self._handle.answer(name, answer, reason))

    async def explain(self) -> List[str]:
        return await self._run(self._handle.explain)
