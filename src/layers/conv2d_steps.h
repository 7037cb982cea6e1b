// The two ways to run Conv2d: in FP32 and on codes.
#pragma once

#include <memory>

#include "lowbit/layers/conv2d.h"

namespace lowbit::ops {

std::unique_ptr<Step> make_conv2d_f32(const Conv2d& op, const StepSpec& spec);
/// Static (u8 input) or dynamic (f32 input, spec.dynamic).
std::unique_ptr<Step> make_conv2d_int8(const Conv2d& op, const StepSpec& spec);

/// The same for one input channel per output channel and one scale group.
std::unique_ptr<Step> make_depthwise_int8(const Conv2d& op, const StepSpec& spec);

}  // namespace lowbit::ops
