"""An event's `context`, and its batch's, in; the context to keep, and what else it tells, out.

The addresses and user agents of people are not kept, unless their project says so.
"""

import msgspec

from contracts.messages import EMPTY_OBJECT
from ingest.core.envelope import NOTHING
from ingest.core.event import check_levels, json_object
from ingest.core.rejection import EventError

_PERSONAL = ("ip", "userAgent", "user_agent", "userAgentData")


class Context(msgspec.Struct, gc=False):
    """What stands in a context that matters to us."""

    groupId: str | int | None = None  # noqa: N815 - Segment's spelling, here and below
    traits: msgspec.Raw = EMPTY_OBJECT
    campaign: msgspec.Raw = NOTHING
    ip: msgspec.Raw = NOTHING
    userAgent: msgspec.Raw = NOTHING  # noqa: N815
    user_agent: msgspec.Raw = NOTHING
    userAgentData: msgspec.Raw = NOTHING  # noqa: N815

    def is_personal(self) -> bool:
        return not (self.ip is self.userAgent is self.user_agent is self.userAgentData is NOTHING)


NO_CONTEXT = Context()
_decoder = msgspec.json.Decoder(Context)
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


def read_context(own: msgspec.Raw, shared: msgspec.Raw) -> tuple[msgspec.Raw, Context]:
    """The event's context over its batch's, field by field, and what of it matters to us.

    Raises EventError `invalid_field`, `too_deep`, and `invalid_id` if `context.groupId` is no id.
    """
    raw = own if shared is NOTHING else _merged(own, shared)
    if raw is EMPTY_OBJECT:
        return raw, NO_CONTEXT
    try:
        return raw, _decoder.decode(raw)
    except msgspec.ValidationError:
        if json_object(raw, "context") is EMPTY_OBJECT:  # it is null
            return EMPTY_OBJECT, NO_CONTEXT
        raise EventError("invalid_id", "`context.groupId` must be a string or a whole number.", "$.context.groupId") from None


def _merged(own: msgspec.Raw, shared: msgspec.Raw) -> msgspec.Raw:
    own = json_object(own, "context")
    check_levels(bytes(shared), above=1)
    if own is EMPTY_OBJECT:
        return shared
    return msgspec.Raw(_encoder.encode(_fields_decoder.decode(shared) | _fields_decoder.decode(own)))


def kept(raw: msgspec.Raw, context: Context, *, traits: bool, addresses: bool) -> msgspec.Raw:
    """The context without IP addresses and user agents unless `addresses`, and without its traits unless `traits`."""
    drop_traits = not traits and context.traits is not EMPTY_OBJECT
    drop_addresses = not addresses and context.is_personal()
    if not drop_traits and not drop_addresses:
        return raw
    fields = _fields_decoder.decode(raw)
    for name in _PERSONAL if drop_addresses else ():
        fields.pop(name, None)
    if drop_traits:
        del fields["traits"]
    return msgspec.Raw(_encoder.encode(fields))


def only(raw: msgspec.Raw, names: frozenset[str]) -> msgspec.Raw:
    """Of a JSON object, the fields with these names."""
    if raw is EMPTY_OBJECT:
        return raw
    fields = _fields_decoder.decode(raw)
    kept_fields = {name: value for name, value in fields.items() if name in names}
    return raw if len(kept_fields) == len(fields) else msgspec.Raw(_encoder.encode(kept_fields))
