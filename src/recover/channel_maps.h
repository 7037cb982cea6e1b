// SPDX-License-Identifier: Apache-2.0
// Which axes of a value are its channels. A convolution has them first and a Linear last, and operators that
// move elements carry them elsewhere: the features of an attention's values are one axis of 1 x 64 x 768, two
// of 1 x 64 x 12 x 64, and two that do not lie side by side of 1 x 12 x 64 x 64.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "lowbit/model/graph.h"

namespace lowbit::detail {

/// Numbers the channels of a value by coordinates along some of its axes.
struct ChannelMap {
  /// As layers have them: C of C x H x W, else the last axis.
  explicit ChannelMap(const Shape& shape);
  /// Along these axes, the last of which counts fastest.
  ChannelMap(const Shape& shape, std::vector<int> along);

  std::vector<int> axes;
  std::array<std::int64_t, Shape::kMaxRank> weight{};  ///< of the coordinate along each axis of the value
  std::int64_t channels = 1;

  /// Of each element in logical order.
  std::vector<std::int64_t> of_elements(const Shape& shape) const;

  friend bool operator==(const ChannelMap& a, const ChannelMap& b) {
    return a.axes == b.axes && a.channels == b.channels;
  }
};

/// One number for each channel as a tensor of as many dimensions as `shape`, of size 1 along other axes.
Tensor along_channels(const ChannelMap& map, const Shape& shape, const std::vector<float>& numbers);

/// One for each value. What layers, pools and the like read and compute has the channels that they have;
/// other values have those of what they are made from, where these are axes there.
std::vector<ChannelMap> channel_maps(const Graph& graph);

}  // namespace lowbit::detail
