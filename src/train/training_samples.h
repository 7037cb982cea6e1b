// SPDX-License-Identifier: Apache-2.0
// The samples of a batch: their order in an epoch, and what is done to images.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/tensor.h"
#include "lowbit/train/trainer.h"

namespace lowbit::train {

/// 0 to count - 1, shuffled by the seed and the epoch (Fisher-Yates).
std::vector<std::int64_t> shuffled(std::int64_t count, std::uint64_t seed, std::int64_t epoch);

/// One sample, changed by a random number of its own. `room` has as many elements.
void augment(const ImageAugmentation& options, const Shape& shape, std::uint64_t random,
             std::span<float> sample, std::vector<float>& room);

/// Of the order of an epoch, the `size` samples of its step `step`.
inline std::span<const std::int64_t> samples_of_step(const std::vector<std::int64_t>& order,
                                                     std::int64_t step, std::int64_t size) {
  return std::span(order).subspan(static_cast<std::size_t>(step * size), static_cast<std::size_t>(size));
}

/// Fills `batch` with these samples, those of an epoch augmented; epoch -1: as they are.
void read_batch(const LabelledSamples& samples, std::span<const std::int64_t> which,
                const TrainerOptions& options, std::int64_t epoch, Tensor& batch,
                std::vector<std::int64_t>& labels);

}  // namespace lowbit::train
