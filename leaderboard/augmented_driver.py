"""`AugmentedPolicyDriver`: a policy that sees the drive under another condition than the simulator shows."""

from __future__ import annotations

from dataclasses import replace

import carla

from augment.conditions import Condition
from augment.online.augmenter import OnlineAugmenter
from augment.online.config import OnlineConfig
from augment.online.drive_augmenter import DriveAugmenter
from augment.online.schedule import Schedule
from augment.synthesizers.base import Synthesizer
from augment.synthesizers.relight import LiveTruth, RelightSynthesizer, live_frame_key
from carla_agents.driving.capture import frame_from
from carla_agents.driving.route import Route
from carla_agents.policies.base import Policy
from carla_agents.simulator.frame import Control
from carla_agents.simulator.relighter import Relighter
from carla_agents.simulator.rig import SensorRig, cameras
from carla_agents.simulator.session import Session
from leaderboard.drive import DriveView
from leaderboard.drivers import PolicyDriver


class AugmentedPolicyDriver(PolicyDriver):
    """`PolicyDriver` with cameras of its own: colour, labels and depth; the policy sees variants of the colour.

    Args:
        policy: what to evaluate.
        synthesizer: makes the variants; None asks the embedded simulator itself (`relight`).
        source: the condition that the simulator shows.
        target: the condition that the policy sees.
        ticks_per_decision: how often it sees a picture, as `DriveConfig`.
        seed: with the drive's seed and the frame it decides the variants.
        config: rhythm, budget and fallbacks; a step is a decision.

    Raises:
        ValueError: `relight` with late variants, which it cannot make.
    """

    def __init__(
        self,
        policy: Policy,
        synthesizer: Synthesizer | None,
        source: Condition,
        target: Condition,
        ticks_per_decision: int,
        seed: int = 0,
        config: OnlineConfig | None = None,
    ) -> None:
        super().__init__(policy)
        self._config = config if config is not None else OnlineConfig()
        if synthesizer is None and self._config.works_behind:
            raise ValueError("relight can make no late variant: leave overlap off and wait for misses")
        self._synthesizer = synthesizer
        self._source, self._schedule = source, Schedule((target.name,))
        self._ticks_per_decision, self._seed = ticks_per_decision, seed
        self._drive: DriveAugmenter | None = None
        self._rig: SensorRig | None = None
        self._relighter: Relighter | None = None

    def camera(self) -> None:  # type: ignore[override]
        """None: it brings its own."""
        return None

    def begin(self, session: Session, ego: carla.Vehicle, route: Route, seed: int) -> None:
        """Put the cameras on the vehicle.

        Raises:
            ExtensionMissing: `relight` on a server that cannot.
        """
        super().begin(session, ego, route, seed)
        self.close()
        camera = self.policy.camera()
        self._rig = SensorRig(session, ego, cameras(camera), self._ticks_per_decision)
        synthesizer, key_of = self._synthesizer, None
        if synthesizer is None:
            self._relighter = Relighter(session)
            vehicles = [actor.id for actor in session.world.get_actors() if actor.type_id.startswith("vehicle.")]
            size_px = (camera.width_px, camera.height_px)
            synthesizer = RelightSynthesizer(LiveTruth(self._relighter, self._rig.actor_id("rgb"), size_px, vehicles))
            key_of = lambda frame: live_frame_key(frame.frame_id)  # noqa: E731 - one line says it
        augmenter = OnlineAugmenter(synthesizer, self._schedule, self._config)
        self._drive = DriveAugmenter(augmenter, camera, key_of=key_of)
        self._drive.begin(seed=self._seed + seed)

    def control(self, view: DriveView) -> Control:
        """As `PolicyDriver`, from the variant.

        Raises:
            SynthesisFailed: the synthesizer failed, and no fallback was chosen.
        """
        if self._rig is None or self._drive is None:
            raise RuntimeError("call begin() before control()")
        if self._rig.due(view.state.frame_id):
            images = self._rig.gather(view.state.frame_id)
            frame = frame_from(view.state, images, view.observer.progress, Control(), self._source.name)
            picture, _ = self._drive.show({0: frame})[0]
            view = replace(view, rgb=picture)
        return super().control(view)

    def picture_account(self) -> dict[str, int] | None:
        """What became of the pictures of the last drive; None before one."""
        return None if self._drive is None else self._drive.augmenter.totals().as_record()

    def close(self) -> None:
        """Finish what is being made; safe to call twice."""
        if self._drive is not None:
            self._drive.close()
        if self._relighter is not None:
            self._relighter.close()
        self._drive = self._relighter = None
