"""HTTP requests come in that change what endpoints' secrets are, or are sealed with; a new secret, once, goes out."""

import asyncio
import logging
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from notifier.core.payload import iso
from notifier.store import NotifierStore
from notifier.store_secrets import SECRETS_MAX, TooManySecretsError
from notifier.vault import MasterKeyError
from runtime.clock import Clock
from runtime.web import ERROR_RESPONSES, WHOLE, ApiError, Authenticate, ErrorBody, api_key_required

OVERLAP_S_MAX = 30 * 86_400

logger = logging.getLogger("notifier")


class SecretRotation(BaseModel):
    """`overlap_s`: for so many seconds the old secret signs too; a day if nothing is said."""

    model_config = ConfigDict(extra="forbid")
    overlap_s: Annotated[int, Field(ge=0, le=OVERLAP_S_MAX), WHOLE] = 86_400


class SecretOnce(BaseModel):
    """`secret` is shown this once. Until `old_until` the old one signs too."""

    id: str
    secret: str
    old_until: str


class Resealed(BaseModel):
    """How many endpoints were sealed with another than the newest master key, and are not any more."""

    resealed: int


def create_router(store: NotifierStore, authenticate: Authenticate, clock: Clock) -> APIRouter:
    router = APIRouter(
        prefix="/v1",
        tags=["endpoints"],
        dependencies=[api_key_required(authenticate)],
        responses={**ERROR_RESPONSES, 503: {"model": ErrorBody}},
    )

    @router.post(
        "/endpoints/{endpoint_id}/rotate",
        status_code=201,
        responses={409: {"model": ErrorBody}},
        summary="Give an endpoint a new secret; the answer tells it this once",
    )
    async def rotate_secret(endpoint_id: str, rotation: SecretRotation | None = None) -> SecretOnce:
        now = clock()
        ends_at = now + (rotation or SecretRotation()).overlap_s * 1000
        try:
            secret = await asyncio.to_thread(store.secrets.rotate, endpoint_id, ends_at, now)
        except TooManySecretsError:
            message = f"{SECRETS_MAX} secrets of {endpoint_id} sign already. Wait until one ends, or end them all: `overlap_s` 0."
            raise ApiError(409, "too_many_secrets", message) from None
        except MasterKeyError as error:
            raise ApiError(503, "master_key", str(error)) from error
        if secret is None:
            raise ApiError(404, "not_found", f"There is no endpoint '{endpoint_id}'. GET /v1/endpoints lists them.")
        logger.info("secret rotated", extra={"endpoint_id": endpoint_id, "old_until": iso(ends_at)})
        return SecretOnce(id=endpoint_id, secret=secret, old_until=iso(ends_at))

    @router.post("/reseal", summary="Seal with the newest master key what was sealed with an older one")
    async def reseal() -> Resealed:
        try:
            resealed = await asyncio.to_thread(store.secrets.reseal)
        except MasterKeyError as error:
            raise ApiError(503, "master_key", str(error)) from error
        logger.info("endpoints resealed", extra={"resealed": resealed})
        return Resealed(resealed=resealed)

    return router
