"""What browser SDKs ask for before they send: settings that make them send here, and leave switched off what we have not.

analytics-next does not begin without its settings, and without `metrics.sampleRate` 0 it reports to its vendor. posthog-js asks
for its configuration and for feature flags; there are none.
"""

import re
from typing import Any, Final

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response

from ingest.access import find_key
from ingest.keys import KeyRing
from runtime.web import ErrorBody

CACHE: Final = {"Cache-Control": "max-age=60", "X-Content-Type-Options": "nosniff"}
_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,255}")
_FLAGS: Final = {
    "flags": {},
    "featureFlags": {},
    "featureFlagPayloads": {},
    "errorsWhileComputingFlags": False,
    "config": {},
    "supportedCompression": ["gzip", "gzip-js"],
}
"""All that the versions of /flags and /decide have ever had."""
_POSTHOG_CONFIG: Final = {
    "supportedCompression": ["gzip", "gzip-js"],
    "hasFeatureFlags": False,
    "analytics": {"endpoint": "/i/v0/e/"},
    "capturePerformance": False,
    "captureDeadClicks": False,
    "autocaptureExceptions": False,
    "errorTracking": {"autocaptureExceptions": False, "suppressionRules": []},
    "sessionRecording": False,
    "heatmaps": False,
    "surveys": False,
    "productTours": False,
    "conversations": False,
    "logs": {"captureConsoleLogs": False},
    "defaultIdentifiedOnly": True,
    "elementsChainAsString": True,
    "siteApps": [],
    "siteAppsJS": [],
    "toolbarParams": {},
    "isAuthenticated": False,
}


def add_sdk_settings(app: FastAPI, keys: KeyRing) -> None:
    router = APIRouter(tags=["events"])
    refused: dict[int | str, dict[str, Any]] = {401: {"model": ErrorBody}}

    @router.get("/v1/projects/{write_key}/settings", summary="Settings of analytics.js", responses=refused)
    async def segment_settings(write_key: str, request: Request) -> Response:
        find_key({}, write_key, keys)
        return _json(_segment_settings(write_key, request))

    @router.get("/array/{write_key}/config", summary="Configuration of posthog-js", responses=refused)
    async def posthog_config(write_key: str) -> Response:
        find_key({}, write_key, keys)
        return _json(_POSTHOG_CONFIG | {"token": write_key})

    @router.get("/array/{write_key}/config.js", summary="Configuration of posthog-js, as a script", responses=refused)
    async def posthog_config_script(write_key: str) -> Response:
        find_key({}, write_key, keys)  # a known key has letters, digits and underscores: nothing that a script could be made of
        config = msgspec.json.encode(_POSTHOG_CONFIG | {"token": write_key}).decode()
        script = (
            "(function(c){(window._POSTHOG_REMOTE_CONFIG=window._POSTHOG_REMOTE_CONFIG||{})"
            f'["{write_key}"]={{config:c,siteApps:[]}}}})({config});'
        )
        return Response(script, media_type="application/javascript", headers=CACHE)

    async def no_flags() -> Response:
        return _json(_FLAGS)

    async def discarded() -> Response:
        return _json({"success": True})

    for path, endpoint, summary in (
        ("/flags", no_flags, "Feature flags: none"),
        ("/decide", no_flags, "The same as POST /flags"),
        ("/v1/m", discarded, "Figures that an SDK has of itself: not kept"),
    ):
        router.add_api_route(path, endpoint, methods=["POST"], summary=summary)
        router.add_api_route(f"{path}/", endpoint, methods=["POST"], include_in_schema=False)
    app.include_router(router)


def _segment_settings(write_key: str, request: Request) -> dict[str, Any]:
    """`apiHost` is where the request came to, as the page sees it: without it events would go to Segment."""
    host = request.headers.get("host", "")
    forwarded = request.headers.get("x-forwarded-proto", "")
    own: dict[str, Any] = {"apiKey": write_key, "unbundledIntegrations": [], "addBundledMetadata": False, "versionSettings": {}}
    if _HOST.fullmatch(host):
        own |= {"apiHost": f"{host}/v1", "protocol": forwarded if forwarded in ("http", "https") else request.url.scheme}
    return {
        "integrations": {"Segment.io": own},
        "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [],
        "metrics": {"sampleRate": 0},
    }


def _json(content: Any) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json", headers=CACHE)
