"""Events of one account: whether a selector means one, and what its properties are."""

from typing import Any
from urllib.parse import urlparse

from tests.oracle.conditions import truth

Event = dict[str, Any]


def selects(selector: Any, event: Event, aliases: dict[str, Any]) -> bool:
    """`selector`: a name of `aliases`, the product's own name, `active`, {of, where}, or a list of such."""
    if isinstance(selector, list):
        return any(selects(each, event, aliases) for each in selector)
    if isinstance(selector, dict):
        meant = visits(event, selector["page"]) if "page" in selector else selects(selector["of"], event, aliases)
        return meant and ("where" not in selector or truth(selector["where"], lambda path: there(event, path)) is True)
    if selector in aliases:
        return selects(aliases[selector], event, {})
    if event["type"] != "track":
        return False
    return event["person"] is not None if selector == "active" else bool(event["name"] == selector)


def visits(event: Event, page: str) -> bool:
    path, url = (event["properties"].get(name) for name in ("path", "url"))
    if event["type"] != "page" or not isinstance(path or url, str):
        return False
    try:
        at = path if isinstance(path, str) else urlparse(url).path or "/"
    except ValueError:  # it is no address
        return False
    return at[: len(page) - 1] == page[:-1] if page[-1] == "*" else at == page


def dig(event: Event, path: str) -> Any:
    """`properties.total` of an event; None if it is not there, or not plain."""
    value = there(event, path)
    return value if isinstance(value, str | int | float) else None


def there(event: Event, path: str) -> Any:
    """Whatever it is."""
    value: Any = event
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
