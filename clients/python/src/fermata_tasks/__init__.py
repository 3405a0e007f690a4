"""Client and workers for Fermata. Has no dependencies; Python 3.9 or newer."""

from ._aio import AsyncClient, AsyncHandle
from ._client import Client, Handle, Progress
from ._errors import FermataError, TaskCancelled, TaskFailed
from ._task import Cancelled, LeaseLost, Paused, Step, Task
from ._worker import Worker

__all__ = [
    "AsyncClient",
    "AsyncHandle",
    "Cancelled",
    "Client",
    "FermataError",
    "Handle",
    "LeaseLost",
    "Paused",
    "Progress",
    "Step",
    "Task",
    "TaskCancelled",
    "TaskFailed",
    "Worker",
]
