"""What a browser may say in, what we believe of it out. A browser's key is public: anybody can send with it.

So it may not set plan, owner, limits or opt-outs, at any level of the traits, and no trait of a group.
"""

from typing import Any

import msgspec

_GUARDED = frozenset({
    "plan", "planid", "planname", "subscription", "owner", "ownerid", "owneremail", "ownername", "accountowner", "limits",
    "quotas", "optouts", "unsubscribed", "donotcontact", "istest", "iscompetitor",
})  # fmt: skip
_GUARDED_ENDS = ("limit", "limits", "quota", "optout", "optedout")
_decoder = msgspec.json.Decoder(dict[str, Any])
_encoder = msgspec.json.Encoder()


def browser_traits(traits: msgspec.Raw) -> tuple[msgspec.Raw, int]:
    """The traits (a JSON object) without the guarded ones, and how many those were."""
    values = _decoder.decode(traits)
    dropped = _drop_guarded(values)
    return (msgspec.Raw(_encoder.encode(values)), dropped) if dropped else (traits, 0)


def count_traits(traits: msgspec.Raw) -> int:
    return len(_decoder.decode(traits))


def _drop_guarded(value: Any) -> int:
    if isinstance(value, list):
        return sum(_drop_guarded(item) for item in value)
    if not isinstance(value, dict):
        return 0
    guarded = [name for name in value if _is_guarded(name)]
    for name in guarded:
        del value[name]
    return len(guarded) + sum(_drop_guarded(item) for item in value.values())


def _is_guarded(name: str) -> bool:
    """However it is spelt: `opted_out`, `optedOut`, `limits.contacts`."""
    for part in name.lower().split("."):
        letters = "".join(filter(str.isalnum, part))
        if letters in _GUARDED or letters.endswith(_GUARDED_ENDS):
            return True
    return False
