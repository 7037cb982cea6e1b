// SPDX-License-Identifier: Apache-2.0
// PerChannelObserver: one observer per channel of a tensor whose last dimension is the channel (NHWC images,
// rows of features).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/core/view.h"
#include "lowbit/observe/observer.h"

namespace lowbit {

template <Observer O>
class PerChannelObserver {
 public:
  /// Throws Error(invalid_argument) for no channels.
  explicit PerChannelObserver(std::size_t channels, const O& observer = O{})
      : observers_(channels, observer) {
    if (channels == 0)
      detail::throw_error(ErrorCode::invalid_argument, "an observer per channel needs at least one channel");
  }

  /// Channels last: element i belongs to channel i % channels. Throws Error(shape_mismatch) for a part of a
  /// pixel. A BatchObserver takes it for the batch after the last, or for all or a piece of the given one.
  void observe(std::span<const float> x) { observe(pixels(x)); }
  void observe(std::span<const float> x, std::uint64_t batch) { observe(pixels(x), batch); }
  /// One channel per column. Throws Error(shape_mismatch) for another number of columns.
  void observe(const MatrixView& x) { observe(x, next_batch_); }
  void observe(const MatrixView& x, std::uint64_t batch) {
    if (x.cols != static_cast<std::int64_t>(observers_.size()))
      detail::throw_error(ErrorCode::shape_mismatch, std::to_string(x.cols) +
                                                         " columns were given to an observer of " +
                                                         std::to_string(observers_.size()) + " channels");
    std::array<float, 512> values;
    constexpr auto kPiece = static_cast<std::int64_t>(values.size());
    for (std::int64_t begin = 0; begin < x.rows; begin += kPiece)
      for (std::int64_t c = 0; c < x.cols; ++c) {
        const std::int64_t count = x.rows - begin < kPiece ? x.rows - begin : kPiece;
        for (std::int64_t r = 0; r < count; ++r) values[static_cast<std::size_t>(r)] = x(begin + r, c);
        const std::span<const float> piece(values.data(), static_cast<std::size_t>(count));
        if constexpr (BatchObserver<O>)
          observers_[static_cast<std::size_t>(c)].observe(piece, batch);
        else
          observers_[static_cast<std::size_t>(c)].observe(piece);
      }
    if (x.rows > 0 && batch >= next_batch_) next_batch_ = batch + 1;
  }
  /// Throws Error(shape_mismatch) for another number of channels.
  void merge(const PerChannelObserver& other) {
    if (other.observers_.size() != observers_.size())
      detail::throw_error(ErrorCode::shape_mismatch,
                          "an observer of " + std::to_string(other.observers_.size()) +
                              " channels cannot be merged into one of " + std::to_string(observers_.size()));
    for (std::size_t c = 0; c < observers_.size(); ++c) observers_[c].merge(other.observers_[c]);
    if (other.next_batch_ > next_batch_) next_batch_ = other.next_batch_;
  }

  std::size_t channels() const { return observers_.size(); }
  const O& channel(std::size_t c) const { return observers_[c]; }
  /// One range per channel.
  std::vector<Range> ranges(IntRange codes) const {
    std::vector<Range> result;
    for (const O& o : observers_) result.push_back(o.range(codes));
    return result;
  }

 private:
  MatrixView pixels(std::span<const float> x) const {
    const auto channels = static_cast<std::int64_t>(observers_.size()),
               size = static_cast<std::int64_t>(x.size());
    if (size % channels != 0)
      detail::throw_error(ErrorCode::shape_mismatch, std::to_string(size) +
                                                         " values are no whole number of pixels of " +
                                                         std::to_string(channels) + " channels");
    return MatrixView(x.data(), size / channels, channels);
  }

  std::vector<O> observers_;
  std::uint64_t next_batch_ = 0;
};

}  // namespace lowbit
