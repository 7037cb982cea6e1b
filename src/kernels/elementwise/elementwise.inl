// SPDX-License-Identifier: Apache-2.0
// The vectorized elementwise loops of one ISA as an ElementwiseKernel. Read this file first:
// round_to_codes.inl rounds floats to codes, for quantize.inl, requantize.inl and the sum of two tensors;
// dequantize.inl goes the other way. All are written over the lanes of simd/vec.inl and the words and bytes
// of simd/codes.inl. Each goes by blocks of kBlock elements; the last block ends at the last element and
// overlaps the one before, and arrays shorter than a block go through a buffer, so that all elements see the
// same arithmetic.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/elementwise/dequantize.inl"
#include "kernels/elementwise/map_codes.inl"
#include "kernels/elementwise/min_max.inl"
#include "kernels/elementwise/pack_small_codes.inl"
#include "kernels/elementwise/quantize.inl"
#include "kernels/elementwise/requantize.inl"
#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit::kernels::elementwise_loops {
namespace {

#include "lowbit/kernels/detail/nearest_level.inl"

constexpr ElementwiseKernel elementwise_kernel(const char* name, Isa required) {
  return {.name = name,
          .required = required,
          .quantize = quantize,
          .dequantize = dequantize,
          .requantize = requantize,
          .min_max = min_max,
          .add_u8 = add_u8,
          .sum_u8 = sum_u8,
          .map_u8 = map_u8,
          .pack = pack,
          .unpack = unpack,
          .rank = rank_among,
          .encode_minifloat = encode_minifloat};
}

}  // namespace
}  // namespace lowbit::kernels::elementwise_loops
