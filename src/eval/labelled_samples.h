// SPDX-License-Identifier: Apache-2.0
// Samples of a data set as training takes them.
#pragma once

#include <cstdint>

#include "data/samples.h"
#include "lowbit/train/trainer.h"

namespace lowbit::eval {

/// Samples first to first + count - 1, of the first input. Lives as long as `from`. Throws
/// Error(invalid_argument) where one has no label; `what` says what needs them.
LabelledSamples labelled_samples(const data::Samples& from, std::int64_t first, std::int64_t count,
                                 const char* what);

}  // namespace lowbit::eval
