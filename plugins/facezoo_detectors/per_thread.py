"""OpenCV's detectors keep state between calls: each thread gets its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class PerThread:
    """Calls ``make`` once per thread and keeps what it gives. A copy or a pickle starts empty and makes anew."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._local = threading.local()

    def __call__(self) -> Any:
        if not hasattr(self._local, "made"):
            self._local.made = self._make()
        return self._local.made

    def __getstate__(self) -> Callable[[], Any]:
        return self._make

    def __setstate__(self, make: Callable[[], Any]) -> None:
        self.__init__(make)
