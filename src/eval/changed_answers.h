// SPDX-License-Identifier: Apache-2.0
// Images that a quantized network answers otherwise than the original.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "data/samples.h"
#include "lowbit/model/model.h"
#include "report/network_report.h"

namespace lowbit::eval {

/// The first `most` of them, those that the reference has right and the model not before others; with
/// pictures where samples are of 1 or 3 channels. Answers are one an image.
std::vector<report::ChangedAnswer> changed_answers(const Model& reference, const Model& model,
                                                   std::span<const std::int64_t> reference_answers,
                                                   std::span<const std::int64_t> answers,
                                                   const data::Samples& samples, std::size_t most);

/// A sample of C x H x W as a PNG, its values spread over all bytes; larger ones are made smaller. Empty
/// where the sample is no image.
report::ChangedAnswer picture_of(const arrays::Array& sample, const Shape& shape);

}  // namespace lowbit::eval
