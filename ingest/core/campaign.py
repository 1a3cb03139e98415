"""Segment's `context.campaign` and a person's traits in; the traits with where the person came from, as `utm_…`, out.

SDKs put it beside whatever is done on a page whose address names a campaign. So it becomes what is known of the person.
"""

import msgspec

from contracts.messages import EMPTY_OBJECT
from ingest.core.envelope import NOTHING

VALUE_BYTES_MAX = 1024
"""What facts keep of a text. What is longer names no campaign."""


class _Campaign(msgspec.Struct, gc=False):
    source: msgspec.Raw = NOTHING
    medium: msgspec.Raw = NOTHING
    name: msgspec.Raw = NOTHING
    term: msgspec.Raw = NOTHING
    content: msgspec.Raw = NOTHING


_TRAITS = {"source": "utm_source", "medium": "utm_medium", "name": "utm_campaign", "term": "utm_term", "content": "utm_content"}
_decoder = msgspec.json.Decoder(_Campaign)
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


def with_campaign(traits: msgspec.Raw, campaign: msgspec.Raw) -> msgspec.Raw:
    """`traits`: an object; what it says itself wins. A campaign that is none is ignored: where from must not cost what."""
    try:
        said = _decoder.decode(campaign)
    except msgspec.ValidationError:
        return traits
    values = ((trait, getattr(said, field)) for field, trait in _TRAITS.items())
    found = {trait: value for trait, value in values if _is_text(bytes(value))}
    if not found:
        return traits
    own = {} if traits is EMPTY_OBJECT else _fields_decoder.decode(traits)
    return msgspec.Raw(_encoder.encode(found | own))


def _is_text(value: bytes) -> bool:
    return value.startswith(b'"') and value != b'""' and len(value) <= VALUE_BYTES_MAX
