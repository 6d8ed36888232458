"""What the adapters for sets of video files have in common."""

from __future__ import annotations

import numpy as np
from pydantic import Field, PositiveInt

from bench.data.base import Dataset, Sample
from bench.data.formats.clips import decoder_versions, read_clips


class ClipSet(Dataset):
    """Base of adapters whose samples are video files; a sample is its clips, one after the other, as one volume.

    A backbone sees ``views * frames`` frames; a video backbone with the same ``views`` takes the clips apart again and
    averages their features (`bench.backbones.views`).
    """

    libraries = ("av",)
    forbidden_flips = ("depth",)  # an action backwards is another one

    frames: PositiveInt = Field(16, description="frames of a clip")
    stride: PositiveInt = Field(4, description="distance between two frames of a clip")
    views: PositiveInt = Field(1, description="clips of each video, in training and testing; 1: from its middle")
    size: PositiveInt = Field(112, description="side of a frame in pixels: shorter side scaled, middle cut out")

    def reading(self) -> dict[str, object]:
        return dict(decoder_versions())

    def read(self, sample: Sample) -> np.ndarray:
        assert sample.path is not None
        return read_clips(sample.path, self.frames, self.stride, self.views, self.size)
