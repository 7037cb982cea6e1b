// SPDX-License-Identifier: Apache-2.0
// Resizing and cropping of images as torchvision's Resize and CenterCrop do on images of Pillow.
#pragma once

#include "data/image.h"
#include "data/preprocess.h"

namespace lowbit::data {

/// Bilinear with antialiasing, Pillow's BILINEAR to the bit: output pixel x has its centre at (x + 1/2) s, s
/// = size / new size; it is the sum of the pixels i within max(s, 1) of it, weighted by 1 - |i + 1/2 -
/// centre| / max(s, 1), over the sum of these weights. Weights are rounded to multiples of 2^-22, sums to the
/// nearest byte; rows first, then columns.
Image resize(const Image& image, const Sides& size);

/// Height and width after a Resize to `wanted` (Reading::resize): the shorter side becomes its width, the
/// longer one is rounded down.
Sides resized_sides(const Sides& sides, const Sides& wanted);
/// The smallest size with the same ratio of sides that covers `crop`.
Sides covering_sides(const Sides& sides, const Sides& crop);

/// The middle: the first row is half of what is left over, rounded half to even; where the image is smaller
/// it gets black edges, the larger half behind it.
Image crop_middle(const Image& image, const Sides& size);

}  // namespace lowbit::data
