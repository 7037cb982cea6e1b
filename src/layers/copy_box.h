// SPDX-License-Identifier: Apache-2.0
// Copies of boxes of elements between memories in which their axes have other strides.
#pragma once

#include "layers/step_common.h"

namespace lowbit::ops {

/// Copies a box of this size; strides in elements along its axes. Axes that follow each other in both
/// memories are one, and where the memories have different dense axes the box goes by squares, so that both
/// stay in the cache. T: float, std::uint8_t, std::int64_t.
template <class T>
void copy_box(const BoxDims& size, const T* from, const BoxDims& from_stride, T* to,
              const BoxDims& to_stride) noexcept;

}  // namespace lowbit::ops
