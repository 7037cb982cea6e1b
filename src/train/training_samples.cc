// SPDX-License-Identifier: Apache-2.0
#include "train/training_samples.h"

#include <algorithm>
#include <numeric>

#include "core/random.h"

namespace lowbit::train {
namespace {

/// One number of three.
std::uint64_t mixed(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  lowbit::detail::SplitMix64 first(a);
  lowbit::detail::SplitMix64 second(first.next() ^ b);
  lowbit::detail::SplitMix64 third(second.next() ^ c);
  return third.next();
}

}  // namespace

std::vector<std::int64_t> shuffled(std::int64_t count, std::uint64_t seed, std::int64_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  lowbit::detail::SplitMix64 random(mixed(seed, static_cast<std::uint64_t>(epoch), 0));
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.next() % i]);
  return order;
}

void augment(const ImageAugmentation& options, const Shape& shape, std::uint64_t random,
             std::span<float> sample, std::vector<float>& room) {
  if (shape.rank() != 3 || (options.pad == 0 && !options.flip)) return;
  lowbit::detail::SplitMix64 numbers(random);
  const auto span = static_cast<std::uint64_t>(2 * options.pad + 1);
  const std::int64_t dy = static_cast<std::int64_t>(numbers.next() % span) - options.pad;
  const std::int64_t dx = static_cast<std::int64_t>(numbers.next() % span) - options.pad;
  const bool flips = options.flip && numbers.next() % 2 != 0;
  const std::int64_t height = shape[1], width = shape[2];
  room.assign(sample.begin(), sample.end());
  for (std::int64_t c = 0; c < shape[0]; ++c)
    for (std::int64_t y = 0; y < height; ++y)
      for (std::int64_t x = 0; x < width; ++x) {
        const std::int64_t from_y = y + dy, from_x = (flips ? width - 1 - x : x) + dx;
        const bool is_in = from_y >= 0 && from_y < height && from_x >= 0 && from_x < width;
        sample[static_cast<std::size_t>((c * height + y) * width + x)] =
            is_in ? room[static_cast<std::size_t>((c * height + from_y) * width + from_x)] : 0.0f;
      }
}

void read_batch(const LabelledSamples& samples, std::span<const std::int64_t> which,
                const TrainerOptions& options, std::int64_t epoch, Tensor& batch,
                std::vector<std::int64_t>& labels) {
  const auto size = static_cast<std::size_t>(samples.shape.elements());
  std::vector<std::int64_t> dims{static_cast<std::int64_t>(which.size())};
  dims.insert(dims.end(), samples.shape.dims().begin(), samples.shape.dims().end());
  batch.shape = Shape(dims);
  batch.data.resize(which.size() * size);
  labels.clear();
  std::vector<float> room;
  for (std::size_t i = 0; i < which.size(); ++i) {
    const std::span<float> sample(batch.data.data() + i * size, size);
    samples.read(which[i], sample);
    labels.push_back(samples.labels[static_cast<std::size_t>(which[i])]);
    if (epoch >= 0)
      augment(
          options.augmentation, samples.shape,
          mixed(options.seed, static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(which[i]) + 1),
          sample, room);
  }
}

}  // namespace lowbit::train
