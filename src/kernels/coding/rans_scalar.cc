// SPDX-License-Identifier: Apache-2.0
// The reference of the decoders.
#include <cstdint>

#include "kernels/coding/rans_kernel.h"
#include "kernels/coding/rans_scalar.inl"

namespace lowbit::kernels {
namespace {

std::int64_t decode(const RansDecode& d) {
  return decode_from(d, 0, 0);
}

}  // namespace

const RansKernel kRansScalar{"rans/scalar", Isa::scalar, decode};

}  // namespace lowbit::kernels
