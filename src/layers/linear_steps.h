// The two ways to run Linear: in FP32 and on codes.
#pragma once

#include <memory>

#include "lowbit/layers/linear_op.h"

namespace lowbit::ops {

/// `op` must outlive the step, which may read its weights where they are, or be given up to it.
std::unique_ptr<Step> make_linear_f32(const Linear& op, const StepSpec& spec);
std::unique_ptr<Step> make_linear_f32(Linear&& op, const StepSpec& spec);
/// Static (u8 input) or dynamic (f32 input, spec.dynamic).
std::unique_ptr<Step> make_linear_int8(const Linear& op, const StepSpec& spec);

}  // namespace lowbit::ops
