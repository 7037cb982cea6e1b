// The samples that a calibration table keeps.
#pragma once

#include <cstdint>
#include <vector>

#include "lowbit/core/view.h"
#include "lowbit/model/calibrate.h"

namespace lowbit {

/// Sample `i` of a batch, row-major whatever its strides.
void append_sample(const TensorView& batch, std::int64_t i, std::vector<float>& to);

/// Into one stream, in order of their numbers.
void merge_kept(KeptSamples& into, const KeptSamples& more);

}  // namespace lowbit
