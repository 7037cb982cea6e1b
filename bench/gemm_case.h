// SPDX-License-Identifier: Apache-2.0
// One product, ready to run: packed weights, activations, and an epilogue as layers use it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lowbit/kernels/gemm.h"
#include "variants.h"

namespace lowbit::bench {

struct GemmShape {
  std::uint32_t m, n, k;
  bool cold = false;  ///< another copy of the weights each time
  std::string name() const;
  friend bool operator==(const GemmShape&, const GemmShape&) = default;
};

/// Copies of something of `bytes` bytes that are used in turn where the caches shall not help: more than any
/// cache holds, 256 MiB together.
std::size_t copies_in_turn(const GemmShape& shape, std::size_t bytes);

/// One scale a row: u8 in, u8 out, with bias and requantization. Scale groups: u8 codes around 128 in, f32
/// out. Float and sign-bit activations: f32 out.
class GemmCase {
 public:
  GemmCase(const Variant& variant, const GemmShape& shape);
  GemmCase(const GemmCase&) = delete;
  GemmCase& operator=(const GemmCase&) = delete;

  void run(Executor& executor = serial_executor());
  const CodedWeights& weights() const { return *weights_; }

 private:
  void make_lhs();
  void make_epilogue();

  GemmShape shape_;
  std::shared_ptr<const CodedWeights> weights_;
  std::vector<kernels::PackedWeights> packed_;
  std::size_t next_ = 0;
  std::vector<float> a_;  // of floats for their alignment, whatever the activations are
  std::vector<std::uint8_t> c_;
  std::vector<std::int32_t> constant_, row_zero_;
  std::vector<float> multiplier_, addend_, row_scale_;
  kernels::GemmLhs lhs_;
  kernels::GemmOut out_;
};

}  // namespace lowbit::bench
