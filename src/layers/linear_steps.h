// SPDX-License-Identifier: Apache-2.0
// The two ways to run Linear: with FP32 weights and with quantized ones.
#pragma once

#include <memory>

#include "lowbit/layers/linear_op.h"

namespace lowbit::ops {

/// `op` must outlive the step, which may read its weights where they are.
std::unique_ptr<Step> make_linear_fp32(const LinearOp& op, const StepSpec& spec);
/// Static (u8 input), dynamic (f32 input, spec.dynamic) or weight-only (f32 input).
std::unique_ptr<Step> make_linear_quantized_weights(const LinearOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
