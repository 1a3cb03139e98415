"""The rulebooks that ship with Handraiser: the bases that a project may `use`, and the trial's own."""

from importlib import resources

_BASES = ("b2b-saas@1",)


def bases() -> dict[str, str]:
    """Name -> YAML text of every shipped base, as `parse` takes them."""
    return {name: _text(name) for name in _BASES}


def trial() -> str:
    """The rulebook of acme-mail, the trial's pretend product."""
    return _text("acme-mail")


def _text(name: str) -> str:
    return (resources.files(__name__) / f"{name}.yaml").read_text(encoding="utf-8")
