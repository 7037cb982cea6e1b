// SPDX-License-Identifier: Apache-2.0
#include "search/network_outputs.h"

#include <algorithm>

#include "lowbit/quant/error.h"
#include "model/tasks.h"

namespace lowbit::detail {
namespace {

constexpr std::int64_t kOutputsAtOnce = 8;
constexpr std::int64_t kMostOfPart = 64;

}  // namespace

std::vector<float> first_outputs(const Model& model, const SampleSet& samples, std::int64_t first,
                                 std::int64_t count) {
  const std::int64_t batch = std::min(kOutputsAtOnce, count);
  Workspace workspace(model, {.batch = std::max<std::int64_t>(batch, 1)});
  const std::int64_t size = model.output_shape().elements();
  std::vector<float> outputs(static_cast<std::size_t>(count * size));
  std::vector<std::vector<float>> others;
  for (std::size_t o = 1; o < model.output_count(); ++o)
    others.emplace_back(static_cast<std::size_t>(batch * model.output_shape(o).elements()));
  for (std::int64_t i = 0; i < count; i += batch) {
    const std::int64_t n = std::min(batch, count - i);
    std::vector<MutableTensorView> views{{outputs.data() + i * size, Shape{n, size}}};
    for (std::size_t o = 1; o < model.output_count(); ++o)
      views.emplace_back(others[o - 1].data(), Shape{n, model.output_shape(o).elements()});
    run(model, samples.views(first + i, n), views, workspace);
  }
  return outputs;
}

std::vector<float> first_outputs(const Model& model, const SampleSet& samples, std::int64_t count,
                                 Executor& executor) {
  const std::int64_t size = model.output_shape().elements();
  std::vector<float> outputs(static_cast<std::size_t>(count * size));
  const std::int64_t fair = (count + executor.concurrency() - 1) / executor.concurrency(),
                     size_of_part = std::clamp<std::int64_t>(fair, 1, kMostOfPart);
  const auto parts = static_cast<std::size_t>((count + size_of_part - 1) / size_of_part);
  run_tasks(executor, parts, [&](std::size_t part) {
    const std::int64_t first = static_cast<std::int64_t>(part) * size_of_part;
    const std::vector<float> some =
        first_outputs(model, samples, first, std::min(size_of_part, count - first));
    std::copy(some.begin(), some.end(), outputs.begin() + static_cast<std::ptrdiff_t>(first * size));
  });
  return outputs;
}

double sqnr_of(const std::vector<float>& reference, const std::vector<float>& outputs) {
  ErrorAccumulator error;
  error.add(reference.data(), outputs.data(), static_cast<std::int64_t>(reference.size()));
  return error.result().sqnr_db;
}

}  // namespace lowbit::detail
