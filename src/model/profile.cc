// SPDX-License-Identifier: Apache-2.0
#include "lowbit/model/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <variant>

#include "lowbit/core/error.h"
#include "lowbit/runtime/executor.h"
#include "model/copy_samples.h"
#include "model/workspace.h"

namespace lowbit {
namespace {

using ProfileClock = std::chrono::steady_clock;

/// Median and half the distance between the quartiles, by nearest rank.
MeasuredTime measured_time(std::vector<double> ns) {
  if (ns.empty()) return {};
  const auto at = [&](double q) {
    const auto rank = static_cast<std::size_t>(q * static_cast<double>(ns.size() - 1) + 0.5);
    std::nth_element(ns.begin(), ns.begin() + static_cast<std::ptrdiff_t>(rank), ns.end());
    return ns[rank];
  };
  return {at(0.5), (at(0.75) - at(0.25)) / 2};
}

using ProfileBatch = std::variant<TensorView, std::vector<arrays::ArrayView>>;

/// One model that takes its turns.
class ProfiledModel {
 public:
  ProfiledModel(const Model& model, const ProfileBatch& batch, std::int64_t count,
                const std::shared_ptr<Executor>& executor)
      : model_(model),
        batch_(batch),
        workspace_(model, {.batch = count, .threads = 1, .executor = executor}),
        node_ns_(model.graph().nodes.size()),
        seen_(model.graph().nodes.size()) {
    std::vector<Shape> shapes;
    if (const auto* arrays = std::get_if<1>(&batch)) {
      for (const arrays::ArrayView& input : *arrays) shapes.push_back(input.type.shape);
    } else {
      shapes.push_back(with_batch(model.input_shape(), count));
    }
    for (const Shape& shape : model.output_shapes(shapes)) {
      outputs_.emplace_back(static_cast<std::size_t>(count * shape.elements()));
      views_.emplace_back(outputs_.back().data(), Shape{count, shape.elements()});
    }
  }

  void run() {
    if (const auto* arrays = std::get_if<1>(&batch_))
      lowbit::run(model_, *arrays, views_, workspace_);
    else
      lowbit::run(model_, std::span(&std::get<0>(batch_), 1), views_, workspace_);
  }

  void run_timed() {
    workspace_.state().node_ns = node_ns_.data();
    const auto start = ProfileClock::now();
    run();
    const double ns = std::chrono::duration<double, std::nano>(ProfileClock::now() - start).count();
    workspace_.state().node_ns = nullptr;
    double inside = 0;
    for (std::size_t i = 0; i < node_ns_.size(); ++i) {
      seen_[i].push_back(static_cast<double>(node_ns_[i]));
      inside += seen_[i].back();
    }
    whole_.push_back(ns);
    outside_.push_back(ns - inside);
  }

  ModelProfile result() const {
    ModelProfile profile;
    for (const std::vector<double>& ns : seen_) profile.nodes.push_back(measured_time(ns));
    profile.whole = measured_time(whole_);
    profile.outside_ns = measured_time(outside_).ns;
    profile.runs = static_cast<std::int64_t>(whole_.size());
    return profile;
  }

 private:
  const Model& model_;
  const ProfileBatch& batch_;
  Workspace workspace_;
  std::vector<std::vector<float>> outputs_;
  std::vector<MutableTensorView> views_;
  std::vector<std::uint64_t> node_ns_;
  std::vector<std::vector<double>> seen_;
  std::vector<double> whole_, outside_;
};

std::vector<ModelProfile> profile_models(std::span<const Model> models, const ProfileBatch& batch,
                                         const ProfileOptions& options) {
  if (models.empty()) throw Error(ErrorCode::invalid_argument, "a profile needs a model");
  if (options.rounds < 1 || options.runs_of_round < 1)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("a profile takes at least 1 round of 1 run, not {} of {}", options.rounds,
                            options.runs_of_round));
  std::int64_t count = 0;
  if (const auto* arrays = std::get_if<1>(&batch)) {
    count = check_inputs(models[0], *arrays);
  } else {
    check_one_input(models[0]);
    count = check_batch(std::get<0>(batch).shape, models[0].input_shape(), "a batch");
  }
  if (count < 1) throw Error(ErrorCode::invalid_argument, "a profile needs at least one sample");
  const std::shared_ptr<Executor> executor = make_thread_pool(options.threads);
  std::vector<std::unique_ptr<ProfiledModel>> all;
  for (const Model& model : models)
    all.push_back(std::make_unique<ProfiledModel>(model, batch, count, executor));
  for (int round = 0; round < options.rounds; ++round) {
    for (std::size_t m = 0; m < all.size(); ++m) {
      ProfiledModel& model = *all[(m + static_cast<std::size_t>(round)) % all.size()];
      model.run();
      for (int i = 0; i < options.runs_of_round; ++i) model.run_timed();
    }
    if (options.stops && options.stops()) break;
  }
  std::vector<ModelProfile> results;
  for (const auto& model : all) results.push_back(model->result());
  return results;
}

}  // namespace

std::vector<ModelProfile> profile(std::span<const Model> models, std::span<const arrays::ArrayView> batch,
                                  const ProfileOptions& options) {
  return profile_models(models, std::vector<arrays::ArrayView>(batch.begin(), batch.end()), options);
}

std::vector<ModelProfile> profile(std::span<const Model> models, const TensorView& batch,
                                  const ProfileOptions& options) {
  return profile_models(models, batch, options);
}

}  // namespace lowbit
