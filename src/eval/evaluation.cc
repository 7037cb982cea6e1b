// SPDX-License-Identifier: Apache-2.0
#include "eval/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "eval/warnings.h"
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
constexpr auto kLastSamples = std::chrono::seconds(2);
constexpr auto kWarmUpTime = std::chrono::milliseconds(100);

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

/// One model on its way over the images.
struct Lane {
  const Model* model;
  Workspace workspace;
  std::vector<Shape> shapes;  ///< of samples of outputs
  std::vector<std::vector<float>> outputs;
  std::vector<MutableTensorView> views;
  OutputScores scores;
  std::vector<double> ms;
  std::vector<std::int64_t> answers{};
  std::int64_t correct = 0;

  Lane(const Model& m, const std::vector<Shape>& inputs, std::int64_t batch,
       const std::shared_ptr<Executor>& executor)
      : model(&m),
        workspace(m, {.batch = batch, .threads = 1, .executor = executor}),
        shapes(m.output_shapes(inputs)),
        scores(m) {
    for (const Shape& shape : shapes) outputs.emplace_back(index(batch * shape.elements()));
    scores.set_shapes(shapes);
  }

  void prepare(std::int64_t batch) {
    views.clear();
    for (std::size_t i = 0; i < outputs.size(); ++i)
      views.emplace_back(outputs[i].data(), Shape{batch, shapes[i].elements()});
  }

  /// Milliseconds.
  double run(std::span<const arrays::ArrayView> in) {
    const auto start = Clock::now();
    lowbit::run(*model, in, views, workspace);
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  }

  std::vector<const float*> data() const {
    std::vector<const float*> pointers;
    for (const std::vector<float>& output : outputs) pointers.push_back(output.data());
    return pointers;
  }

  std::span<const float> sample_of_output(std::size_t output, std::int64_t image) const {
    const std::size_t size = index(shapes[output].elements());
    return std::span(outputs[output]).subspan(index(image) * size, size);
  }
};

class Evaluation {
 public:
  Evaluation(std::span<const Model> models, const data::Samples& images, const EvaluationOptions& options)
      : images_(images), options_(options), batch_(std::min(options.batch, images.count())) {
    require_same_shapes(models);
    require_known_labels(models[0]);
    const std::shared_ptr<Executor> executor = make_thread_pool(options.threads);
    std::vector<Shape> inputs;
    for (const data::InputType& input : images.inputs()) inputs.push_back(input.type.shape);
    for (const Model& model : models) lanes_.emplace_back(model, inputs, batch_, executor);
    spreads_.resize(models[0].output_count());
  }

  std::vector<ModelResult> run() {
    const std::int64_t size = images_.elements();
    const std::int64_t chunk =
        std::max<std::int64_t>(1, kChunkFloats / std::max<std::int64_t>(1, batch_ * size)) * batch_;
    report::Progress progress("evaluating", images_.count());
    for (std::int64_t first = 0; first < images_.count(); first += chunk) {
      const std::int64_t count = std::min(chunk, images_.count() - first);
      const data::SampleArrays samples = images_.read(first, count);
      const std::vector<arrays::ArrayView> inputs = data::views(samples);
      if (first == 0) warm_up(slice_batch(*lanes_[0].model, inputs, 0, batch_));
      for (std::int64_t i = 0; i < count; i += batch_) {
        if (is_over()) return results();
        const std::int64_t n = std::min(batch_, count - i);
        run_batch(slice_batch(*lanes_[0].model, inputs, i, n), first + i, n);
        done_ += n;
        progress.update(first + i);
      }
    }
    return results();
  }

 private:
  /// Whether it was stopped, long enough ago for the models to have shown something.
  bool is_over() {
    if (!options_.stops || !options_.stops()) return false;
    const auto now = Clock::now();
    if (!stopped_) stopped_ = now;
    return done_ > 0 && now - *stopped_ >= kLastSamples;
  }

  static void require_same_shapes(std::span<const Model> models) {
    for (const Model& model : models) {
      if (model.input_count() != models[0].input_count())
        throw Error(ErrorCode::shape_mismatch, fmt::format("the models take {} and {} inputs",
                                                           models[0].input_count(), model.input_count()));
      for (std::size_t i = 0; i < model.input_count(); ++i)
        if (model.input_shape(i) != models[0].input_shape(i))
          throw Error(ErrorCode::shape_mismatch,
                      fmt::format("the models take inputs of different shapes, {} and {}",
                                  models[0].input_shape(i).to_string(), model.input_shape(i).to_string()));
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

  void warm_up(std::span<const arrays::ArrayView> in) {
    for (Lane& lane : lanes_) {
      lane.prepare(batch_);
      const auto start = Clock::now();
      for (int i = 0; i < kMostWarmUps && Clock::now() - start < kWarmUpTime; ++i) lane.run(in);
    }
  }

  void run_batch(std::span<const arrays::ArrayView> in, std::int64_t first, std::int64_t count) {
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
    for (std::size_t o = 0; o < spreads_.size(); ++o)
      for (std::int64_t i = 0; i < count; ++i) spreads_[o].add(lanes_[0].sample_of_output(o, i));
  }

  void score(Lane& lane, std::int64_t first, std::int64_t count) {
    lane.scores.add(lanes_[0].data(), lane.data(), count);
    for (std::int64_t i = 0; i < count; ++i) {
      lane.answers.push_back(argmax(lane.sample_of_output(0, i)));
      lane.correct += images_.label(first + i) == lane.answers.back();
    }
  }

  std::vector<ModelResult> results() const {
    std::vector<ModelResult> results;
    for (const Lane& lane : lanes_) {
      ModelResult result;
      result.images = done_;
      result.answers = lane.answers;
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
    const Graph& graph = lanes_[0].model->graph();
    for (std::size_t o = 0; o < spreads_.size(); ++o)
      if (spreads_[o].is_constant())
        results[0].constant_outputs.push_back(graph.values[static_cast<std::size_t>(graph.outputs[o])].name);
    return results;
  }

  const data::Samples& images_;
  EvaluationOptions options_;
  std::int64_t batch_;
  std::vector<Lane> lanes_;
  std::vector<OutputSpread> spreads_;  ///< of the outputs of the first model
  std::size_t turn_ = 0;
  std::int64_t done_ = 0;  ///< samples
  std::optional<Clock::time_point> stopped_;
};

}  // namespace

std::vector<ModelResult> evaluate(std::span<const Model> models, const data::Samples& images,
                                  const EvaluationOptions& options) {
  return Evaluation(models, images, options).run();
}

}  // namespace lowbit::eval
