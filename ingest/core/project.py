"""How a project wants its events read and what of them it keeps."""

from typing import Literal, TypeAlias

import msgspec

Subject: TypeAlias = Literal["account", "person"]


class ProjectSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What can be set of a project. As it is made, it keeps all properties and traits, and no address of anybody."""

    cloudevents_subject: Subject = "account"
    """What the `subject` of a CloudEvent is the id of."""
    posthog_group: str | None = None
    """The PostHog group type whose groups are the accounts. None: the first of ACCOUNT_GROUPS (posthog.py) that an event names,
    else the only one."""
    keep_addresses: bool = False
    """Whether IP addresses and user agents are kept."""
    event_bytes_max: int = 256 * 1024
    """Of one event, as it is sent, decompressed."""
    properties: frozenset[str] | None = None
    """The names of properties that are kept; None: all."""
    traits: frozenset[str] | None = None
    """The same of traits."""


AS_MADE = ProjectSettings()
