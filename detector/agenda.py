"""Who is due when: (project, name) and a time in, those whose time has come out, by time and then by name."""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

Key = tuple[str, str]


class Agenda:
    """Each key stands in it once, at the earliest time that was asked for; `due` may be too early, never too late."""

    def __init__(self, entries: Iterable[tuple[int, str, str]] = ()) -> None:
        """`entries`: (due, project, name), partition time in epoch ms."""
        self._heap = list(entries)
        self._due: dict[Key, int] = {(project, name): due for due, project, name in self._heap}
        heapify(self._heap)

    def schedule(self, key: Key, due: int) -> bool:
        """False: it stands there already, at that time or an earlier one."""
        known = self._due.get(key)
        if known is not None and known <= due:
            return False
        self._due[key] = due
        heappush(self._heap, (due, *key))
        return True

    def due(self, key: Key) -> int | None:
        return self._due.get(key)

    @property
    def first(self) -> int | None:
        """The earliest time."""
        heap = self._heap
        while heap and self._due.get(heap[0][1:]) != heap[0][0]:
            heappop(heap)  # it was asked for an earlier time since, or taken
        return heap[0][0] if heap else None

    def take(self, time: int, most: int) -> list[tuple[int, Key]]:
        """(due, key) of the first `most` whose time has come at `time`; they are removed."""
        taken: list[tuple[int, Key]] = []
        while len(taken) < most and (first := self.first) is not None and first <= time:
            due, *name = heappop(self._heap)
            key = (name[0], name[1])
            del self._due[key]
            taken.append((due, key))
        return taken

    def coming(self, time: int, most: int) -> list[Key]:
        """The first `most` whose time has come at `time`; they stay."""
        taken = self.take(time, most)
        for due, key in taken:
            self.schedule(key, due)
        return [key for _, key in taken]
