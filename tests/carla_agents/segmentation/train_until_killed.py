"""Trains a tiny segmenter; run as a program so that a test can kill it. Arguments: store, folder, pause per step."""

import sys
import time
from pathlib import Path

from carla_agents.data.store import Store
from carla_agents.segmentation.segmentation_set import SegmentationSetConfig, load_segmentation_set
from carla_agents.segmentation.small import SmallSegmenter, SmallSegmenterConfig
from carla_agents.segmentation.training import SegmentationTrainingConfig, train_segmenter

data = load_segmentation_set(Store.read(sys.argv[1]), SegmentationSetConfig())
config = SegmentationTrainingConfig(steps=20, batch_size=4, threads=1, checkpoint_every=3)
train_segmenter(
    lambda: SmallSegmenter(SmallSegmenterConfig(widths=(8, 8, 12, 12))),
    data,
    config,
    Path(sys.argv[2]),
    lambda step, loss: time.sleep(float(sys.argv[3])),
)
