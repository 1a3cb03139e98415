"""Routes of what is known of accounts: which there are, one of them, why it is no lead, and which are nearest to becoming one."""

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Query

from detector.account_reading import AccountReading
from detector.account_view import AccountViews
from detector.near_misses import NearMisses
from detector.shapes import AccountView
from detector.store import DetectorStore
from detector.why_shapes import AccountLine, AccountList, NearMissList, WhyView
from detector.why_view import HeldBack, WhyViews
from runtime.clock import Clock
from runtime.whole_ids import WholeIds

_Rule: TypeAlias = Annotated[
    str | None, Query(max_length=1000, description="Of this rule only; `limit` is that of every limit, `limit/contacts` of one.")
]


def add_account_routes(router: APIRouter, store: DetectorStore, clock: Clock, held_back: HeldBack) -> None:
    """Add the routes to `router`. That of one account comes last: an account's id may have slashes in it."""
    own = APIRouter(route_class=WholeIds)
    reading = AccountReading(store)
    whys = WhyViews(store, reading, held_back)
    views, near = AccountViews(store, reading), NearMisses(store, reading, whys)

    @own.get("/accounts", tags=["accounts"])
    def accounts(
        project: str,
        starting_with: Annotated[str, Query(max_length=1024, description="Of their ids; upper or lower case is one.")] = "",
        cursor: Annotated[str, Query(max_length=1024, description="`next` of the answer before.")] = "",
        limit: Annotated[int, Query(ge=1, le=1000, description="Most rows in one answer.")] = 100,
    ) -> AccountList:
        """The accounts of which something is known, by id."""
        found = store.accounts.ids(project, starting_with, cursor, limit + 1)
        rows = [AccountLine(external_id=each) for each in found[:limit]]
        return AccountList(data=rows, next=found[limit - 1] if len(found) > limit else None)

    @own.get("/accounts/{external_id:path}/why", tags=["accounts"])
    def why(external_id: str, project: str, rule: _Rule = None) -> WhyView:
        """Why an account is, or is not, a lead: per rule what holds, what is missing, by how much, and until when."""
        return whys.view(project, external_id, rule, clock())

    @own.get("/accounts/{external_id:path}", tags=["accounts"])
    def account(external_id: str, project: str) -> AccountView:
        """What is known of one account: plan, stage, usage against its limits, onboarding, people, leads."""
        return views.view(project, external_id, clock())

    @own.get("/near-misses", tags=["accounts"])
    def near_misses(
        project: str,
        rule: _Rule = None,
        limit: Annotated[int, Query(ge=1, le=100, description="Most accounts of each rule.")] = 10,
    ) -> NearMissList:
        """The accounts nearest to qualifying, rule by rule, among the 2,000 with the newest events. It takes seconds."""
        return near.find(project, rule, limit, clock())

    router.include_router(own)
