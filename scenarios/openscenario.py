"""Files of OpenSCENARIO are not run; which of their elements would have to be is said."""

from __future__ import annotations

from typing import Any

_MOST_NAMED = 12
_CARRIED_OUT = ("CatalogReference", "ParameterDeclaration", "Synchronization", "Trajectory", "Route")
"""Elements besides actions and conditions that a player would have to carry out."""
_GROUPS = {"PrivateAction", "GlobalAction", "Action", "LongitudinalAction", "LateralAction", "RoutingAction"}
_GROUPS |= {"ByEntityCondition", "ByValueCondition", "EntityCondition", "Condition", "InfrastructureAction"}
"""Elements that only hold the one that says what to do."""


def refusal(root: Any) -> str:
    """Why a file with the root element `<OpenSCENARIO>` is refused, with what it asks for, in the file's order.

    Args:
        root: the parsed file.
    """
    named = list(dict.fromkeys(element.tag for element in root.iter() if _asks(element.tag)))
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    what = ", ".join(f"<{tag}>" for tag in named[:_MOST_NAMED]) or "<Storyboard>"
    header = root.find("FileHeader")
    version = ""
    if header is not None:
        version = f" {header.get('revMajor', '?')}.{header.get('revMinor', '?')}"
    return (
        f"is an OpenSCENARIO{version} file, which is not run here: {what}{more} would have to be carried out; "
        "write the scenario as a route file of the leaderboard, with one of the types that `docs/scenarios.md` lists"
    )


def _asks(tag: str) -> bool:
    return tag in _CARRIED_OUT or (tag.endswith(("Action", "Condition")) and tag not in _GROUPS)
