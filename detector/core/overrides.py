"""What one account is allowed beside its plan: commands of sales in, the allowance in force at a time out."""

from collections.abc import Mapping, Sequence

import msgspec

OVERRIDES_MAX = 100
"""Kept of each limit of an account, the newest: a late event of before the oldest of them is judged by the plan alone."""


class Override(msgspec.Struct, array_like=True, frozen=True):
    """In force from `since` (partition time, epoch ms) until the next one of its limit. `allowed` None: there is no cap.

    `removed`: from then on what the plan allows counts again.
    """

    since: int
    allowed: float | None = None
    removed: bool = False


def override_at(overrides: Mapping[str, Sequence[Override]], limit: str, t: int) -> Override | None:
    """The override of `limit` in force at `t` (epoch ms); None: what the plan allows counts. `overrides`: oldest first."""
    for each in reversed(overrides.get(limit, ())):
        if each.since <= t:
            return None if each.removed else each
    return None
