// SPDX-License-Identifier: Apache-2.0
// Preprocessing as the option --preprocess says it: how files become samples, then y = (x * scale - mean) /
// std in float, per channel.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lowbit/core/shape.h"

namespace lowbit::data {

/// Of an image, in pixels.
struct Sides {
  std::int64_t height = 0, width = 0;
  friend bool operator==(const Sides&, const Sides&) = default;
};

/// How images and sounds are read; unset: as the model's input says.
struct Reading {
  std::optional<Sides> resize{};  ///< height 0: the shorter side becomes `width`
  std::optional<Sides> crop{};
  std::optional<bool> bgr{};
  std::optional<std::int64_t> rate{}, hop{};  ///< samples a second; samples from one window to the next

  /// Of those that are set: "resize", ...
  std::vector<std::string> keys() const;
  friend bool operator==(const Reading&, const Reading&) = default;
};

struct Preprocess {
  float scale = 1.0f;
  std::vector<float> mean{0.0f}, std{1.0f};  ///< one element, or one for each channel
  Reading reading{};

  bool is_identity() const { return scale == 1.0f && mean == std::vector{0.0f} && std == std::vector{1.0f}; }
  bool same_numbers(const Preprocess& other) const {
    return scale == other.scale && mean == other.mean && std == other.std;
  }
  friend bool operator==(const Preprocess&, const Preprocess&) = default;
};

/// "scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225": the keys in any order, each at most once; a
/// number is a decimal or a fraction. "resize=256" (the shorter side), "resize=256x320" (height, width),
/// "crop=224" or "crop=224x320", "order=rgb" or "order=bgr", "rate=16000", "hop=1280". What the text does not
/// name keeps its value from `defaults`. Throws Error(invalid_argument) naming the part that it does not
/// understand, a zero std, or a number that is not finite.
Preprocess parse_preprocess(std::string_view text, const Preprocess& defaults = {});

/// Of C x H x W, or H x W x C with `last`; else 1.
std::int64_t channel_count(const Shape& sample, bool last = false);
/// Throws Error(shape_mismatch) when a list has neither 1 nor `channels` elements.
void require_channels(const Preprocess& preprocess, std::int64_t channels);
/// In place, on one sample stored channel after channel, or with `last` pixel after pixel; its size is a
/// multiple of `channels`.
void apply(const Preprocess& preprocess, std::int64_t channels, std::span<float> sample, bool last = false);

}  // namespace lowbit::data
