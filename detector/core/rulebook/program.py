"""A compiled rulebook: what folding and judging ask."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from detector.core.drops import Drops
from detector.core.measures.moment import Moment
from detector.core.measures.onboarding import OnboardingReader
from detector.core.measures.plan import Ladder
from detector.core.measures.score import ScoreReader
from detector.core.measures.sink import Sink
from detector.core.measures.usage import LimitReader
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.model import LeadType, Rulebook
from detector.core.rulebook.reactions import Reactions
from detector.core.rulebook.values import Value
from detector.core.suppression import Suppression

_DAY_MS = 86_400_000
_LEAD_TYPE_DEFAULT = LeadType("", "sales", _DAY_MS, ())


@dataclass(frozen=True, slots=True)
class Kept:
    """What former versions kept, and what is kept on for a while. `traits`: `account.employees`, `person.title`."""

    sinks: tuple[Sink, ...] = ()
    traits: frozenset[str] = frozenset()
    acting: bool = False


KEPT_NOTHING = Kept()


@dataclass(frozen=True, slots=True)
class Program:
    """One rulebook version, ready to fold and to judge. Immutable; shared by all accounts of a project."""

    rulebook: Rulebook
    version: int
    ladder: Ladder
    person_traits: frozenset[str]
    account_traits: frozenset[str]
    judged: Mapping[str, Judged]
    reactions: Reactions
    values: Mapping[str, Value]
    limits: Mapping[str, LimitReader]
    features: Mapping[str, str]
    onboarding: OnboardingReader | None
    close_won: Callable[[Moment], bool | None]
    close_lost: Callable[[Moment], bool | None]
    closes_at_plans_only: bool
    """Whether leads are closed where the plan goes up or down, and so by no other event in order."""
    lateness_ms: int
    """An event that is later than this is too late for some rule."""
    suppression: Suppression
    drops: Drops | None
    strength: Mapping[str, int]
    """Lead type -> place in the order, 0 is the strongest."""
    score: ScoreReader | None
    followers: tuple[Judged, ...]
    """What looks at the signals of other rules; `judged` has them behind these."""
    segments: Mapping[str, Callable[[Moment], bool | None]]
    sinks: tuple[Sink, ...]
    """Its own."""
    acting: str | None
    """The key under which it is kept who acted, if that is."""
    keys: frozenset[str]
    """Of all facts that it needs, traits (`account.employees`), and its rules."""
    keeps: frozenset[str]
    """Of all facts that it keeps, those of former versions too."""
    anew: Mapping[str, int]
    """Key -> the version with which it began, if that was not always."""
    filled: Mapping[str, int]
    """Key -> the version for which the log was read again for its facts, if it was."""

    @property
    def newest_filled(self) -> int:
        """The newest version for which the log was read again; 0: for none."""
        return max(self.filled.values(), default=0)

    @property
    def asks_everybody(self) -> bool:
        """Whether this version switched rules on that may say something of accounts to which nothing happens."""
        started = (each for each in self.judged.values() if each.start is not None and each.start.version == self.version)
        started = (each for each in started if not each.waits)  # everybody will be asked when they no longer do
        return any(each.rule.on_enable.mode != "baseline" or each.moves_at(0) for each in started)

    def lead_type(self, name: str) -> LeadType:
        place = self.strength.get(name)
        return _LEAD_TYPE_DEFAULT if place is None else self.rulebook.lead_types[place]

    def is_for_product(self, lead_type: str) -> bool:
        """Such leads are apart: neither these nor those for people take over, or join, the others."""
        return self.lead_type(lead_type).to == "product"

    def quiet_ms(self, lead_type: str, outcome: str) -> int:
        """How long after a lead of this type came to that no further one is opened."""
        return self.lead_type(lead_type).quiet_after.get(outcome, self.rulebook.noise.quiet_after.get(outcome, 0))

    def rank(self, lead_type: str) -> int:
        """Smaller is stronger; a type that the rulebook does not order is the weakest."""
        return self.strength.get(lead_type, len(self.strength))
