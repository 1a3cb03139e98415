"""A `say` or `do` text of the rulebook in, one sentence about an account at a moment out."""

from dataclasses import dataclass

from detector.core import words
from detector.core.measures.moment import Moment
from detector.core.offer import covers_in_words, offer
from detector.core.rulebook.compile import Program
from detector.core.rulebook.model import Name, Template
from detector.core.rulebook.reading import value_of
from detector.core.who import account_name, person_name


@dataclass(frozen=True, slots=True)
class Speaker:
    """`properties`: those of an explicit request that a rule's text may name."""

    program: Program
    moment: Moment
    external_id: str
    properties: tuple[str, ...] = ()

    def text(self, template: Template) -> str:
        return "".join(part if isinstance(part, str) else self._name(part) for part in template)

    def _name(self, name: Name) -> str:
        facts, t = self.moment.facts, self.moment.t
        match name.path:
            case "account":
                return account_name(facts, self.external_id, t)
            case "person":
                return person_name(facts, self.moment.person, t)
            case "offer.plan" | "offer.covers":
                return self._offer(name.path)
        value = value_of(name.path, self.program.values, self.properties)
        names = value.listed(self.moment)
        if names is not None:
            return words.listed([each.replace("_", " ") for each in names]) or "nothing"
        found = value.read(self.moment)
        text = words.value(found, name.type) if value.worded is None else value.worded(self.moment, found)
        return f"at least {text}" if value.at_least(self.moment) else text

    def _offer(self, path: str) -> str:
        offered = offer(self.program, self.moment)
        if path == "offer.covers":
            return covers_in_words(self.program, offered)
        return "a larger plan" if offered is None else offered.plan.name.replace("_", " ").capitalize()
