#include "lowbit/quant/affine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "lowbit/core/error.h"
#include "quant/affine_qparams.h"
#include "quant/rounding.h"

namespace lowbit::detail {
namespace {

constexpr std::size_t kLanes =
    16;  // independent partial results, which the compiler keeps in vector registers

bool finite(float x) {
  return x - x == 0.0f;
}

// Range of the finite values, widened to contain zero: a non-finite value then simply counts as zero.
Range range_with_zero(std::span<const float> values) {
  std::array<float, kLanes> lo{}, hi{};
  const auto take = [&](float x, std::size_t lane) {
    const float v = finite(x) ? x : 0.0f;
    lo[lane] = v < lo[lane] ? v : lo[lane];
    hi[lane] = v > hi[lane] ? v : hi[lane];
  };
  const std::size_t whole = values.size() - values.size() % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes)
    for (std::size_t j = 0; j < kLanes; ++j) take(values[i + j], j);
  for (std::size_t i = whole; i < values.size(); ++i) take(values[i], i - whole);
  Range r{0.0f, 0.0f};
  for (std::size_t j = 0; j < kLanes; ++j) {
    r.min = lo[j] < r.min ? lo[j] : r.min;
    r.max = hi[j] > r.max ? hi[j] : r.max;
  }
  return r;
}

// Weighted squared error of a group when quantized with given parameters. Errors are computed in floats, and
// summed in floats only within short blocks, so that the loops run in vector registers.
class SquaredError {
 public:
  SquaredError(std::span<const float> values, std::span<const float> importance, IntRange codes)
      : values_(values.size()), importance_(importance.begin(), importance.end()), codes_(codes) {
    for (std::size_t i = 0; i < values.size(); ++i) values_[i] = finite(values[i]) ? values[i] : 0.0f;
    float largest = 0.0f;
    for (float& w : importance_) {
      w = w > 0.0f && finite(w) ? w : 0.0f;
      largest = w > largest ? w : largest;
    }
    // Only ratios matter; below one, nothing overflows.
    for (float& w : importance_) w = largest > 0.0f ? w / largest : 0.0f;
  }

  double operator()(QParams q) const {
    const CodeMap map(q, codes_);
    double total = 0;
    for (std::size_t begin = 0; begin < values_.size(); begin += kBlock)
      total += block(begin, std::min(kBlock, values_.size() - begin), map, q.scale);
    return total;
  }

 private:
  static constexpr std::size_t kBlock = 256;

  // In units of the squared scale, which neither overflows nor vanishes.
  double block(std::size_t begin, std::size_t size, const CodeMap& map, float scale) const {
    std::array<float, kBlock> terms;
    const float* x = values_.data() + begin;
    for (std::size_t i = 0; i < size; ++i) {
      const float e = x[i] * map.inverse_scale - map.steps(x[i]);
      terms[i] = e * e;
    }
    if (!importance_.empty())
      for (std::size_t i = 0; i < size; ++i) terms[i] *= importance_[begin + i];
    std::array<float, kLanes> sums{};
    for (std::size_t i = size; i < (size + kLanes - 1) / kLanes * kLanes; ++i) terms[i] = 0.0f;
    for (std::size_t i = 0; i < size; i += kLanes)
      for (std::size_t j = 0; j < kLanes; ++j) sums[j] += terms[i + j];
    double total = 0;
    for (const float s : sums) total += s;
    return total * double(scale) * double(scale);
  }

  std::vector<float> values_, importance_;
  IntRange codes_;
};

// Shrinks both ends of the range by factors in (0, 1]: a coarse grid over both, then ever smaller steps
// downhill. The full range is the first candidate, so that the result is never worse than min-max.
class ClipSearch {
 public:
  ClipSearch(Range full, IntRange codes, Mapping mapping, const SquaredError& error)
      : full_(full), codes_(codes), mapping_(mapping), error_(error) {}

  QParams run() {
    best_ = affine_qparams(full_.min, full_.max, codes_, mapping_);
    best_error_ = error_(best_);
    if (best_error_ == 0.0) return best_;
    const bool has_min = full_.min < 0.0f && mapping_ == Mapping::asymmetric, has_max = full_.max > 0.0f;
    const bool both = has_min && has_max;
    const int coarse = both ? 6 : 16;
    for (int i = 1; i <= coarse; ++i)
      for (int j = 1; j <= (both ? coarse : 1); ++j) {
        const double high = double(i) / coarse, low = both ? double(j) / coarse : high;
        try_shrinking(low, high);
      }
    for (double step = 0.5 / coarse; step > 1.0 / 300; step /= 2)
      while (improve(step, both)) continue;
    return best_;
  }

 private:
  bool improve(double step, bool both) {
    const double low = low_, high = high_;
    bool better = false;
    if (!both) {
      better |= try_shrinking(low - step, high - step);
      better |= try_shrinking(low + step, high + step);
      return better;
    }
    for (const double dl : {-step, 0.0, step})
      for (const double dh : {-step, 0.0, step}) better |= try_shrinking(low + dl, high + dh);
    return better;
  }

  bool try_shrinking(double low, double high) {
    if (low <= 0 || high <= 0 || low > 1 || high > 1) return false;
    const QParams q = affine_qparams(full_.min * low, full_.max * high, codes_, mapping_);
    const double e = error_(q);
    if (!(e < best_error_)) return false;
    best_ = q, best_error_ = e, low_ = low, high_ = high;
    return true;
  }

  Range full_;
  IntRange codes_;
  Mapping mapping_;
  const SquaredError& error_;
  QParams best_;
  double best_error_ = 0, low_ = 1, high_ = 1;
};

}  // namespace

AffineGroup fit_affine(std::span<const float> values, std::span<const float> importance, int bits,
                       Mapping mapping, Clip clip) {
  if (bits < 2 || bits > 8)
    throw Error(ErrorCode::invalid_argument, fmt::format("affine codes have 2 to 8 bits, not {}", bits));
  if (!importance.empty() && importance.size() != values.size())
    throw Error(ErrorCode::shape_mismatch, fmt::format("{} importances were given for a group of {} values",
                                                       importance.size(), values.size()));
  if (mapping == Mapping::asymmetric_real)
    throw Error(ErrorCode::not_built, "affine quantization with a real offset is not built yet");
  if (clip != Clip::minmax && clip != Clip::mse)
    throw Error(ErrorCode::not_built,
                "affine quantization clips by min-max or mse; other clips are not built yet");
  const IntRange codes = mapping == Mapping::symmetric ? signed_range(bits, true) : unsigned_range(bits);
  const Range full = range_with_zero(values);
  QParams q = affine_qparams(full.min, full.max, codes, mapping);
  if (clip == Clip::mse && full.max > full.min)
    q = ClipSearch(full, codes, mapping, SquaredError(values, importance, codes)).run();
  return {q.scale, q.zero_point, codes.qmin, codes.qmax};
}

}  // namespace lowbit::detail
