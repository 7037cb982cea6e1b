// SPDX-License-Identifier: Apache-2.0
// The loops of channel_loops.h over the vector vocabulary of the including file (kernels/simd/vec_<isa>.inl).
// What does not fill a vector goes through the same operations one by one.
#pragma once

namespace lowbit::train {
namespace {

using kernels::VecF;
constexpr std::int64_t kWidth = kernels::kLanes;

/// The operations of a vector, and of one float.
struct Wide {
  using F = VecF;
  static F load(const float* p) { return kernels::load_f(p); }
  static void store(float* p, F v) { kernels::store_f(p, v); }
  static F all(float v) { return kernels::broadcast_f(v); }
  static F add(F a, F b) { return kernels::add_f(a, b); }
  static F sub(F a, F b) { return kernels::sub_f(a, b); }
  static F mul(F a, F b) { return kernels::mul_f(a, b); }
  static F below(F v, F lo) { return kernels::clamp_below(v, lo); }
  static F above(F v, F hi) { return kernels::clamp_above(v, hi); }
  /// b where x < y, else a.
  static F choose(F x, F y, F b, F a) { return kernels::select_f(kernels::is_less(x, y), b, a); }
};
struct Narrow {
  using F = float;
  static F load(const float* p) { return *p; }
  static void store(float* p, F v) { *p = v; }
  static F all(float v) { return v; }
  static F add(F a, F b) { return a + b; }
  static F sub(F a, F b) { return a - b; }
  static F mul(F a, F b) { return a * b; }
  static F below(F v, F lo) { return v < lo ? lo : v; }
  static F above(F v, F hi) { return v > hi ? hi : v; }
  static F choose(F x, F y, F b, F a) { return x < y ? b : a; }
};

/// Pixels of a channel that are added as floats.
constexpr std::int64_t kFloatPixels = 16;

template <class V>
inline void add_sums_at(const ChannelShape& s, std::int64_t c, const float* x, const float* y, double* sums) {
  constexpr std::int64_t width = sizeof(typename V::F) / sizeof(float);
  float parts[2][width];
  for (std::int64_t first = 0; first < s.pixels; first += kFloatPixels) {
    const std::int64_t last = first + kFloatPixels < s.pixels ? first + kFloatPixels : s.pixels;
    typename V::F sum = V::all(0.0f), dot = V::all(0.0f);
    for (std::int64_t p = first; p < last; ++p) {
      const typename V::F a = V::load(x + p * s.channels + c), b = V::load(y + p * s.channels + c);
      sum = V::add(sum, a);
      dot = V::add(dot, V::mul(a, b));
    }
    V::store(parts[0], sum), V::store(parts[1], dot);
    for (std::int64_t i = 0; i < width; ++i) {
      sums[c + i] += static_cast<double>(parts[0][i]);
      sums[s.channels + c + i] += static_cast<double>(parts[1][i]);
    }
  }
}

void add_sums(const ChannelShape& s, const float* x, const float* y, double* sums) {
  std::int64_t c = 0;
  for (; c + kWidth <= s.channels; c += kWidth) add_sums_at<Wide>(s, c, x, y, sums);
  for (; c < s.channels; ++c) add_sums_at<Narrow>(s, c, x, y, sums);
}

template <class V>
inline void normalize_at(const NormalizeArgs& a, std::int64_t c) {
  const typename V::F factor = V::load(a.factor + c), term = V::load(a.term + c), lo = V::all(a.lo),
                      hi = V::all(a.hi);
  const std::int64_t end = a.shape.pixels * a.shape.channels, step = a.shape.channels;
  if (a.residual)
    for (std::int64_t at = c; at < end; at += step) {
      const typename V::F y = V::add(V::mul(V::load(a.x + at), factor), term);
      V::store(a.y + at, V::above(V::below(V::add(y, V::load(a.residual + at)), lo), hi));
    }
  else
    for (std::int64_t at = c; at < end; at += step)
      V::store(a.y + at, V::above(V::below(V::add(V::mul(V::load(a.x + at), factor), term), lo), hi));
}

void normalize(const NormalizeArgs& a) {
  std::int64_t c = 0;
  for (; c + kWidth <= a.shape.channels; c += kWidth) normalize_at<Wide>(a, c);
  for (; c < a.shape.channels; ++c) normalize_at<Narrow>(a, c);
}

template <class V>
inline void normalize_back_at(const ChannelShape& s, std::int64_t c, const float* x, const float* factors,
                              const float* slopes, const float* constants, float* g) {
  const typename V::F factor = V::load(factors + c), slope = V::load(slopes + c),
                      constant = V::load(constants + c);
  for (std::int64_t at = c; at < s.pixels * s.channels; at += s.channels)
    V::store(g + at,
             V::add(V::mul(V::load(g + at), factor), V::add(V::mul(V::load(x + at), slope), constant)));
}

void normalize_back(const ChannelShape& s, const float* x, const float* factor, const float* slope,
                    const float* constant, float* g) {
  std::int64_t c = 0;
  for (; c + kWidth <= s.channels; c += kWidth) normalize_back_at<Wide>(s, c, x, factor, slope, constant, g);
  for (; c < s.channels; ++c) normalize_back_at<Narrow>(s, c, x, factor, slope, constant, g);
}

template <class V>
inline void pass_at(const PassArgs& a, std::int64_t at) {
  const typename V::F y = V::load(a.y + at), zero = V::all(0.0f);
  typename V::F g = V::load(a.gradient + at);
  g = V::choose(V::all(a.lo), y, V::choose(y, V::all(a.hi), g, zero), zero);
  V::store(a.to + at, a.adds ? V::add(V::load(a.to + at), g) : g);
}

void pass(const PassArgs& a) {
  std::int64_t i = 0;
  for (; i + kWidth <= a.count; i += kWidth) pass_at<Wide>(a, i);
  for (; i < a.count; ++i) pass_at<Narrow>(a, i);
}

/// Adding 1.5 * 2^23 leaves an integer, rounded to even in the middle; limits are integers below 2^22.
template <class V>
inline typename V::F rounded(typename V::F at, float lo, float hi) {
  const typename V::F magic = V::all(12582912.0f);
  return V::sub(V::add(V::above(V::below(at, V::all(lo)), V::all(hi)), magic), magic);
}

template <class V>
inline void round_at(const RoundArgs& a, std::int64_t i) {
  V::store(a.y + i,
           V::mul(rounded<V>(V::mul(V::load(a.x + i), V::all(a.inverse)), a.lo, a.hi), V::all(a.step)));
}

void round(const RoundArgs& a) {
  std::int64_t i = 0;
  for (; i + kWidth <= a.count; i += kWidth) round_at<Wide>(a, i);
  for (; i < a.count; ++i) round_at<Narrow>(a, i);
}

/// What elements add to RoundSums.
template <class V>
struct RoundParts {
  typename V::F inside, below, above;
};

template <class V>
inline void round_gradient_at(const RoundGradientArgs& a, std::int64_t i, RoundParts<V>& sums) {
  const typename V::F at = V::mul(V::load(a.x + i), V::all(a.inverse)), g = V::load(a.gradient + i),
                      lo = V::all(a.lo), hi = V::all(a.hi), zero = V::all(0.0f),
                      distance = V::sub(rounded<V>(at, a.lo, a.hi), at);
  const typename V::F below = V::choose(at, lo, g, zero), above = V::choose(hi, at, g, zero),
                      inside = V::choose(at, lo, zero, V::choose(hi, at, zero, g)),
                      error =
                          V::choose(at, lo, zero, V::choose(hi, at, zero, distance));  // at may be infinite
  sums.inside = V::add(sums.inside, V::mul(inside, error));
  sums.below = V::add(sums.below, below);
  sums.above = V::add(sums.above, above);
  if (!a.to) return;
  const typename V::F magnitude = V::choose(inside, zero, V::sub(zero, inside), inside),
                      passes = V::sub(inside, V::mul(V::mul(V::all(a.scaling), magnitude), error));
  V::store(a.to + i, a.adds ? V::add(V::load(a.to + i), passes) : passes);
}

inline void add_part(VecF part, double& sum) {
  float floats[kWidth];
  Wide::store(floats, part);
  for (const float f : floats) sum += static_cast<double>(f);
}

RoundSums round_gradient(const RoundGradientArgs& a) {
  constexpr std::int64_t kParts = 32, kBlock = 32 * kParts, kVectors = kParts / kWidth;
  RoundSums sums;
  std::int64_t i = 0;
  for (; i + kParts <= a.count;) {
    RoundParts<Wide> parts[kVectors];
    for (RoundParts<Wide>& p : parts) p.inside = p.below = p.above = Wide::all(0.0f);
    const std::int64_t end = i + kBlock < a.count ? i + kBlock : a.count;
    for (; i + kParts <= end; i += kParts)
      for (std::int64_t v = 0; v < kVectors; ++v) round_gradient_at<Wide>(a, i + v * kWidth, parts[v]);
    for (const RoundParts<Wide>& p : parts) {
      add_part(p.inside, sums.inside);
      add_part(p.below, sums.below);
      add_part(p.above, sums.above);
    }
  }
  for (; i < a.count; ++i) {
    RoundParts<Narrow> part{0.0f, 0.0f, 0.0f};
    round_gradient_at<Narrow>(a, i, part);
    sums.inside += static_cast<double>(part.inside);
    sums.below += static_cast<double>(part.below);
    sums.above += static_cast<double>(part.above);
  }
  return sums;
}

constexpr ChannelLoops loops_called(const char* name, Isa required) {
  return {name, required, add_sums, normalize, normalize_back, pass, round, round_gradient};
}

}  // namespace
}  // namespace lowbit::train
