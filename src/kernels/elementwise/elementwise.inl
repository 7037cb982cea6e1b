// The vectorized elementwise loops of one ISA as an ElementwiseKernel. Each goes by blocks of kBlock
// elements; the last block ends at the last element and overlaps the one before, and arrays shorter than a
// block go through a buffer, so that all elements see the same arithmetic. Included once, inside namespace
// lowbit, after vec_<isa>.inl, codes_<isa>.inl, an InvalidFlag and CodeReals.
#include "kernels/elementwise/code_sum.inl"
//
#include "kernels/elementwise/round_to_codes.inl"
//
#include "kernels/elementwise/round_to_codes_checked.inl"
//
#include "kernels/elementwise/quantize.inl"
//
#include "kernels/elementwise/requantize.inl"
//
#include "kernels/elementwise/dequantize.inl"
//
#include "kernels/elementwise/min_max.inl"
//
#include "kernels/elementwise/small_codes.inl"
//
#include "kernels/elementwise/nearest_level.inl"

namespace {

constexpr ElementwiseKernel elementwise_kernel(const char* name, Isa required) {
  return {.name = name,
          .required = required,
          .quantize = quantize,
          .dequantize = dequantize,
          .requantize = requantize,
          .min_max = min_max,
          .add_u8 = add_u8,
          .sum_u8 = sum_u8,
          .pack = pack,
          .unpack = unpack,
          .rank = rank_among,
          .encode_minifloat = encode_minifloat};
}

}  // namespace
