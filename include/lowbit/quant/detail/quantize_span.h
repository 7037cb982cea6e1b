// SPDX-License-Identifier: Apache-2.0
// The arguments of functions from a span of floats to a span.
#pragma once

#include <cstddef>
#include <limits>

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"

namespace lowbit::detail {

/// Throws Error(shape_mismatch) unless the sizes are equal.
void check_sizes(std::size_t in, std::size_t out);
/// Throws Error(invalid_argument) unless `codes` are at most 16 bits, lie in [least, most], and `q` has a
/// positive normal scale and one of them as its zero point.
void check_codes(QParams q, IntRange codes, std::int64_t least, std::int64_t most);

/// Both, for codes of type T.
template <class T>
void check_spans(std::size_t in, std::size_t out, QParams q, IntRange codes) {
  using Limits = std::numeric_limits<T>;
  check_sizes(in, out);
  check_codes(q, codes, Limits::min(), Limits::max());
}

}  // namespace lowbit::detail

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/quantize-inl.h"
#endif
