"""A bounded queue in which whoever has much waiting does not keep others waiting."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Items by their owner; owners are served in turn. Full, it gives up the newest item of whoever has most."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: OrderedDict[Hashable, deque[Item]] = OrderedDict()
        self._count = 0
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return self._count

    def put(self, owner: Hashable, item: Item) -> Item | None:
        """Queue an item; returns the one that is given up, which may be this one, or None."""
        given_up = None
        if self._count >= self._most:
            greedy = max(self._waiting, key=lambda one: len(self._waiting[one]))
            if len(self._waiting.get(owner, ())) >= len(self._waiting[greedy]):
                return item
            given_up = self._waiting[greedy].pop()
            self._count -= 1
            if not self._waiting[greedy]:
                del self._waiting[greedy]
        self._waiting.setdefault(owner, deque()).append(item)
        self._count += 1
        self._filled.set()
        return given_up

    def take(self, most: int) -> list[Item]:
        """Up to so many items: the oldest of each owner in turn. Whoever was served stands last."""
        taken: list[Item] = []
        while self._waiting and len(taken) < most:
            owner, items = self._waiting.popitem(last=False)
            taken.append(items.popleft())
            if items:
                self._waiting[owner] = items
        self._count -= len(taken)
        return taken

    async def wait(self) -> None:
        """Return when something waits."""
        while not self._count:
            self._filled.clear()
            await self._filled.wait()
