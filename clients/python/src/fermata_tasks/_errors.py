from __future__ import annotations

from typing import Any, Dict, List, Optional


class FermataError(Exception):
    """An error of a call. Base program logic on ``code``, which is stable."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: Optional[int] = None,
        errors: Optional[List[Dict[str, Any]]] = None,
        request_id: Optional[str] = None,
        retry_after: Optional[float] = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        #: What went wrong, as a sentence.
        self.detail = detail
        #: Of the HTTP response; None if there was none.
        self.status = status
        #: What is invalid, and where.
        self.errors = errors or []
        #: The id of the call in the log of the server.
        self.request_id = request_id
        #: Seconds after which the server accepts a retry.
        self.retry_after = retry_after


class TaskFailed(FermataError):
    """The task whose result was awaited failed. ``error`` has its ``code`` and ``message``."""

    def __init__(self, task_id: str, error: Dict[str, Any]) -> None:
        super().__init__("TASK_FAILED", f"Task {task_id} failed: {error.get('message')}")
        self.error = error


class TaskCancelled(FermataError):
    """The task whose result was awaited was cancelled."""

    def __init__(self, task_id: str) -> None:
        super().__init__("CANCELLED", f"Task {task_id} was cancelled.")
