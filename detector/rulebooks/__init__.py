"""The rulebooks that ship with Handraiser: the bases that a project may `use`, and the templates that one can begin with."""

from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

_BASES = ("b2b-saas@1",)
TEMPLATES: Final = ("acme-mail", "clipcast", "huddle")
"""Each is a folder: a rulebook.yaml, and its scenarios."""
TRIAL: Final = "acme-mail"
"""The template of the trial's pretend product."""


def bases() -> dict[str, str]:
    """Name -> YAML text of every shipped base, as `parse` takes them."""
    return {name: (resources.files(__name__) / f"{name}.yaml").read_text(encoding="utf-8") for name in _BASES}


def template(name: str) -> dict[str, str]:
    """Path in the template's folder (`rulebook.yaml`, `scenarios/leads.yaml`) -> text. `name`: one of TEMPLATES."""
    return _texts(resources.files(__name__) / "templates" / name, "")


def trial() -> str:
    """The rulebook of acme-mail, the trial's pretend product."""
    return template(TRIAL)["rulebook.yaml"]


def _texts(folder: Traversable, path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in sorted(folder.iterdir(), key=lambda each: each.name):
        found |= _texts(each, f"{path}{each.name}/") if each.is_dir() else {path + each.name: each.read_text(encoding="utf-8")}
    return found
