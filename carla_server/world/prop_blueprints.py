"""The props of CARLA 0.9.16's catalogue with their sizes; names from its "Props catalogue" page.

Sizes are those of such things in shops and road works manuals, rounded to 5 cm; CARLA publishes none.
"""

from __future__ import annotations

from types import MappingProxyType

from carla_server.wire.structs import Vector

_SIZES_M = """
advertisement 1.35 0.35 2.50
atm 0.90 0.70 1.60
barbeque 1.10 0.60 1.10
barrel 0.60 0.60 0.90
bench01 1.60 0.65 0.85
bench02 1.80 0.65 0.85
bench03 1.50 0.60 0.80
bike helmet 0.30 0.20 0.20
bikeparking 2.00 0.60 0.80
bin 0.50 0.50 0.95
box01 0.60 0.45 0.45
box02 0.50 0.40 0.35
box03 0.40 0.30 0.30
briefcase 0.45 0.15 0.35
brokentile01 0.40 0.30 0.05
brokentile02 0.35 0.30 0.05
brokentile03 0.30 0.25 0.05
brokentile04 0.25 0.20 0.05
busstop 4.00 1.60 2.60
busstoplb 4.00 1.60 2.60
calibrator 1.20 0.10 1.20
chainbarrier 1.60 0.15 0.90
chainbarrierend 0.20 0.15 0.90
clothcontainer 1.30 1.20 2.10
clothesline 2.50 1.20 1.60
colacan 0.10 0.10 0.15
constructioncone 0.40 0.40 0.75
container 1.90 1.10 1.30
creasedbox01 0.55 0.45 0.30
creasedbox02 0.50 0.40 0.25
creasedbox03 0.45 0.35 0.20
dirtdebris01 1.40 1.00 0.15
dirtdebris02 1.20 0.90 0.15
dirtdebris03 1.00 0.80 0.10
doghouse 1.00 0.80 0.90
foodcart 2.30 1.30 2.20
fountain 3.20 3.20 1.60
garbage01 0.40 0.35 0.15
garbage02 0.35 0.30 0.15
garbage03 0.35 0.30 0.10
garbage04 0.30 0.25 0.10
garbage05 0.30 0.25 0.10
garbage06 0.25 0.20 0.10
gardenlamp 0.25 0.25 0.80
glasscontainer 1.50 1.30 1.70
gnome 0.25 0.25 0.50
guitarcase 1.10 0.45 0.20
haybale 1.20 0.50 0.45
haybalelb 1.30 1.30 1.20
ironplank 2.00 1.20 0.05
kiosk_01 2.60 2.20 2.80
mailbox 0.55 0.50 1.30
maptable 1.20 0.70 1.00
mesh 1.00 1.00 1.00
mobile 0.15 0.10 0.05
motorhelmet 0.30 0.25 0.25
pergola 3.00 3.00 2.50
plantpot01 0.50 0.50 0.80
plantpot02 0.50 0.50 0.90
plantpot03 0.60 0.60 0.70
plantpot04 1.00 0.45 0.70
plantpot05 0.90 0.90 0.90
plantpot06 0.70 0.70 1.10
plantpot07 0.45 0.45 0.60
plantpot08 0.40 0.40 0.60
plasticbag 0.35 0.30 0.40
plasticchair 0.55 0.55 0.85
plastictable 0.90 0.90 0.75
platformgarbage01 2.40 1.40 1.20
purse 0.35 0.15 0.30
shop01 4.00 3.00 3.00
shoppingbag 0.40 0.20 0.45
shoppingcart 0.95 0.60 1.05
shoppingtrolley 0.45 0.35 1.00
slide 2.80 0.70 2.00
streetbarrier 1.20 0.45 1.05
streetfountain 0.50 0.50 1.10
streetsign 0.75 0.20 2.50
streetsign01 0.75 0.20 2.50
streetsign04 0.75 0.20 2.50
swing 3.20 2.00 2.30
swingcouch 2.00 1.30 1.80
table 1.60 0.80 0.75
trafficcone01 0.40 0.40 0.70
trafficcone02 0.35 0.35 0.50
trafficwarning 2.00 1.60 3.00
trampoline 3.00 3.00 0.90
trashbag 0.60 0.50 0.60
trashcan01 0.60 0.60 1.00
trashcan02 0.55 0.50 0.95
trashcan03 0.60 0.70 1.10
trashcan04 0.50 0.50 0.90
trashcan05 0.45 0.45 0.85
travelcase 0.50 0.30 0.75
vendingmachine 0.95 0.85 1.85
warningaccident 0.90 0.50 1.00
warningconstruction 0.90 0.50 1.00
wateringcan 0.45 0.20 0.35
"""


def _read(table: str) -> dict[str, Vector]:
    extents: dict[str, Vector] = {}
    for line in table.strip().splitlines():
        name, length, width, height = line.rsplit(maxsplit=3)
        extents[name] = (0.5 * float(length), 0.5 * float(width), 0.5 * float(height))
    return extents


PROP_EXTENTS_M: MappingProxyType[str, Vector] = MappingProxyType(_read(_SIZES_M))
"""Name without `static.prop.` -> half length, half width, half height in metres."""


def size_word(extent_m: Vector) -> str:
    """CARLA's `size` attribute of a prop: tiny, small, medium or big by its longest side."""
    longest_m = 2.0 * max(extent_m)
    return "tiny" if longest_m < 0.5 else "small" if longest_m < 1.0 else "medium" if longest_m < 2.0 else "big"
