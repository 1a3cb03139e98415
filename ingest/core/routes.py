"""Every address that takes events, and what is spoken there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ingest.core.cloudevents import CLOUDEVENTS
from ingest.core.dialect import Dialect
from ingest.core.native import NATIVE
from ingest.core.posthog import POSTHOG, POSTHOG_BROWSER, POSTHOG_V1
from ingest.core.segment import SEGMENT


@dataclass(frozen=True, slots=True)
class Route:
    """`kind`: the type of the route's one event, or "batch". Aliases have the `path` of what they stand for."""

    path: str
    dialect: Dialect
    kind: str = "batch"


_SHORT: Final = {"track": "t", "identify": "i", "group": "g", "page": "p", "screen": "s", "alias": "a", "batch": "b"}


def _routes() -> dict[str, Route]:
    routes = {f"/v1/{kind}": Route(f"/v1/{kind}", SEGMENT, kind) for kind in _SHORT}
    routes |= {f"/v1/{short}": routes[f"/v1/{kind}"] for kind, short in _SHORT.items()}
    routes["/batch"] = Route("/batch", POSTHOG)
    routes["/capture"] = Route("/capture", POSTHOG_BROWSER)
    routes["/e"] = routes["/i/v0/e"] = Route("/e", POSTHOG_BROWSER)
    routes["/i/v1/analytics/events"] = Route("/i/v1/analytics/events", POSTHOG_V1)
    routes["/api/v1/events"] = Route("/api/v1/events", CLOUDEVENTS)
    routes["/v1/events"] = Route("/v1/events", NATIVE)
    return routes


ROUTES: Final[Mapping[str, Route]] = _routes()
"""By path, without a slash at the end; each is answered with one too."""
