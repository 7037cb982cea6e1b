// SPDX-License-Identifier: Apache-2.0
// Formats of weights and types of activations as error sentences call them, in the order of WeightFormat and
// of ActType.
#pragma once

namespace lowbit::kernels {

inline constexpr const char* kFormatNames[] = {"s8", "u4", "s2", "lut4", "b1", "lut8"};
inline constexpr const char* kActNames[] = {"u8", "f32", "b1"};

}  // namespace lowbit::kernels
