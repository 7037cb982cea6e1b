// SPDX-License-Identifier: Apache-2.0
// Where loaders put weights: a vector whose memory the system is asked to keep on large pages, as
// aligned_bytes() does, before the first of them is touched.
#pragma once

#include <cstddef>
#include <vector>

namespace lowbit {

/// `count` zeros.
std::vector<float> large_floats(std::size_t count);

}  // namespace lowbit
