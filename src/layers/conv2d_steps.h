// SPDX-License-Identifier: Apache-2.0
// The two ways to run Conv2d: with FP32 weights and with quantized ones.
#pragma once

#include <memory>

#include "lowbit/layers/conv2d.h"

namespace lowbit::ops {

std::unique_ptr<Step> make_conv2d_fp32(const Conv2dOp& op, const StepSpec& spec);
/// Static (u8 input), dynamic (f32 input, spec.dynamic) or weight-only (f32 input).
std::unique_ptr<Step> make_conv2d_quantized_weights(const Conv2dOp& op, const StepSpec& spec);

/// The same for one input channel per output channel and one scale group, on codes and on floats.
std::unique_ptr<Step> make_depthwise_int8(const Conv2dOp& op, const StepSpec& spec);
std::unique_ptr<Step> make_depthwise_weight_only(const Conv2dOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
