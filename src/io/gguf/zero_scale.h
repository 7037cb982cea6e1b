// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lowbit::detail::ggml {

/// A QuantizedMatrix has no scale 0. Its place takes one that is no float16, so that it is known again.
inline constexpr float kZeroScale = 1.0f + 0x1p-20f;

}  // namespace lowbit::detail::ggml
