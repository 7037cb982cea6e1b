#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the inputs of export_tables.sh as .npy files of floats, as the networks want them.
Usage: write_samples.py SHARED FOLDER"""
import gzip
import sys

import numpy as np

shared, folder = sys.argv[1:3]


def save(name, array):
    np.save(f"{folder}/{name}.npy", np.ascontiguousarray(array, np.float32))


def normalized(pixels, mean, std):
    shape = (1, 3, 1, 1)
    return (pixels.astype(np.float32) / np.float32(255) - np.float32(mean).reshape(shape)) / np.float32(std).reshape(shape)


digits = gzip.open(f"{shared}/data/mnist/t10k-images-idx3-ubyte.gz").read()
save("digits", np.frombuffer(digits, np.uint8, offset=16).reshape(-1, 784, 1).astype(np.float32) / np.float32(255))
images = np.fromfile(f"{shared}/data/cifar10/test_batch.bin", np.uint8).reshape(-1, 3073)[:, 1:]
save("images", normalized(images.reshape(-1, 3, 32, 32), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
lines = normalized(np.load(f"{shared}/data/ocr/lines.npy"), (0.5,) * 3, (0.5,) * 3)
save("lines-calibration", lines[:100])
save("lines", lines[100:])
noise = normalized(np.random.default_rng(1).integers(0, 256, (200, 3, 224, 224), np.uint8), (0.5,) * 3, (0.5,) * 3)
save("noise-calibration", noise[:8])
save("noise", noise)
