// Preprocessing of images: y = (x * scale - mean) / std in float, per channel, as the option --preprocess
// says it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lowbit/core/shape.h"

namespace lowbit::data {

struct Preprocess {
  float scale = 1.0f;
  std::vector<float> mean{0.0f}, std{1.0f};  ///< one element, or one for each channel

  bool is_identity() const { return scale == 1.0f && mean == std::vector{0.0f} && std == std::vector{1.0f}; }
  friend bool operator==(const Preprocess&, const Preprocess&) = default;
};

/// "scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225": the keys in any order, each at most once; a
/// number is a decimal or a fraction. What the text does not name keeps its value from `defaults`. Throws
/// Error(invalid_argument) naming the part that it does not understand, a zero std, or a number that is not
/// finite.
Preprocess parse_preprocess(std::string_view text, const Preprocess& defaults = {});

/// Dimension 0 for C x H x W, else 1.
std::int64_t channel_count(const Shape& sample);
/// Throws Error(shape_mismatch) when a list has neither 1 nor `channels` elements.
void require_channels(const Preprocess& preprocess, std::int64_t channels);
/// In place, on one sample stored channel after channel; its size is a multiple of `channels`.
void apply(const Preprocess& preprocess, std::int64_t channels, std::span<float> sample);

}  // namespace lowbit::data
