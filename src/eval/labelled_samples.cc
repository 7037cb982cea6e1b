// SPDX-License-Identifier: Apache-2.0
#include "eval/labelled_samples.h"

#include <fmt/format.h>

#include <cstring>
#include <optional>

#include "lowbit/core/error.h"

namespace lowbit::eval {

LabelledSamples labelled_samples(const data::Samples& from, std::int64_t first, std::int64_t count,
                                 const char* what) {
  LabelledSamples part;
  part.shape = from.inputs()[0].type.shape;
  for (std::int64_t i = first; i < first + count; ++i) {
    const std::optional<std::int64_t> label = from.label(i);
    if (!label) throw Error(ErrorCode::invalid_argument, fmt::format("{} needs data with labels", what));
    part.labels.push_back(*label);
  }
  part.read = [&from, first](std::int64_t i, std::span<float> out) {
    const data::SampleArrays arrays = from.read(first + i, 1);
    std::memcpy(out.data(), data::views(arrays)[0].floats, out.size_bytes());
  };
  return part;
}

}  // namespace lowbit::eval
