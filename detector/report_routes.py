"""`GET /v1/leads/report`: a project and a span in; what became of its leads out."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from detector.core.outcomes import By, Figures, figures, lives_of
from detector.store import DetectorStore


class LeadFigures(BaseModel):
    """Of the leads of one group that were told to somebody."""

    name: str = Field(description="The type, rule, owner (`nobody`), source (`unknown`) or Monday of the group.")
    leads: int
    accepted: int = Field(description="Those that somebody took, whatever became of them then.")
    opportunity: int = Field(description="Those that somebody said were one.")
    won: int
    lost: int
    rejected: int
    expired: int
    unfinished: int
    precision: float | None = Field(description="won ÷ (won + lost + rejected + expired); null: nothing is decided yet.")
    revenue: float = Field(description="What was reported with won ones, in the rulebook's currency.")
    answered_s: float | None = Field(description="Median time until somebody took, rejected or recycled it.")
    won_s: float | None = Field(description="Median time until it was won.")


class LeadReport(BaseModel):
    by: By
    data: list[LeadFigures]
    total: LeadFigures


def add_report_route(router: APIRouter, store: DetectorStore) -> None:
    """Before the route of one lead, whose id it would be taken for."""

    @router.get("/leads/report", tags=["leads"])
    def report(
        project: str,
        by: By = "type",
        since: Annotated[
            datetime | None, Query(alias="from", description="Leads that were opened at or after it; ISO 8601.")
        ] = None,
        until: Annotated[datetime | None, Query(alias="to", description="Leads that were opened before it.")] = None,
    ) -> LeadReport:
        """What became of leads, by type, rule (that opened it), owner, source (its first value), or week of opening (UTC)."""
        lives = lives_of(store.leads.lives(project, _ms(since), _ms(until)))
        groups, everything = figures(lives, by)
        return LeadReport(by=by, data=[_shown(group) for group in groups], total=_shown(everything))


def _ms(time: datetime | None) -> int | None:
    """Without a zone it is UTC."""
    if time is None:
        return None
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


def _shown(group: Figures) -> LeadFigures:
    counted = {name: getattr(group, name) for name in LeadFigures.model_fields if not name.endswith("_s")}
    times = {"answered_s": group.answered_ms, "won_s": group.won_ms}
    return LeadFigures.model_validate(counted | {name: None if ms is None else ms / 1000 for name, ms in times.items()})
