"""Onboarding at a moment: which steps were seen, and whether all of them soon enough."""

from detector.core.instants import NEVER
from detector.core.measures.keys import step_key
from detector.core.measures.moment import Moment
from detector.core.rulebook.model import Onboarding


class OnboardingReader:
    """Steps in any order; a step counts from its first sight."""

    def __init__(self, onboarding: Onboarding) -> None:
        self._within_ms = onboarding.within_ms
        self._keys = {step: step_key(selector) for step, selector in onboarding.steps.items()}

    def done(self, moment: Moment) -> bool:
        firsts, times = moment.facts.milestones.firsts, []
        for key in self._keys.values():
            seen = firsts.get(key)
            if seen is None or seen[0] > moment.t:
                return False
            times.append(seen[0])
        return bool(times) and (self._within_ms is None or max(times) - min(times) <= self._within_ms)

    def next(self, moment: Moment) -> int:
        """The first instant after the moment at which a step is seen for the first time."""
        firsts = (moment.facts.milestones.firsts.get(key) for key in self._keys.values())
        return min((first[0] for first in firsts if first is not None and first[0] > moment.t), default=NEVER)

    def _seen(self, moment: Moment) -> dict[str, tuple[int, str]]:
        firsts = moment.facts.milestones.firsts
        found = {step: firsts.get(key) for step, key in self._keys.items()}
        return {step: first for step, first in found.items() if first is not None and first[0] <= moment.t}

    def steps_done(self, moment: Moment) -> int:
        return len(self._seen(moment))

    @property
    def steps(self) -> int:
        return len(self._keys)

    def missing(self, moment: Moment) -> list[str]:
        seen = self._seen(moment)
        return [step for step in self._keys if step not in seen]

    def took(self, moment: Moment) -> int | None:
        """Milliseconds from the first step to the last; None while steps are missing."""
        times = [first[0] for first in self._seen(moment).values()]
        return max(times) - min(times) if times and len(times) == len(self._keys) else None

    def ids(self, moment: Moment, number: int) -> list[str]:
        """The messages that completed each step, newest first."""
        seen = sorted(self._seen(moment).values(), reverse=True)
        return list(dict.fromkeys(message_id for _, message_id in seen))[:number]
