"""`syndiff mmseg-weights`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MmsegWeightsList:
    """List trained weights of mmsegmentation with their addresses, from the index in its package; fetches nothing."""

    names: tuple[str, ...] = ()
    """Only configs whose names hold all of these words, e.g. mask2former swin-t."""

    def run(self) -> int:
        from carla_agents.segmentation.mmseg_weights import packaged_weights

        found = [w for w in packaged_weights() if all(word in w.config for word in self.names)]
        for weights in found:
            miou = "" if weights.miou_percent is None else f", mIoU {weights.miou_percent:.2f} %"
            print(f"{weights.config}\n    {weights.data_set}{miou}\n    {weights.url}")
        print(f"{len(found)} of them; use one with: syndiff train-seg --backend mmseg --config NAME --weights FILE")
        return 0
