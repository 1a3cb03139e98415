"""The path of a property, where one is looked at: `properties.total`."""

import re
from typing import Final

from detector.core.rulebook import shapes
from detector.core.rulebook.problems import Report
from detector.core.rulebook.tree import Node, Scalar, kind_of

_PATH: Final = re.compile(r"properties(\.[\w$]+)+")


def property_path(node: Node, what: str, report: Report) -> str | None:
    if isinstance(node, Scalar) and _PATH.fullmatch(node.text) and len(node.text) <= shapes.TEXT_MAX:
        return node.text
    report.refuse(node.at, "value", f"{what} is the path of a property, found {kind_of(node)}", "Write: properties.total")
    return None
