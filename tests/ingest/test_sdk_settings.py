"""What browser SDKs ask for before they send."""

import json

import pytest

from tests.ingest.served import Served


@pytest.mark.parametrize(
    ("headers", "host", "protocol"),
    [
        ({}, "ingest/v1", "http"),
        ({"host": "t.example.com:8080"}, "t.example.com:8080/v1", "http"),
        ({"x-forwarded-proto": "https"}, "ingest/v1", "https"),
        ({"x-forwarded-proto": "javascript"}, "ingest/v1", "http"),
        ({"host": "a/../b"}, None, None),
    ],
)
async def test_settings_of_analytics_js_send_it_here(served: Served, headers: dict[str, str], host: str, protocol: str) -> None:
    response = await served.client.get(
        f"/v1/projects/{served.browser_key}/settings", headers={"origin": "https://x.y", **headers}
    )
    settings = response.json()
    assert settings["metrics"] == {"sampleRate": 0}
    own = settings["integrations"]["Segment.io"]
    assert (own.get("apiHost"), own.get("protocol"), own["apiKey"]) == (host, protocol, served.browser_key)
    assert response.headers["access-control-allow-origin"] == "https://x.y"


async def test_configuration_of_posthog_js(served: Served) -> None:
    config = (await served.client.get(f"/array/{served.browser_key}/config")).json()
    script = await served.client.get(f"/array/{served.browser_key}/config.js")
    assert script.headers["content-type"].startswith("application/javascript")
    assert json.dumps(config, separators=(",", ":")) in script.text
    assert config["hasFeatureFlags"] is config["sessionRecording"] is False


@pytest.mark.parametrize("path", ["/v1/projects/{}/settings", "/array/{}/config", "/array/{}/config.js"])
@pytest.mark.parametrize("key", ["wk_unknown1_x", "%22]=alert(1)", "phc_x"])
async def test_nothing_for_an_unknown_key(served: Served, path: str, key: str) -> None:
    response = await served.client.get(path.format(key))
    assert (response.status_code, response.json()["code"]) == (401, "unknown_key")
    assert "alert" not in response.text


@pytest.mark.parametrize("path", ["/flags/?v=4", "/flags", "/decide/?v=3"])
async def test_there_are_no_flags(served: Served, path: str) -> None:
    answer = (await served.client.post(path, content=b"{}")).json()
    assert (answer["flags"], answer["featureFlags"], answer["errorsWhileComputingFlags"]) == ({}, {}, False)


async def test_an_sdks_own_figures_are_not_kept(served: Served) -> None:
    assert (await served.post("m", {"series": []})).status_code == 200
    assert served.producer.appends == []
