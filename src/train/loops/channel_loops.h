// SPDX-License-Identifier: Apache-2.0
// The loops of training over channels-last floats, a table entry for each instruction set: statistics and
// application of a normalization, rounding to codes, and what gradients pass. Plain data, so that the files
// of the table include nothing else. A result has the same bits with every entry: sums of a channel go over
// its pixels one by one, those of a whole array over 32 parts, whatever the width of a vector.
#pragma once

#include <cstdint>

#include "lowbit/kernels/isa.h"

namespace lowbit::train {

/// `pixels` times `channels` floats, without gaps.
struct ChannelShape {
  std::int64_t pixels = 0, channels = 0;
};

/// y = x factor + term (+ residual), limited to [lo, hi].
struct NormalizeArgs {
  ChannelShape shape;
  const float *x = nullptr, *residual = nullptr;   ///< residual: like x, or null
  const float *factor = nullptr, *term = nullptr;  ///< [channels]
  float lo = 0, hi = 0;
  float* y = nullptr;
};

/// The gradient of an output that was limited to (lo, hi): passes where the output is inside.
struct PassArgs {
  std::int64_t count = 0;
  const float *y = nullptr, *gradient = nullptr;
  float lo = 0, hi = 0;
  float* to = nullptr;  ///< may be `gradient`
  bool adds = false;    ///< to what is there
};

/// Codes as the reals that they stand for: step * clamp(rint(x / step), lo, hi).
struct RoundArgs {
  std::int64_t count = 0;
  const float* x = nullptr;
  float inverse = 1, step = 1;  ///< inverse = 1 / step
  float lo = 0, hi = 0;
  float* y = nullptr;
};

struct RoundGradientArgs {
  std::int64_t count = 0;
  const float *x = nullptr, *gradient = nullptr;
  float inverse = 1, lo = 0, hi = 0;
  float* to = nullptr;  ///< null: not wanted
  bool adds = false;
  float scaling = 0;  ///< gradients that pass are g (1 + scaling sign(g) (x / step - code))
};

/// What the gradients of a step and of the ends of its range are made from.
struct RoundSums {
  double inside = 0;            ///< of g (code - x / step), x / step in [lo, hi]
  double below = 0, above = 0;  ///< of g outside
};

struct ChannelLoops {
  const char* name;  ///< "channel_loops/avx2"
  Isa required;
  /// Adds to sums[c] the elements of channel c, to sums[channels + c] their products with those of y.
  void (*add_sums)(const ChannelShape& shape, const float* x, const float* y, double* sums);
  void (*normalize)(const NormalizeArgs&);
  /// g = g factor + (x slope + constant), in place.
  void (*normalize_back)(const ChannelShape& shape, const float* x, const float* factor, const float* slope,
                         const float* constant, float* g);
  void (*pass)(const PassArgs&);
  void (*round)(const RoundArgs&);
  RoundSums (*round_gradient)(const RoundGradientArgs&);
};

extern const ChannelLoops kChannelLoopsScalar, kChannelLoopsAvx2, kChannelLoopsAvx512, kChannelLoopsNeon;

/// Every entry of this build, best first, the scalar one last. `*count` entries.
const ChannelLoops* const* channel_loops(std::int64_t* count);
/// The first that `isa` allows.
const ChannelLoops& select_channel_loops(Isa isa);

}  // namespace lowbit::train
