"""OpenDRIVE texts with roads that pass over one another, and over valleys."""

from __future__ import annotations

from collections.abc import Sequence

LANE = (
    '<width sOffset="0" a="{width}" b="0" c="0" d="0"/>'
    '<roadMark sOffset="0" type="solid" color="white" width="0.12"/>'
)


def road(
    number: int,
    start: tuple[float, float],
    heading_rad: float,
    length_m: float,
    heights: Sequence[tuple[float, float]],
    inside: str = "",
    curvature: float = 0.0,
) -> str:
    """A street with a driving lane and a sidewalk each way.

    Args:
        start: x and y in OpenDRIVE's plane.
        heights: (s, height) with even rises between.
        inside: content of `<objects>`.
    """
    shape = f'<arc curvature="{curvature}"/>' if curvature else "<line/>"
    profile = ""
    for index, (s, z) in enumerate(heights):
        later = heights[min(index + 1, len(heights) - 1)]
        rise = (later[1] - z) / (later[0] - s) if later[0] > s else 0.0
        profile += f'<elevation s="{s}" a="{z}" b="{rise}" c="0" d="0"/>'
    sides = ""
    for side, sign in (("left", 1), ("right", -1)):
        lanes = [(sign * 2, "sidewalk", 2.0), (sign, "driving", 3.5)]
        text = "".join(
            f'<lane id="{i}" type="{kind}" level="false">{LANE.format(width=width)}</lane>'
            for i, kind, width in (lanes if sign > 0 else lanes[::-1])
        )
        sides += f"<{side}>{text}</{side}>" if side == "left" else ""
        if side == "left":
            sides += '<center><lane id="0" type="none" level="false"/></center>'
        else:
            sides += f"<{side}>{text}</{side}>"
    return (
        f'<road name="" length="{length_m}" id="{number}" junction="-1"><type s="0" type="town">'
        '<speed max="50" unit="km/h"/></type>'
        f'<planView><geometry s="0" x="{start[0]}" y="{start[1]}" hdg="{heading_rad}" length="{length_m}">{shape}'
        f"</geometry></planView><elevationProfile>{profile}</elevationProfile>"
        f'<lanes><laneSection s="0">{sides}</laneSection></lanes><objects>{inside}</objects></road>'
    )


def opendrive(*roads: str) -> str:
    """A map of these roads."""
    return (
        '<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="" version="1.00" '
        'north="0" south="0" east="0" west="0"><geoReference>+proj=tmerc +lat_0=49 +lon_0=8</geoReference></header>'
        f"{''.join(roads)}</OpenDRIVE>"
    )


def crossing(clear_m: float = 7.0) -> str:
    """Road 1 along x at height 0, road 2 along y over it at the origin."""
    ramps = ((0.0, 0.0), (20.0, 0.0), (110.0, clear_m), (190.0, clear_m), (280.0, 0.0), (300.0, 0.0))
    return opendrive(
        road(1, (-150.0, 0.0), 0.0, 300.0, ((0.0, 0.0),)), road(2, (0.0, -150.0), 1.5707963267948966, 300.0, ramps)
    )


def over_a_valley(inside: str = '<bridge s="80" length="40" id="7" name="" type="concrete"/>') -> str:
    """Road 1 along x at height 0 with a bridge from x = -20 to 20."""
    return opendrive(road(1, (-100.0, 0.0), 0.0, 200.0, ((0.0, 0.0),), inside))
