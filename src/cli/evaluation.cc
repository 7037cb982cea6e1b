#include "cli/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "cli/progress.h"
#include "cli/statistics.h"
#include "lowbit/core/error.h"
#include "lowbit/runtime/executor.h"

namespace lowbit::cli {
namespace {

using Clock = std::chrono::steady_clock;

// Inputs are converted a chunk at a time, so that no conversion lies between two timed runs and memory is
// bounded.
constexpr std::int64_t kChunkFloats = std::int64_t{1} << 21;
constexpr int kMostWarmUps = 10;
constexpr auto kWarmUpTime = std::chrono::milliseconds(100);

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

/// One model on its way over the images.
struct Lane {
  const Model* model;
  Workspace workspace;
  std::vector<std::vector<float>> outputs;
  std::vector<MutableTensorView> views;
  std::vector<ErrorAccumulator> errors;
  std::vector<double> ms;
  std::int64_t correct = 0, agree = 0;

  Lane(const Model& m, std::int64_t batch, const std::shared_ptr<Executor>& executor)
      : model(&m),
        workspace(m, {.batch = batch, .threads = 1, .executor = executor}),
        errors(m.output_count()) {
    for (std::size_t i = 0; i < m.output_count(); ++i)
      outputs.emplace_back(index(batch * m.output_shape(i).elements()));
  }

  void prepare(std::int64_t batch) {
    views.clear();
    for (std::size_t i = 0; i < outputs.size(); ++i)
      views.emplace_back(outputs[i].data(), with_batch(model->output_shape(i), batch));
  }

  /// Milliseconds.
  double run(const TensorView& in) {
    const auto start = Clock::now();
    lowbit::run(*model, std::span(&in, 1), views, workspace);
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  }

  std::span<const float> first_output(std::int64_t image) const {
    const std::size_t size = index(model->output_shape(0).elements());
    return std::span(outputs[0]).subspan(index(image) * size, size);
  }
};

class Evaluation {
 public:
  Evaluation(std::span<const Model> models, const Images& images, const EvaluationOptions& options)
      : images_(images), options_(options), batch_(std::min(options.batch, images.count())) {
    require_same_shapes(models);
    require_known_labels(models[0]);
    const std::shared_ptr<Executor> executor = make_thread_pool(options.threads);
    for (const Model& model : models) lanes_.emplace_back(model, batch_, executor);
  }

  std::vector<ModelResult> run() {
    const std::int64_t size = images_.shape().elements();
    const std::int64_t chunk =
        std::max<std::int64_t>(1, kChunkFloats / std::max<std::int64_t>(1, batch_ * size)) * batch_;
    std::vector<float> inputs;
    Progress progress("evaluating", images_.count());
    for (std::int64_t first = 0; first < images_.count(); first += chunk) {
      const std::int64_t count = std::min(chunk, images_.count() - first);
      inputs.resize(index(count * size));
      images_.read(first, inputs);
      if (first == 0) warm_up(inputs.data());
      for (std::int64_t i = 0; i < count; i += batch_) {
        run_batch(inputs.data() + i * size, first + i, std::min(batch_, count - i));
        progress.update(first + i);
      }
    }
    return results();
  }

 private:
  static void require_same_shapes(std::span<const Model> models) {
    for (const Model& model : models) {
      if (model.input_shape() != models[0].input_shape())
        throw Error(ErrorCode::shape_mismatch,
                    fmt::format("the models take inputs of different shapes, {} and {}",
                                models[0].input_shape().to_string(), model.input_shape().to_string()));
      if (model.output_count() != models[0].output_count())
        throw Error(ErrorCode::shape_mismatch, fmt::format("the models have {} and {} outputs",
                                                           models[0].output_count(), model.output_count()));
      for (std::size_t i = 0; i < model.output_count(); ++i)
        if (model.output_shape(i) != models[0].output_shape(i))
          throw Error(ErrorCode::shape_mismatch,
                      fmt::format("output {} of the models has different shapes, {} and {}", i,
                                  models[0].output_shape(i).to_string(), model.output_shape(i).to_string()));
    }
  }

  void require_known_labels(const Model& model) const {
    if (!images_.has_labels()) return;
    const std::int64_t classes = model.output_shape(0).elements();
    for (std::int64_t i = 0; i < images_.count(); ++i) {
      const std::int64_t label = images_.label(i).value_or(0);
      if (label < 0 || label >= classes)
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("image {} has the label {}; the model has {} outputs", i, label, classes));
    }
  }

  void warm_up(const float* inputs) {
    const TensorView in(inputs, images_.batch_shape(batch_));
    for (Lane& lane : lanes_) {
      lane.prepare(batch_);
      const auto start = Clock::now();
      for (int i = 0; i < kMostWarmUps && Clock::now() - start < kWarmUpTime; ++i) lane.run(in);
    }
  }

  void run_batch(const float* inputs, std::int64_t first, std::int64_t count) {
    const TensorView in(inputs, images_.batch_shape(count));
    if (count != batch_)
      for (Lane& lane : lanes_) lane.prepare(count);
    // A smaller batch at the end costs more for each image; it counts only where there is no other.
    const bool timed = count == batch_;
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      Lane& lane = lanes_[(i + turn_) % lanes_.size()];
      const double ms = lane.run(in);
      if (timed) lane.ms.push_back(ms / static_cast<double>(count));
    }
    ++turn_;
    for (Lane& lane : lanes_) score(lane, first, count);
  }

  void score(Lane& lane, std::int64_t first, std::int64_t count) {
    const Lane& reference = lanes_[0];
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t best = argmax(lane.first_output(i));
      lane.correct += images_.label(first + i) == best;
      lane.agree += argmax(reference.first_output(i)) == best;
    }
    for (std::size_t i = 0; i < lane.outputs.size(); ++i)
      lane.errors[i].add(reference.outputs[i].data(), lane.outputs[i].data(),
                         count * lane.model->output_shape(i).elements());
  }

  std::vector<ModelResult> results() const {
    std::vector<ModelResult> results;
    for (const Lane& lane : lanes_) {
      ModelResult result;
      if (images_.has_labels()) result.correct = lane.correct;
      if (options_.has_reference) {
        result.agree = lane.agree;
        const Graph& graph = lane.model->graph();
        for (std::size_t i = 0; i < lane.errors.size(); ++i)
          result.outputs.push_back({graph.values[index(graph.outputs[i])].name, lane.errors[i].result()});
      }
      result.ms_median = quantile(lane.ms, 0.5);
      result.ms_p90 = quantile(lane.ms, 0.9);
      results.push_back(std::move(result));
    }
    return results;
  }

  const Images& images_;
  EvaluationOptions options_;
  std::int64_t batch_;
  std::vector<Lane> lanes_;
  std::size_t turn_ = 0;
};

}  // namespace

std::vector<ModelResult> evaluate(std::span<const Model> models, const Images& images,
                                  const EvaluationOptions& options) {
  return Evaluation(models, images, options).run();
}

}  // namespace lowbit::cli
