// SPDX-License-Identifier: Apache-2.0
// A task of three classes that a small network learns in a few steps: where in an image the bright patch is.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "finite_differences.h"
#include "lowbit/model/sequential.h"
#include "lowbit/train/trainer.h"

namespace lowbit::testing {

inline LabelledSamples blobs(std::int64_t count, std::uint64_t seed) {
  LabelledSamples samples;
  samples.shape = Shape{1, 8, 8};
  for (std::int64_t i = 0; i < count; ++i) samples.labels.push_back(i % 3);
  samples.read = [seed](std::int64_t i, std::span<float> out) {
    Random random(seed * 1000 + static_cast<std::uint64_t>(i));
    for (float& x : out) x = 0.5f * random.uniform();
    const std::size_t row = static_cast<std::size_t>(i % 3) * 2 + 1;
    for (const std::size_t y : {row, row + 1})
      for (std::size_t x = 2; x < 6; ++x) out[y * 8 + x] += 1.0f;
  };
  return samples;
}

inline Model blob_network() {
  Random r(17);
  return Sequential({1, 8, 8})
      .add(nn::Conv2d{.weight = Tensor(Shape{8, 1, 3, 3}, random_values(r, 72, 0.5f)),
                      .bias = std::vector<float>(8),
                      .padding = 1},
           "first")
      .add(nn::Relu{})
      .add(nn::MaxPool2d{.kernel = 2})
      .add(nn::Flatten{})
      .add(nn::Linear{.weight = Tensor(Shape{3, 128}, random_values(r, 384, 0.1f)),
                      .bias = std::vector<float>(3)})
      .model();
}

}  // namespace lowbit::testing
