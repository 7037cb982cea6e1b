// SPDX-License-Identifier: Apache-2.0
#include "model/sample_runner.h"

#include <algorithm>
#include <utility>

#include "core/refuse.h"
#include "lowbit/core/error.h"
#include "model/calibration_checks.h"
#include "model/copy_samples.h"
#include "model/open_graph.h"
#include "model/tasks.h"

namespace lowbit {
namespace {

// Several samples a thread, where their values take no more memory than this, so that threads meet less
// often.
constexpr std::size_t kLaneBytes = std::size_t{64} << 20;

std::size_t input_of(const Model& model) {
  return static_cast<std::size_t>(model.graph().inputs[0]);
}

}  // namespace

SampleRunner::SampleRunner(std::vector<Model> models, Options options, Take take)
    : models_(std::move(models)), options_(std::move(options)), take_(std::move(take)) {
  check_shard(options_.shard);
  executor_ = make_thread_pool(options_.threads);
}

std::size_t SampleRunner::bytes_of_lane(const std::vector<Model>& models) {
  std::size_t bytes = 0;
  for (const Model& model : models) bytes += Workspace::State(model, WorkspaceOptions{}, true).bytes;
  return bytes;
}

std::size_t SampleRunner::lanes(std::size_t bytes_of_lane, std::size_t threads) {
  if (threads == 1) return 1;
  return threads *
         std::clamp<std::size_t>(kLaneBytes / threads / std::max<std::size_t>(bytes_of_lane, 1), 1, 8);
}

void SampleRunner::add_lane() {
  Lane& lane = lanes_.emplace_back();
  std::size_t bytes = options_.lane_bytes;
  for (const Model& model : models_) {
    lane.push_back(std::make_unique<Workspace::State>(model, WorkspaceOptions{}, true));
    bytes += lane.back()->bytes;
  }
  most_pending_ = lanes(bytes, static_cast<std::size_t>(executor_->concurrency()));
}

template <class Put>
void SampleRunner::add_sample(std::span<const Shape> inputs, Put&& put) {
  if (lanes_.size() == pending_) add_lane();
  for (std::size_t m = 0; m < models_.size(); ++m) {
    Workspace::State& state = *lanes_[pending_][m];
    detail::SizeReader reader(models_[m].graph());
    for (std::size_t i = 0; i < inputs.size(); ++i) reader.add(i, inputs[i]);
    const std::span<const std::int64_t> sizes = reader.sizes();
    if (!options_.any_sizes && !std::ranges::equal(sizes, detail::highest_sizes(models_[m].graph().open)))
      throw Error(ErrorCode::unsupported, std::string("a ") + options_.what +
                                              " takes samples at the highest sizes of open dimensions only");
    state.use(sizes);
    put(models_[m], state.args());
  }
  if (++pending_ == most_pending_) flush();
}

void SampleRunner::add(const TensorView& batch) {
  const Model& first = models_[0];
  check_one_input(first);
  const Shape shape = sample_shape(first, batch.shape);
  const std::int64_t count = check_batch(batch.shape, shape, first.graph().values[input_of(first)].name);
  for (std::int64_t i = 0; i < count; ++i) {
    TensorView sample = batch;
    sample.data += i * batch.strides[0];
    add_sample(std::span(&shape, 1), [&](const Model& model, const std::vector<ops::TensorArg>& values) {
      copy_in(sample, values[input_of(model)], 1);
    });
  }
}

std::int64_t SampleRunner::add(std::span<const arrays::ArrayView> batch) {
  const std::int64_t count = check_inputs(models_[0], batch);
  const std::vector<Shape> shapes = sample_shapes(models_[0], batch);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::vector<arrays::ArrayView> sample = slice_batch(models_[0], batch, i, 1);
    add_sample(shapes, [&](const Model& model, const std::vector<ops::TensorArg>& values) {
      for (std::size_t input = 0; input < sample.size(); ++input)
        copy_in(sample[input], values[static_cast<std::size_t>(model.graph().inputs[input])], 1);
    });
  }
  return count;
}

void SampleRunner::flush() {
  if (failed_)
    refuse(std::string("this ") + options_.what +
           " was given up when an observer or a layer threw an exception");
  const std::size_t count = std::exchange(pending_, 0);
  if (count == 0) return;
  failed_ = true;  // `take` may have read a part of what it should
  run_tasks(*executor_, count * models_.size(), [&](std::size_t task) {
    const std::size_t m = task % models_.size();
    run_steps(*lanes_[task / models_.size()][m], 1,
              options_.nodes.empty() ? models_[m].graph().nodes.size() : options_.nodes[m]);
  });
  take_(count);
  samples_ += static_cast<std::int64_t>(count);
  failed_ = false;
  if (options_.progress) options_.progress(samples_);
}

}  // namespace lowbit
