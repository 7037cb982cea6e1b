#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the images of this folder and prints what Pillow makes of them: figures of image_test.cc.

Needs python3-pil and python3-numpy. The tests read what lies here; run this only to add to it.
"""
import os

import numpy
from PIL import Image

FOLDER = os.path.dirname(os.path.abspath(__file__))


def pattern(height, width, channels):
    """As pattern() of image_test.cc."""
    y, x, c = numpy.meshgrid(range(height), range(width), range(channels), indexing="ij")
    return ((37 * y + 11 * x + 80 * c + 5 * x * y) % 256).astype(numpy.uint8)


def smooth(height, width):
    """As smooth() of image_test.cc: what lossy formats keep."""
    y, x, c = numpy.meshgrid(range(height), range(width), range(3), indexing="ij")
    return (40 + 7 * y + 4 * x + 20 * c).astype(numpy.uint8)


def save(name, image, **options):
    image.save(os.path.join(FOLDER, name), **options)


def show(name, image):
    values = numpy.asarray(image).reshape(-1)
    print(f"{name}: {', '.join(str(v) for v in values)}")


colour = Image.fromarray(pattern(5, 7, 3), "RGB")
save("colour.png", colour)
save("colour.webp", colour, lossless=True)
save("grey.png", Image.fromarray(pattern(4, 6, 1)[:, :, 0], "L"))
palette = colour.quantize(16)
save("palette.png", palette)
show("palette", palette.convert("RGB"))
alpha = numpy.concatenate([pattern(5, 7, 3), numpy.full((5, 7, 1), 99, numpy.uint8)], axis=2)
save("alpha.png", Image.fromarray(alpha, "RGBA"))
save("two_levels.png", Image.fromarray(pattern(4, 6, 1)[:, :, 0] > 99))
save("smooth.jpg", Image.fromarray(smooth(13, 17), "RGB"), quality=95)
save("grey.jpg", Image.fromarray(smooth(13, 17)[:, :, 0], "L"), quality=95)
save("smooth.webp", Image.fromarray(smooth(13, 17), "RGB"), quality=95)
show("grey of colour", colour.convert("L"))

large = Image.fromarray(pattern(9, 13, 1)[:, :, 0], "L")
show("13x9 to 5x4", large.resize((5, 4), Image.BILINEAR))
show("13x9 to 16x3", large.resize((16, 3), Image.BILINEAR))
show("7x5 to 3x2, colours", colour.resize((3, 2), Image.BILINEAR))
