// SPDX-License-Identifier: Apache-2.0
// The samples that a calibration table keeps.
#pragma once

#include "lowbit/model/calibrate.h"

namespace lowbit {

/// Into one stream, in order of their numbers.
void merge_kept(KeptSamples& into, const KeptSamples& more);

}  // namespace lowbit
