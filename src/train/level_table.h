// SPDX-License-Identifier: Apache-2.0
// A table of levels as a forward pass uses it: what a layer multiplies by, and which level is the nearest.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace lowbit::train {

class LevelTable {
 public:
  /// `meets_integers`: levels are rounded as for integer kernels, which take int8 (quant/effective.h).
  explicit LevelTable(bool meets_integers) : meets_integers_(meets_integers) {}

  /// 2 to 256 finite levels in any order; may be called again with as many.
  void set(std::span<const float> levels);
  /// What code k is multiplied as.
  float used(std::size_t k) const { return used_[k]; }
  /// The code of the nearest level; of two the smaller one.
  std::size_t nearest(float x) const;
  float smallest() const { return used_[order_.front()]; }
  float largest() const { return used_[order_.back()]; }
  std::size_t size() const { return used_.size(); }

 private:
  bool meets_integers_;
  std::vector<float> padded_, used_, middles_;
  std::vector<std::size_t> order_;  ///< codes by their level
};

}  // namespace lowbit::train
