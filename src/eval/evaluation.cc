#include "eval/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "lowbit/core/error.h"
#include "lowbit/runtime/executor.h"
#include "model/copy_samples.h"
#include "model/output_scores.h"
#include "report/progress.h"
#include "report/statistics.h"

namespace lowbit::eval {
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
  OutputScores scores;
  std::vector<double> ms;
  std::int64_t correct = 0;

  Lane(const Model& m, std::int64_t batch, const std::shared_ptr<Executor>& executor)
      : model(&m), workspace(m, {.batch = batch, .threads = 1, .executor = executor}), scores(m) {
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

  std::vector<const float*> data() const {
    std::vector<const float*> pointers;
    for (const std::vector<float>& output : outputs) pointers.push_back(output.data());
    return pointers;
  }

  std::span<const float> first_output(std::int64_t image) const {
    const std::size_t size = index(model->output_shape(0).elements());
    return std::span(outputs[0]).subspan(index(image) * size, size);
  }
};

class Evaluation {
 public:
  Evaluation(std::span<const Model> models, const data::Images& images, const EvaluationOptions& options)
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
    report::Progress progress("evaluating", images_.count());
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
      require_same_outputs(models[0], model);
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
    lane.scores.add(lanes_[0].data(), lane.data(), count);
    for (std::int64_t i = 0; i < count; ++i)
      lane.correct += images_.label(first + i) == argmax(lane.first_output(i));
  }

  std::vector<ModelResult> results() const {
    std::vector<ModelResult> results;
    for (const Lane& lane : lanes_) {
      ModelResult result;
      if (images_.has_labels()) result.correct = lane.correct;
      if (options_.has_reference) {
        ModelComparison comparison = lane.scores.result();
        result.agree = comparison.agree;
        result.outputs = std::move(comparison.outputs);
      }
      result.ms_median = report::quantile(lane.ms, 0.5);
      result.ms_p90 = report::quantile(lane.ms, 0.9);
      results.push_back(std::move(result));
    }
    return results;
  }

  const data::Images& images_;
  EvaluationOptions options_;
  std::int64_t batch_;
  std::vector<Lane> lanes_;
  std::size_t turn_ = 0;
};

}  // namespace

std::vector<ModelResult> evaluate(std::span<const Model> models, const data::Images& images,
                                  const EvaluationOptions& options) {
  return Evaluation(models, images, options).run();
}

}  // namespace lowbit::eval
