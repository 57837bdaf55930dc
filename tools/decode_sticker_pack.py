#!/usr/bin/env python3
"""Decodes a sticker pack's videos where FFmpeg's libraries are missing (a bare GPU machine).

usage: decode_sticker_pack.py PACK PREPARED

Writes PREPARED/clips.safetensors and PREPARED/stills.safetensors, byte for byte what `zoetrope train
prepare` writes there. Needs the Python packages opencv-python-headless, numpy and safetensors.
"""
import os
import sys

import cv2
import numpy as np
from safetensors.numpy import save_file

FRAMES = 16


def decode(path):
    video, frames = cv2.VideoCapture(path), []
    while True:
        ok, bgr = video.read()
        if not ok:
            break
        frames.append(bgr[:, :, ::-1])
    if not frames:
        sys.exit(f"{path}: no frames")
    return np.stack(frames)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    pack, prepared = sys.argv[1:]
    clips = decode(os.path.join(pack, "animations-128px.mkv"))
    clips = clips.reshape(-1, FRAMES, *clips.shape[1:])
    save_file({"frames": clips}, os.path.join(prepared, "clips.safetensors"))
    stills = decode(os.path.join(pack, "stills-128px.mkv"))
    save_file({"frames": np.ascontiguousarray(stills)}, os.path.join(prepared, "stills.safetensors"))
    print(f"{len(clips)} clips, {len(stills)} stills: {prepared}")


if __name__ == "__main__":
    main()
