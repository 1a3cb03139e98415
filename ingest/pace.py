"""How much a key may send, and each address with it, to this process: what was sent in; how long to wait out."""

import threading

from ingest.core.rate import Rates, network_of
from ingest.store import StoredWriteKey


class Pace:
    """`now` is in epoch ms. From any thread."""

    def __init__(self) -> None:
        self._keys = Rates[str]()
        self._addresses = Rates[tuple[str, str]]()
        self._turn = threading.Lock()

    def wait_s(self, key: StoredWriteKey, address: str, now: int) -> int:
        """0: it may send now; else after so many seconds."""
        if key.events_per_s is None and key.address_events_per_s is None:
            return 0
        wait = 0
        with self._turn:
            if key.events_per_s is not None:
                wait = self._keys.wait_s(key.id, key.events_per_s, now / 1000)
            if key.address_events_per_s is not None:
                who = key.id, network_of(address)
                wait = max(wait, self._addresses.wait_s(who, key.address_events_per_s, now / 1000))
        return wait

    def sent(self, key: StoredWriteKey, address: str, now: int, events: int) -> None:
        if key.events_per_s is None and key.address_events_per_s is None:
            return
        with self._turn:
            if key.events_per_s is not None:
                self._keys.sent(key.id, key.events_per_s, now / 1000, events)
            if key.address_events_per_s is not None:
                self._addresses.sent((key.id, network_of(address)), key.address_events_per_s, now / 1000, events)
