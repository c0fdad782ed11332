"""The blueprint library: what can be spawned, with the attributes that clients and examples read.

Every attribute has at least one recommended value, because clients read the first one without looking.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from carla_server.world.prop_blueprints import PROP_EXTENTS_M, size_word
from carla_server.world.vehicle_blueprints import VEHICLES, VehicleBlueprint


class AttributeType(IntEnum):
    """Type of an attribute, counted from the layout's `attribute_type_base`."""

    BOOL = 0
    INT = 1
    FLOAT = 2
    STRING = 3
    COLOR = 4


@dataclass(frozen=True)
class Attribute:
    """One attribute of a blueprint.

    Attributes:
        name, type, value: id, type and default as text.
        recommended: values that tools choose from; the default if empty.
        modifiable: whether `set_attribute` may change it.
    """

    name: str
    type: AttributeType
    value: str
    recommended: tuple[str, ...] = ()
    modifiable: bool = True

    def to_wire(self, type_base: int) -> list:
        """carla.ActorAttribute as an array."""
        recommended = list(self.recommended or (self.value,))
        return [self.name, self.type + type_base, self.value, recommended, self.modifiable, False]


@dataclass(frozen=True)
class Blueprint:
    """Something that can be spawned.

    Attributes:
        uid: number in the library, from 1.
        blueprint_id: dotted name; its parts are the tags.
        attributes: in CARLA's order.
        vehicle: size and mass, for vehicles.
        extent_m: half extents of props and walkers.
    """

    uid: int
    blueprint_id: str
    attributes: tuple[Attribute, ...]
    vehicle: VehicleBlueprint | None = None
    extent_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    defaults: dict[str, str] = field(default_factory=dict, compare=False)

    def to_wire(self, type_base: int) -> list:
        """carla.ActorDefinition as an array."""
        tags = ",".join(self.blueprint_id.split("."))
        return [self.uid, self.blueprint_id, tags, [item.to_wire(type_base) for item in self.attributes]]


def _bool(name: str, value: bool, modifiable: bool = True) -> Attribute:
    return Attribute(name, AttributeType.BOOL, "true" if value else "false", ("true", "false"), modifiable)


def _int(name: str, value: int, modifiable: bool = True) -> Attribute:
    return Attribute(name, AttributeType.INT, str(value), (), modifiable)


def _float(name: str, value: float) -> Attribute:
    return Attribute(name, AttributeType.FLOAT, str(float(value)))


def _str(name: str, value: str, recommended: tuple[str, ...] = (), modifiable: bool = True) -> Attribute:
    return Attribute(name, AttributeType.STRING, value, recommended, modifiable)


def _floats(text: str) -> tuple[Attribute, ...]:
    """'fov 90 range 10' -> float attributes of these names and defaults."""
    words = text.split()
    return tuple(_float(name, float(value)) for name, value in zip(words[::2], words[1::2], strict=True))


_ROLE_SENSOR = _str("role_name", "front", ("front", "back", "left", "right", "front_left", "front_right"))
_TICK = _float("sensor_tick", 0.0)
_IMAGE = (
    _int("image_size_x", 800),
    _int("image_size_y", 600),
    _float("fov", 90.0),
    *_floats(
        "lens_circle_falloff 5 lens_circle_multiplier 0 lens_k -1 lens_kcube 0 lens_x_size 0.08 lens_y_size 0.08"
    ),
    _TICK,
    _ROLE_SENSOR,
)
_EXPOSURE = (
    _bool("enable_postprocess_effects", True),
    _str("exposure_mode", "histogram", ("histogram", "manual")),
    *_floats(
        "gamma 2.2 exposure_compensation 0 shutter_speed 200 iso 100 fstop 1.4 min_fstop 1.2 blade_count 5 "
        "exposure_min_bright 10 exposure_max_bright 12 exposure_speed_up 3 exposure_speed_down 1 "
        "calibration_constant 16 focal_distance 1000 blur_amount 1 blur_radius 0 "
        "motion_blur_intensity 0 motion_blur_max_distortion 0.35 motion_blur_min_object_screen_size 0.1 "
        "slope 0.88 toe 0.55 shoulder 0.26 black_clip 0 white_clip 0.04 temp 6500 tint 0 "
        "chromatic_aberration_intensity 0 chromatic_aberration_offset 0 bloom_intensity 0.675 "
        "lens_flare_intensity 0.1"
    ),
)
_WITHOUT_EFFECT = (
    "min_fstop blade_count exposure_min_bright exposure_max_bright exposure_speed_up "
    "exposure_speed_down calibration_constant focal_distance blur_amount blur_radius slope toe shoulder "
    "black_clip white_clip temp tint debug_linetrace ros_name"
)
ATTRIBUTES_WITHOUT_EFFECT = frozenset(_WITHOUT_EFFECT.split())
"""Attributes of sensors that clients may set and that change nothing here."""

_LIDAR_BEAMS = (
    _int("channels", 32),
    _int("points_per_second", 56000),
    *_floats("range 10 rotation_frequency 10 upper_fov 10 lower_fov -30 horizontal_fov 360"),
)
_LIDAR_LOSSES = (
    *_floats(
        "atmosphere_attenuation_rate 0.004 dropoff_general_rate 0.45 dropoff_intensity_limit 0.8 "
        "dropoff_zero_intensity 0.4 noise_stddev 0"
    ),
    _int("noise_seed", 0),
)

SENSORS: dict[str, tuple[Attribute, ...]] = {
    "sensor.camera.cosmos_visualization": _IMAGE,
    "sensor.camera.depth": _IMAGE,
    "sensor.camera.dvs": (
        *_IMAGE,
        *_EXPOSURE,
        *_floats(
            "positive_threshold 0.3 negative_threshold 0.3 sigma_positive_threshold 0 sigma_negative_threshold 0 "
            "log_eps 0.001"
        ),
        _int("refractory_period_ns", 0),
        _bool("use_log", True),
    ),
    "sensor.camera.instance_segmentation": _IMAGE,
    "sensor.camera.normals": _IMAGE,
    "sensor.camera.optical_flow": _IMAGE,
    "sensor.camera.rgb": (*_IMAGE, *_EXPOSURE),
    "sensor.camera.semantic_segmentation": _IMAGE,
    "sensor.lidar.ray_cast": (*_LIDAR_BEAMS, *_LIDAR_LOSSES, _TICK, _ROLE_SENSOR),
    "sensor.lidar.ray_cast_semantic": (*_LIDAR_BEAMS, _TICK, _ROLE_SENSOR),
    "sensor.other.collision": (_ROLE_SENSOR,),
    "sensor.other.gnss": (
        *_floats("noise_alt_bias 0 noise_alt_stddev 0 noise_lat_bias 0 noise_lat_stddev 0"),
        *_floats("noise_lon_bias 0 noise_lon_stddev 0"),
        _int("noise_seed", 0),
        _TICK,
        _ROLE_SENSOR,
    ),
    "sensor.other.imu": (
        *_floats("noise_accel_stddev_x 0 noise_accel_stddev_y 0 noise_accel_stddev_z 0"),
        *_floats("noise_gyro_bias_x 0 noise_gyro_bias_y 0 noise_gyro_bias_z 0"),
        *_floats("noise_gyro_stddev_x 0 noise_gyro_stddev_y 0 noise_gyro_stddev_z 0"),
        _int("noise_seed", 0),
        _TICK,
        _ROLE_SENSOR,
    ),
    "sensor.other.lane_invasion": (_ROLE_SENSOR,),
    "sensor.other.obstacle": (
        *_floats("distance 5 hit_radius 0.5"),
        _bool("only_dynamics", False),
        _bool("debug_linetrace", False),
        _TICK,
        _ROLE_SENSOR,
    ),
    "sensor.other.radar": (
        *_floats("horizontal_fov 30 vertical_fov 30 range 100"),
        _int("points_per_second", 1500),
        _int("noise_seed", 0),
        _TICK,
        _ROLE_SENSOR,
    ),
}
"""Sensor blueprints and their attributes."""

WALKER_EXTENT_M = {"adult": (0.188, 0.188, 0.930), "child": (0.160, 0.160, 0.620), "elderly": (0.188, 0.188, 0.900)}
WALKER_COUNT = 52
_CHILDREN = frozenset((9, 10, 11, 12, 13, 14, 48, 49))


def _vehicle_attributes(vehicle: VehicleBlueprint) -> tuple[Attribute, ...]:
    driver = () if vehicle.wheels > 2 else (Attribute("driver_id", AttributeType.INT, "1", ("1", "2", "3", "4")),)
    return (
        _int("number_of_wheels", vehicle.wheels, modifiable=False),
        _str("object_type", "", ("",), False),
        _str("base_type", vehicle.base_type, (), False),
        _str("special_type", vehicle.special_type, (), False),
        _int("generation", vehicle.generation, modifiable=False),
        Attribute("color", AttributeType.COLOR, vehicle.colors[0], vehicle.colors),
        *driver,
        _bool("has_lights", vehicle.has_lights, False),
        _bool("has_dynamic_doors", vehicle.has_doors, False),
        _bool("sticky_control", True),
        _bool("terramechanics", False),
        _str("role_name", "autopilot", ("autopilot", "scenario", "ego_vehicle")),
    )


def _walker_attributes(number: int) -> tuple[Attribute, ...]:
    age = "child" if number in _CHILDREN else "elderly" if number % 13 == 0 else "adult"
    return (
        _str("gender", "female" if number % 2 else "male", (), False),
        _str("age", age, (), False),
        _int("generation", 2 if number > 14 else 1, modifiable=False),
        Attribute("speed", AttributeType.FLOAT, "1.4", ("0.0", "1.4", "2.7")),
        _bool("is_invincible", True),
        _bool("can_use_wheelchair", False, False),
        _bool("use_wheelchair", False),
        _str("role_name", "pedestrian"),
    )


def _build() -> dict[str, Blueprint]:
    library: dict[str, Blueprint] = {}

    def add(
        blueprint_id: str,
        attributes: tuple[Attribute, ...],
        vehicle: VehicleBlueprint | None = None,
        extent_m: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        defaults = {item.name: item.value for item in attributes}
        library[blueprint_id] = Blueprint(len(library) + 1, blueprint_id, attributes, vehicle, extent_m, defaults)

    add("controller.ai.walker", (_str("role_name", "default"),))
    for name, attributes in SENSORS.items():
        add(name, (*attributes, _str("ros_name", name)))
    prop_role = _str("role_name", "prop")
    for name, extent_m in PROP_EXTENTS_M.items():
        own = (_str("mesh_path", ""), *_floats("scale 1 mass 0")) if name == "mesh" else ()
        add(f"static.prop.{name}", (prop_role, _str("size", size_word(extent_m), (), False), *own), extent_m=extent_m)
    add("static.trigger.friction", (*_floats("friction 3.5 extent_x 100 extent_y 100 extent_z 100"), prop_role))
    add("util.actor.empty", (prop_role,))
    for vehicle in VEHICLES:
        add(vehicle.blueprint_id, _vehicle_attributes(vehicle), vehicle, vehicle.extent_m)
    for number in range(1, WALKER_COUNT + 1):
        walker = _walker_attributes(number)
        add(f"walker.pedestrian.{number:04d}", walker, extent_m=WALKER_EXTENT_M[walker[1].value])
    return library


LIBRARY: dict[str, Blueprint] = _build()
"""Blueprint id -> blueprint; read only."""
