#include "lowbit/quant/affine.h"

#include <fmt/format.h>

#include <array>
#include <limits>

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

// Weighted squared error of a group when quantized with given parameters.
class SquaredError {
 public:
  SquaredError(std::span<const float> values, std::span<const float> importance, IntRange codes)
      : values_(values), importance_(importance), codes_(codes) {}

  double operator()(QParams q) const {
    const CodeMap map(q, codes_);
    std::array<double, 8> sum{};
    const std::size_t whole = values_.size() - values_.size() % sum.size();
    for (std::size_t i = 0; i < whole; i += sum.size())
      for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += term(i + j, map, q.scale);
    for (std::size_t i = whole; i < values_.size(); ++i) sum[i - whole] += term(i, map, q.scale);
    double total = 0;
    for (const double s : sum) total += s;
    return total;
  }

 private:
  double term(std::size_t i, const CodeMap& map, float scale) const {
    const float x = finite(values_[i]) ? values_[i] : 0.0f;
    const double e = double(x) - double(map.steps(x)) * double(scale);
    if (importance_.empty()) return e * e;
    const float w = importance_[i];
    return w > 0.0f && finite(w) ? e * e * double(w) : 0.0;
  }

  std::span<const float> values_, importance_;
  IntRange codes_;
};

// Shrinks both ends of the range by factors in (0, 1]: a coarse grid over both, then ever smaller steps
// downhill. The full range is the first candidate, so that the result is never worse than min-max.
class ClipSearch {
 public:
  ClipSearch(Range full, IntRange codes, Mapping mapping, const SquaredError& error)
      : full_(full), codes_(codes), mapping_(mapping), error_(error) {}

  QParams run() {
    try_shrinking(1, 1);
    if (best_error_ == 0.0) return best_;
    const bool has_min = full_.min < 0.0f && mapping_ == Mapping::asymmetric, has_max = full_.max > 0.0f;
    const bool both = has_min && has_max;
    const int coarse = both ? 8 : 32;
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
  double best_error_ = std::numeric_limits<double>::infinity(), low_ = 1, high_ = 1;
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
