// SPDX-License-Identifier: Apache-2.0
// Observers written once more, slowly and plainly, from what their headers say: in doubles, over bins or over
// the values themselves (each a bin of no width), every candidate by brute force.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "lowbit/observe/choose_qparams.h"
#include "lowbit/observe/float_histogram.h"

namespace lowbit::testing::slow {

using Bins = std::vector<FloatHistogram::Bin>;

inline Bins bins_of(const std::vector<float>& values) {
  std::vector<float> sorted;
  for (const float v : values)
    if (std::isfinite(v)) sorted.push_back(v + 0.0f);
  std::sort(sorted.begin(), sorted.end());
  Bins bins;
  for (const float v : sorted) bins.push_back({v, v, 1});
  return bins;
}

inline Bins magnitudes_of(Bins bins) {
  for (auto& b : bins)
    if (b.lo < 0) b = {-b.hi, -b.lo, b.count};
  std::stable_sort(bins.begin(), bins.end(), [](const auto& a, const auto& b) { return a.lo < b.lo; });
  return bins;
}

inline Range ends(const Bins& bins) {
  return bins.empty() ? Range{0, 0} : Range{float(bins.front().lo), float(bins.back().hi)};
}
inline Range ends_with_zero(const Bins& bins) {
  const Range r = ends(bins);
  return {std::min(r.min, 0.0f), std::max(r.max, 0.0f)};
}

// Largest magnitudes first, so that sums soon exceed a limit.
inline Bins by_magnitude(Bins bins) {
  std::stable_sort(bins.begin(), bins.end(), [](const auto& a, const auto& b) {
    return std::max(-a.lo, a.hi) > std::max(-b.lo, b.hi);
  });
  return bins;
}

// Squared error of levels first + i step for i in 0..count-1; what is beyond them by more than half a step
// counts `clip` times. A bin is cut where cells end; each piece is integrated. May stop above `limit`.
inline double levels_error(const Bins& bins, double first, double step, std::int64_t count, double clip = 1,
                           double limit = std::numeric_limits<double>::infinity()) {
  const double last = double(count - 1), low = first - step / 2, high = first + (last + 0.5) * step;
  double error = 0;
  for (const auto& b : bins) {
    if (error > limit) return error;
    const auto n = double(b.count);
    const auto piece = [&](double from, double to) {
      const double middle = (from + to) / 2;
      const double index = std::clamp(std::nearbyint((middle - first) / step), 0.0, last);
      const double a = from - (first + index * step), z = to - (first + index * step);
      return (a * a + a * z + z * z) / 3 * (middle < low || middle > high ? clip : 1);
    };
    if (b.lo == b.hi) {
      error += n * piece(b.lo, b.hi);
      continue;
    }
    double from = b.lo;
    const auto cut = [&](double to) {
      to = std::min(to, b.hi);
      if (to <= from) return;
      error += n * (to - from) / (b.hi - b.lo) * piece(from, to);
      from = to;
    };
    cut(low);
    for (double cell = std::max(1.0, std::floor((from - low) / step)); cell <= last && from < b.hi; ++cell)
      cut(low + cell * step);
    cut(high);
    cut(b.hi);
  }
  return error;
}

// Errors of the codes of some parameters.
inline double code_error(const Bins& bins, QParams q, IntRange codes, double clip = 1,
                         double limit = std::numeric_limits<double>::infinity()) {
  const double scale = double(q.scale);
  return levels_error(bins, (codes.qmin - q.zero_point) * scale, scale, codes.qmax - codes.qmin + 1, clip,
                      limit);
}

// Where bins of floats begin: 2^e (1 + k / 256), and multiples of 2^-134 below 2^-126.
inline float edge(std::int64_t number) {
  if (number < 256) return float(std::ldexp(double(number), -134));
  return float(std::ldexp(256.0 + double(number % 256), int(number / 256) - 1 - 134));
}
inline std::int64_t edge_at_or_below(double x) {
  std::int64_t number = 0, end = 0xFF00;
  while (end - number > 1) {
    const std::int64_t middle = (number + end) / 2;
    (double(edge(middle)) <= x ? number : end) = middle;
  }
  return number;
}

// Candidates have numbers: that of the edge times 16, and 16ths of the way to the next edge.
inline double candidate(std::int64_t number) {
  const double from = double(edge(number / 16)),
               to = number / 16 == 0xFEFF ? 0x1p128 : double(edge(number / 16 + 1));
  return from + double(number % 16) / 16 * (to - from);
}
inline std::int64_t candidate_at_or_below(double x) {
  std::int64_t number = edge_at_or_below(x) * 16;
  while (number < 0xFF00 * 16 - 1 && candidate(number + 1) <= x) ++number;
  return number;
}

// Magnitudes to try on one side: multiples of `stride` among candidates `from` to `to`, and the largest that
// was seen if it lies between those.
inline std::vector<float> candidates(float seen, double limit, std::int64_t from, std::int64_t to,
                                     std::int64_t stride) {
  if (seen == 0) return {0.0f};
  std::vector<float> result;
  const std::int64_t own = candidate_at_or_below(double(seen));
  if (own >= from && own <= to) result.push_back(seen);
  for (std::int64_t i = std::max<std::int64_t>(from, 1); i <= std::min<std::int64_t>(to, 0xFF00 * 16 - 1);
       ++i)
    if (i % stride == 0 && candidate(i) <= limit && candidate(i) != double(seen))
      result.push_back(float(candidate(i)));
  std::sort(result.rbegin(), result.rend());
  return result;
}

using Cost = std::function<double(Range, double limit)>;

// The documented candidates of HistogramObserver and MseObserver.
inline Range search(const Cost& cost, Range seen, double low_limit, double high_limit, bool between) {
  double least = std::numeric_limits<double>::infinity();
  Range best{0, 0};
  const auto take = [&](const std::vector<float>& lows, const std::vector<float>& highs) {
    for (const float low : lows)
      for (const float high : highs) {
        const Range r{0.0f - low, high};
        const double c = cost(r, least);
        if (c < least) least = c, best = r;
      }
  };
  const float low = -seen.min, high = seen.max;
  const bool two = low > 0 && high > 0;
  const auto side = [&](float extreme, double limit, std::int64_t stride) {
    return candidates(extreme, limit, edge_at_or_below(double(extreme) * 0x1p-20) * 16,
                      candidate_at_or_below(limit), stride);
  };
  take(side(low, low_limit, two ? 256 : 16), side(high, high_limit, two ? 256 : 16));
  const auto closer = [&](std::int64_t stride) {
    const auto around = [&](float extreme, double limit, float middle) {
      const std::int64_t at = candidate_at_or_below(double(middle));
      return candidates(extreme, limit, at - 16 * stride, at + 16 * stride, stride);
    };
    take(around(low, low_limit, -best.min), around(high, high_limit, best.max));
  };
  if (two) closer(16);
  if (between) closer(1);
  return best;
}

inline double cell_error(const Bins& bins, Range r, double cells, double limit) {
  const double width = (double(r.max) - double(r.min)) / cells;
  return levels_error(bins, double(r.min) + width / 2, width, std::int64_t(cells), 1, limit);
}

inline Range histogram(const Bins& bins, IntRange codes) {
  const Range full = ends_with_zero(bins);
  if (full.min == full.max) return full;
  const Bins ordered = by_magnitude(bins);
  const double cells = codes.qmax - codes.qmin + 1;
  return search([&](Range r, double limit) { return cell_error(ordered, r, cells, limit); }, full,
                -double(full.min), double(full.max), false);
}

inline Range mse(const Bins& bins, IntRange codes) {
  const Range full = ends_with_zero(bins);
  if (full.min == full.max) return full;
  const Bins ordered = by_magnitude(bins);
  const double steps = codes.qmax - codes.qmin;
  const double beyond =
      full.min < 0 && full.max > 0 ? (double(full.max) - double(full.min)) / (steps - 1) : 0;
  return search(
      [&](Range r, double limit) { return code_error(ordered, choose_qparams(r, codes), codes, 1, limit); },
      full, double(float(beyond - double(full.min))), double(float(beyond + double(full.max))), true);
}

inline Range of_threshold(float t, Range full) {
  if (-full.min > full.max) return {-t, std::min(t, full.max)};
  return {std::max(-t, full.min), t};
}

inline Range mse_one_sided(const Bins& bins, IntRange codes) {
  const Range full = ends_with_zero(bins);
  if (full.min == full.max) return full;
  const Bins ordered = by_magnitude(bins);
  const double steps = codes.qmax - codes.qmin;
  const float largest = std::max(-full.min, full.max);
  const Range best = search(
      [&](Range r, double limit) {
        return code_error(ordered, choose_qparams({-r.max, r.max}, codes, Mapping::symmetric), codes, 1,
                          limit);
      },
      {0, largest}, 0, double(float(double(largest) * steps / (steps - 1))), true);
  return of_threshold(best.max, full);
}

inline Range sqnr(const Bins& bins, IntRange codes) {
  const Range full = ends_with_zero(bins);
  if (full.min == full.max) return full;
  const Bins ordered = by_magnitude(bins);
  const double width = double(full.max) - double(full.min), steps = codes.qmax - codes.qmin;
  double least = std::numeric_limits<double>::infinity(), best_scale = 0, best_zero = 0;
  for (int i = 0; i < 256; ++i)
    for (int zero = 0; zero <= codes.qmax - codes.qmin; ++zero) {
      const bool whole = zero == std::nearbyint(-double(full.min) / width * steps);
      bool even = steps <= 32;
      for (int k = 0; k <= 32; ++k) even |= zero == std::nearbyint(k * steps / 32);
      if (full.min == 0 ? zero != 0 : full.max == 0 ? zero != int(steps) : !even && !whole) continue;
      const double scale = width / steps * std::exp2(-i / 16.0);
      const double e = levels_error(ordered, -zero * scale, scale, std::int64_t(steps) + 1, 3, least);
      if (e < least) least = e, best_scale = scale, best_zero = zero;
    }
  return {float(0.0 - best_zero * best_scale), float((steps - best_zero) * best_scale)};
}

// Masses of 2048 even bins up to the largest magnitude, zeros left out.
inline std::vector<double> even_masses(const Bins& magnitudes, double width) {
  std::vector<double> mass(2048);
  for (const auto& b : magnitudes) {
    const double lo = b.lo, hi = b.hi;
    if (hi == 0) continue;
    if (lo == hi) mass[std::min<std::size_t>(2047, std::size_t(lo / width))] += double(b.count);
    for (std::size_t i = 0; lo < hi && i < 2048; ++i) {
      const double from = std::max(lo, double(i) * width), to = std::min(hi, double(i + 1) * width);
      if (to > from) mass[i] += double(b.count) * (to - from) / (hi - lo);
    }
  }
  return mass;
}

inline double divergence(const std::vector<double>& mass, std::size_t kept, std::size_t levels) {
  std::vector<double> p(mass.begin(), mass.begin() + std::ptrdiff_t(kept)), q(kept);
  double inside = 0, beyond = 0;
  for (std::size_t i = 0; i < 2048; ++i) (i < kept ? inside : beyond) += mass[i];
  if (inside < beyond) return std::numeric_limits<double>::infinity();
  p[kept - 1] += beyond;
  for (std::size_t level = 0; level < levels; ++level) {
    double sum = 0, filled = 0;
    for (std::size_t i = level * kept / levels; i < (level + 1) * kept / levels; ++i)
      sum += mass[i], filled += mass[i] > 0;
    for (std::size_t i = level * kept / levels; i < (level + 1) * kept / levels; ++i)
      q[i] = mass[i] > 0 ? sum / filled : 0;
  }
  double sum = 0;
  for (std::size_t i = 0; i < kept; ++i)
    if (p[i] > 0) sum += p[i] / (inside + beyond) * std::log(p[i] / (inside + beyond) / (q[i] / inside));
  return sum;
}

inline double even_width(const Bins& bins) {
  const Range full = ends_with_zero(bins);
  return double(std::max(-full.min, full.max)) / 2048;
}
inline std::size_t entropy_levels(IntRange codes) {
  return std::size_t(codes.qmax - codes.qmin + 2) / 2;
}

inline Range entropy(const Bins& bins, const Bins& magnitudes, IntRange codes) {
  const Range full = ends_with_zero(bins);
  if (full.min == full.max) return full;
  const double width = even_width(bins);
  const auto mass = even_masses(magnitudes, width);
  std::size_t best = 2048;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t kept = entropy_levels(codes); kept <= 2048; ++kept) {
    const double d = divergence(mass, kept, entropy_levels(codes));
    if (d < least) least = d, best = kept;
  }
  return of_threshold(float(double(best) * width), full);
}

// The value of every rank, then as numpy.quantile.
inline double quantile(const Bins& bins, double p) {
  std::vector<double> x;
  for (const auto& b : bins)
    for (std::uint64_t k = 0; k < b.count; ++k)
      x.push_back(b.lo + (double(k) + 0.5) / double(b.count) * (b.hi - b.lo));
  if (x.empty()) return 0;
  std::sort(x.begin(), x.end());
  x.front() = bins.front().lo, x.back() = bins.back().hi;
  const double position = p * double(x.size() - 1), rank = std::floor(position);
  const double low = x[std::size_t(rank)], next = x[std::min(x.size() - 1, std::size_t(rank) + 1)];
  return low + (position - rank) * (next - low);
}

inline Range percentile(const Bins& bins, double percent) {
  const double p = percent / 100;
  const Range r{float(quantile(bins, (1 - p) / 2)), float(quantile(bins, (1 + p) / 2))};
  return r == Range{0, 0} ? ends(bins) : r;
}

inline Range percentile_one_sided(const Bins& bins, const Bins& magnitudes, double percent) {
  const auto t = float(quantile(magnitudes, percent / 100));
  return t > 0 ? of_threshold(t, ends_with_zero(bins)) : ends(bins);
}

// Where the expected error of clipping at alpha and rounding below it has its minimum, by bisection.
inline double aciq_multiple(bool gaussian, int bits) {
  const auto slope = [&](double a) {
    const double rounding = 2 * a / (3 * std::exp2(2 * bits));
    if (!gaussian) return rounding - 2 * std::exp(-a);
    return rounding - 4 * (std::exp(-a * a / 2) / std::sqrt(2 * 3.14159265358979323846) -
                           a * 0.5 * std::erfc(a / std::sqrt(2.0)));
  };
  double low = 0.5, high = 20;
  while (high - low > 1e-12) (slope((low + high) / 2) < 0 ? low : high) = (low + high) / 2;
  return low;
}

inline Range aciq(const Bins& bins, int bits) {
  const Range full = ends(bins);
  if (full.min == full.max) return full;
  const bool half = full.min >= 0 || full.max <= 0;
  double n = 0, center = 0;
  for (const auto& b : bins) n += double(b.count), center += double(b.count) * (b.lo + b.hi) / 2;
  center = half ? 0 : center / n;
  n = 0;
  double squares = 0, magnitudes = 0;
  for (const auto& b : bins) {
    if (half && b.lo == 0 && b.hi == 0) continue;
    n += double(b.count);
    constexpr int kParts = 64;  // midpoints, enough for a bin that holds the centre
    for (int i = 0; i < kParts; ++i) {
      const double x = b.lo + (i + 0.5) / kParts * (b.hi - b.lo) - center;
      squares += double(b.count) / kParts * x * x, magnitudes += double(b.count) / kParts * std::fabs(x);
    }
  }
  const double sigma = std::sqrt(squares / n), mad = magnitudes / n;
  // Log-likelihoods of a value, on average, at the best sigma and mad.
  const double gaussian = -std::log(sigma * std::sqrt(2 * 3.14159265358979323846)) - 0.5,
               laplace = -std::log(2 * mad) - 1;
  const double alpha =
      gaussian > laplace ? aciq_multiple(true, bits + half) * sigma : aciq_multiple(false, bits + half) * mad;
  return {std::max(std::min(full.min, 0.0f), float(center - alpha)),
          std::min(std::max(full.max, 0.0f), float(center + alpha))};
}

}  // namespace lowbit::testing::slow
