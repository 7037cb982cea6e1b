// SPDX-License-Identifier: Apache-2.0
// The search for the pair of clip edges with the least cost. Candidates are edges of the bins of a
// FloatHistogram, 256 for each power of two, and the smallest and largest value. Where there are values on
// one side of zero only, all of them are tried. Where there are two sides, all pairs of every 16th edge are
// tried first and then all pairs of edges that lie within 16 of the best such pair. Pairs of 16ths of bins,
// up to a bin away from the best pair of edges, may follow. What is left out cannot be the best because
// clipping alone costs more than the best pair that is known.
#pragma once

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"

namespace lowbit::detail {

class ClipCost {
 public:
  virtual ~ClipCost() = default;
  virtual double cost(Range clip) const = 0;
  /// No more than `cost`; does not decrease when the range shrinks.
  virtual double at_least(Range clip) const = 0;
};

/// `seen` are the ends of the values, zero included; candidates reach out to `limit`, which contains `seen`,
/// and in to 2^-20 of it. `between_edges`: 16ths of bins, too.
Range search_clip_range(const ClipCost& cost, Range seen, Range limit, bool between_edges);

}  // namespace lowbit::detail

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/detail/clip_search-inl.h"
#endif
