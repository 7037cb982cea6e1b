// SPDX-License-Identifier: Apache-2.0
// A canonical weight matrix of any format, from Gaussian weights quantized as a quantizer would do it: how
// often codes lie at the ends of their range decides how fast some kernels are.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "levels.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit::bench {

struct WeightCoding {
  WeightFormat format = WeightFormat::s8;
  kernels::ActType act = kernels::ActType::u8;
  std::uint32_t group = 0;
  LevelTable levels = LevelTable::nf4;  ///< lut4 and lut8
  friend auto operator<=>(const WeightCoding&, const WeightCoding&) = default;
};

std::uint32_t codes_per_byte(WeightFormat format);

/// Symmetric: the largest magnitude of a row, or of a scale group, is the largest code. Scales are fp16
/// values.
class CodedWeights {
 public:
  CodedWeights(const WeightCoding& coding, std::uint32_t n, std::uint32_t k);
  CodedWeights(const CodedWeights&) = delete;
  CodedWeights& operator=(const CodedWeights&) = delete;
  const kernels::WeightSpec& spec() const { return spec_; }

 private:
  void fill();
  kernels::WeightSpec spec_;
  WeightCoding coding_;
  std::vector<std::uint8_t> codes_;
  std::vector<float> scales_, real_levels_;
  std::vector<std::int8_t> levels_;
};

/// The same, kept until a matrix of another coding or size is asked for.
std::shared_ptr<const CodedWeights> kept_weights(const WeightCoding& coding, std::uint32_t n,
                                                 std::uint32_t k);

}  // namespace lowbit::bench
