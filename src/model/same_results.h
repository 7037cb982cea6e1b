// SPDX-License-Identifier: Apache-2.0
// Whether a model with open dimensions gives, at certain sizes, what the network imported at these sizes
// does.
#pragma once

#include <cstdint>
#include <span>

#include "lowbit/model/model.h"

namespace lowbit::detail {

/// Runs both, in fp32, on the same made-up inputs. Throws Error(unsupported) where results differ by more
/// than rounding, naming the dimensions.
void require_same_results(const Model& open, std::span<const std::int64_t> sizes, const Model& fixed);

}  // namespace lowbit::detail
