// SPDX-License-Identifier: Apache-2.0
// Row offsets of a convolution: where, relative to the start of an input sample, each output pixel finds each
// tap. With them a convolution is a matrix product without im2col (M. Dukhan, "The Indirect Convolution
// Algorithm", 2019). Taps in the padding point at the pixel of zero points behind the sample. Offsets, not
// pointers: one table serves every sample of a batch and every layer of the same geometry, which keeps it in
// the cache.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "lowbit/layers/layout.h"
#include "lowbit/layers/op_common.h"

namespace lowbit {

/// [kernel height * kernel width][output pixels], in bytes.
using RowOffsets = std::vector<std::ptrdiff_t>;

/// `element`: bytes of an element of the input.
RowOffsets make_row_offsets(const SampleLayout& in, const SampleLayout& out, const ops::Window& window,
                            std::int64_t element);

/// Owned by whoever compiles a model, for the time of compiling.
class RowOffsetsCache {
 public:
  std::shared_ptr<const RowOffsets> get(const SampleLayout& in, const SampleLayout& out,
                                        const ops::Window& window, std::int64_t element);

 private:
  std::map<std::vector<std::int64_t>, std::shared_ptr<const RowOffsets>> tables_;
};

}  // namespace lowbit
