// SPDX-License-Identifier: Apache-2.0
#include "coded_weights.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <tuple>

#include "core/random.h"

namespace lowbit::bench {
namespace {

/// Codes of values from -1 to 1 in steps of 1/2048.
using Encoder = std::array<std::uint8_t, 4097>;

std::uint8_t nearest(std::span<const float> levels, float v) {
  const auto closer = [v](float a, float b) { return std::fabs(a - v) < std::fabs(b - v); };
  return static_cast<std::uint8_t>(std::min_element(levels.begin(), levels.end(), closer) - levels.begin());
}

std::uint8_t encode(const WeightCoding& coding, std::span<const float> levels, float v) {
  // The threshold of ternary weights, 0.7 times the mean magnitude, when the largest of a row is 3.7 sigma.
  constexpr float kTernary = 0.15f;
  switch (coding.format) {
    case WeightFormat::s8:
      return static_cast<std::uint8_t>(static_cast<std::int8_t>(std::lrint(v * 127)));
    case WeightFormat::u4:
      return static_cast<std::uint8_t>(std::lrint(v * 7) + 8);
    case WeightFormat::s2:
      return v < -kTernary ? 1 : v > kTernary ? 3 : 2;
    case WeightFormat::b1:
      return v < 0;
    case WeightFormat::lut4:
    case WeightFormat::lut8:
      return nearest(levels, v);
  }
  return 0;
}

Encoder make_encoder(const WeightCoding& coding) {
  const std::vector<float> levels = real_levels(coding.levels);
  Encoder encoder;
  for (std::size_t i = 0; i < encoder.size(); ++i)
    encoder[i] = encode(coding, levels, (static_cast<float>(i) - 2048) / 2048);
  return encoder;
}

/// Picks from 65,536 Gaussian values, four a random number: matrices are large.
class Gaussians {
 public:
  Gaussians() {
    for (float& v : values_) v = random_.gaussian();
  }
  void fill(std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); i += 4) {
      std::uint64_t bits = random_.next();
      for (std::size_t j = i; j < std::min(i + 4, out.size()); ++j, bits >>= 16)
        out[j] = values_[bits & 0xFFFF];
    }
  }

 private:
  detail::Random random_{1};
  std::vector<float> values_ = std::vector<float>(65536);
};

}  // namespace

std::uint32_t codes_per_byte(WeightFormat format) {
  switch (format) {
    case WeightFormat::u4:
    case WeightFormat::lut4:
      return 2;
    case WeightFormat::s2:
      return 4;
    case WeightFormat::b1:
      return 8;
    case WeightFormat::s8:
    case WeightFormat::lut8:
      break;
  }
  return 1;
}

CodedWeights::CodedWeights(const WeightCoding& coding, std::uint32_t n, std::uint32_t k) : coding_(coding) {
  const std::uint32_t per_byte = codes_per_byte(coding.format);
  spec_.format = coding.format;
  spec_.act = coding.act;
  spec_.n = n;
  spec_.k = k;
  spec_.group = coding.group;
  spec_.row_bytes = (k + per_byte - 1) / per_byte;
  codes_.resize(spec_.row_bytes * n);
  const std::size_t groups = coding.group == 0 ? 1 : (k + coding.group - 1) / coding.group;
  scales_.resize(groups * n);
  detail::Random random(2);
  for (float& scale : scales_) scale = static_cast<float>(random.integer(1024, 2047)) * 0x1p-16f;
  fill();
  spec_.codes = codes_.data();
  spec_.scales = scales_.data();
  if (coding.format != WeightFormat::lut4 && coding.format != WeightFormat::lut8) return;
  real_levels_ = real_levels(coding.levels);
  levels_ = integer_levels(coding.levels);
  if (coding.act == kernels::ActType::f32) {
    spec_.real_levels = real_levels_.data();
  } else {
    spec_.levels = levels_.data();
  }
}

void CodedWeights::fill() {
  const Encoder encoder = make_encoder(coding_);
  const std::uint32_t per_byte = codes_per_byte(coding_.format), bits = 8 / per_byte;
  const std::uint32_t group = coding_.group == 0 ? spec_.k : coding_.group;
  Gaussians gaussians;
  std::vector<float> row(spec_.k);
  for (std::uint32_t j = 0; j < spec_.n; ++j) {
    std::uint8_t* codes = codes_.data() + j * spec_.row_bytes;
    gaussians.fill(row);
    for (std::uint32_t begin = 0; begin < spec_.k; begin += group) {
      const std::uint32_t end = std::min(begin + group, spec_.k);
      float most = 1e-6f;
      for (std::uint32_t t = begin; t < end; ++t) most = std::max(most, std::fabs(row[t]));
      for (std::uint32_t t = begin; t < end; ++t) {
        const auto step = static_cast<std::size_t>(row[t] / most * 2048 + 2048.5f);
        codes[t / per_byte] |= static_cast<std::uint8_t>(encoder[step] << (t % per_byte * bits));
      }
    }
  }
}

std::shared_ptr<const CodedWeights> kept_weights(const WeightCoding& coding, std::uint32_t n,
                                                 std::uint32_t k) {
  using Key = std::tuple<WeightCoding, std::uint32_t, std::uint32_t>;
  static Key kept_key;
  static std::shared_ptr<const CodedWeights> kept;
  const Key key{coding, n, k};
  if (kept == nullptr || kept_key != key) {
    kept.reset();
    kept = std::make_shared<const CodedWeights>(coding, n, k);
    kept_key = key;
  }
  return kept;
}

}  // namespace lowbit::bench
