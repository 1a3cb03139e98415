"""The shapes of what sales tells by the API, and of the answers to it."""

from typing import Any, Literal, Self, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, model_validator

Reported: TypeAlias = Literal["accepted", "opportunity", "won", "lost", "rejected", "recycled"]


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Outcome(_Told):
    """What became of a lead."""

    status: Reported
    reason: str | None = Field(default=None, max_length=1000)
    amount: float | None = Field(
        default=None, ge=0, le=1e15, allow_inf_nan=False, strict=True, description="In the rulebook's currency."
    )
    by: str | None = Field(default=None, max_length=254, description="Who reports it.")


class Snooze(_Told):
    until: AwareDatetime | None = Field(description="ISO 8601 with its offset from UTC; null ends the snooze.")


class Owner(_Told):
    email: str = Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")


class Override(_Told):
    """What one account is allowed of one limit, whatever its plan says."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [
                {"required": ["allowed"], "properties": {"remove": {"const": False}}},
                {"required": ["remove"], "properties": {"remove": {"const": True}}, "not": {"required": ["allowed"]}},
            ]
        },
    )
    limit: str = Field(min_length=1, max_length=1024)
    allowed: float | None = Field(
        default=None, ge=0, le=1e15, allow_inf_nan=False, strict=True, description="Null: there is no cap."
    )
    remove: bool = Field(default=False, strict=True, description="What the plan allows counts again.")

    @model_validator(mode="after")
    def _says_one(self) -> Self:
        """A forgotten `allowed` must not lift the cap."""
        if self.remove == ("allowed" in self.model_fields_set):
            raise ValueError('say either "allowed" (a number, or null for no cap) or "remove": true')
        return self


class OptOut(_Told):
    person: str | None = Field(default=None, min_length=1, max_length=1024, description="Its id; without one: the whole account.")
    opted_out: StrictBool


class CommandAnswer(BaseModel):
    """`accepted`: it is in the log and not applied yet; `GET /v1/commands/{command_id}` tells later."""

    command_id: str
    status: Literal["applied", "accepted"]
    result: dict[str, Any] | None = Field(
        default=None, description="How things stand now; `changed`: whether this command changed them."
    )


class CommandView(BaseModel):
    """What became of a command."""

    command_id: str
    project: str
    account: str
    name: str
    status: Literal["applied", "refused"]
    code: str | None = Field(description="Why it was refused, for programs.")
    message: str | None = Field(description="Why it was refused, for people.")
    result: dict[str, Any]
    applied_at: str = Field(description="Partition time of its record.")
