"""The detector's API over a world, asked by plain functions."""

import asyncio
from typing import Any

import httpx
from fastapi import FastAPI

from detector.app import create_router
from detector.rulebook_routes import create_schema_router
from runtime.web import install_error_answers
from tests.detector.shell.world import World

KEY = {"authorization": "Bearer ak_12345678_secret"}


class Api:
    """Requests to it, one at a time."""

    def __init__(self, world: World) -> None:
        """Every project is there but `nobodys`."""
        self._app = FastAPI()
        install_error_answers(self._app)
        router = create_router(
            world.store,
            world.producer,
            world.topics,
            lambda key: key.startswith("ak_"),
            lambda project: project != "nobodys",
            lambda: world.now,
        )
        self._app.include_router(create_schema_router())
        self._app.include_router(router)

    def get(self, path: str, **request: Any) -> httpx.Response:
        return asyncio.run(self._ask("GET", path, request))

    def post(self, path: str, **request: Any) -> httpx.Response:
        return asyncio.run(self._ask("POST", path, request))

    async def _ask(self, method: str, path: str, request: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://here", headers=KEY) as client:
            return await client.request(method, path, **request)
