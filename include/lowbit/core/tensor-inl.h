// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/core/tensor.h"

namespace lowbit {

LOWBIT_INLINE Tensor::Tensor(const Shape& s, std::vector<float> values) : shape(s), data(std::move(values)) {
  if (static_cast<std::int64_t>(data.size()) != s.elements())
    detail::throw_error(ErrorCode::shape_mismatch,
                        detail::sentence("a tensor of shape {} needs {} elements, not {}", s.to_string(),
                                         s.elements(), data.size()));
}

}  // namespace lowbit
