// SPDX-License-Identifier: Apache-2.0
#include "recover/recover_layer.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <optional>

#include "lowbit/core/error.h"
#include "lowbit/recover/adaround.h"
#include "lowbit/recover/coordinate_descent.h"
#include "lowbit/recover/gptq.h"
#include "lowbit/recover/hqq.h"
#include "lowbit/recover/qronos.h"
#include "lowbit/recover/signround.h"
#include "recover/recovery_steps.h"

namespace lowbit::detail {
namespace {

using Clock = RecoveryClock;
using Values = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// The objective of a layer as the rounders take it. With a free bias means do not count: moments are those
/// about the mean.
struct LayerObjective {
  std::vector<OutputError> errors;  ///< one a group, second moments alone
  Values weights;                   ///< the real weights that come nearest to the targets
};

/// (H + d) w = T + d w0 for each channel: targets as weights. Damping by a share of the mean of the diagonal
/// holds weights that the samples say little about where they are.
constexpr double kTargetDamping = 0.01;
/// Variances below this share of the squared mean are those of constants.
constexpr double kConstant = 1e-12;

LayerObjective objective_of(const LayerTask& task, const TargetMoments& m, bool centred, bool targets) {
  const auto original = Eigen::Map<const Values, 0, Eigen::OuterStride<>>(
      task.weights.data, task.weights.rows, task.weights.cols, Eigen::OuterStride<>(task.weights.row_stride));
  LayerObjective objective{{}, original};
  const std::int64_t channels = m.channels / m.groups;
  for (std::int64_t g = 0; g < m.groups; ++g) {
    TargetMoments::Matrix h = m.second[static_cast<std::size_t>(g)];
    TargetMoments::Matrix t = m.target.middleRows(g * channels, channels);
    if (centred) {
      const Eigen::VectorXd mean = m.mean_of(g);
      h.noalias() -= mean * mean.transpose();
      t.noalias() -= m.target_mean.segment(g * channels, channels) * mean.transpose();
      // Of an input that is always the same nothing is left but rounding, of either sign.
      for (std::int64_t c = 0; c < m.columns; ++c) {
        if (h(c, c) > kConstant * mean[c] * mean[c]) continue;
        h.row(c).setZero(), h.col(c).setZero(), t.col(c).setZero();
      }
    }
    if (targets) {
      TargetMoments::Matrix damped = h;
      const double damping = std::max(kTargetDamping * h.trace() / static_cast<double>(m.columns), 1e-30);
      damped.diagonal().array() += damping;
      const Eigen::LLT<TargetMoments::Matrix> factor(damped);
      const TargetMoments::Matrix w = original.middleRows(g * channels, channels).cast<double>();
      const TargetMoments::Matrix solved = factor.solve((t + damping * w).transpose()).transpose();
      if (factor.info() == Eigen::Success && solved.allFinite())
        objective.weights.middleRows(g * channels, channels) = solved.cast<float>();
    }
    OutputError error;
    error.columns = m.columns;
    error.second_moment.assign(h.data(), h.data() + h.size());
    objective.errors.push_back(std::move(error));
  }
  return objective;
}

/// What of the whole search the products allow. In units of rows * columns^2, which is one sweep and a half
/// of all rows, or one gradient, the search takes some 50 for its 19 scales and some 15 for each turn of each
/// start that it goes on with.
CoordinateDescentOptions descent_options(const MatrixView& weights, const RecoverOptions& options) {
  CoordinateDescentOptions o{.turns = options.descents, .threads = options.threads};
  const double unit = static_cast<double>(weights.rows * weights.cols) * static_cast<double>(weights.cols);
  const double units = options.descent_products / unit;
  if (units >= 50 + 15.0 * o.kept * o.turns) return o;
  o.kept = 1;
  if (units >= 50 + 15.0 * o.turns) return o;
  o.scale_factors = {1.12f, 0.9f, 0.8f, 0.65f, 0.5f};
  o.turns = std::min(o.turns, 2);
  if (units >= 15 + 15.0 * o.turns) return o;
  o.scale_factors = {};
  o.turns = 1;
  return o;
}

/// What an algorithm is given: the same for all that round towards targets.
struct Problem {
  LayerObjective objective;
  WeightGrid grid;
  MatrixView weights() const {
    return {objective.weights.data(), objective.weights.rows(), objective.weights.cols()};
  }
  std::span<const OutputError> errors() const { return objective.errors; }
};

/// A step that chooses codes.
struct Rounder {
  RecoveryStep step;
  bool targets;  ///< whether it rounds towards the targets, or the layer's own weights
  RoundingResult (*round)(const Problem& problem, const RecoverOptions& options);
};

/// In the order in which they are tried.
constexpr Rounder kRounders[] = {
    {RecoveryStep::hqq, false,
     [](const Problem& p, const RecoverOptions& o) {
       return hqq(p.weights(), p.grid, {.threads = o.threads});
     }},
    {RecoveryStep::gptq, false,
     [](const Problem& p, const RecoverOptions& o) {
       return gptq(p.weights(), p.grid, p.errors(), {.threads = o.threads});
     }},
    {RecoveryStep::qronos, true,
     [](const Problem& p, const RecoverOptions& o) {
       return qronos(p.weights(), p.grid, p.errors(), {.threads = o.threads});
     }},
    {RecoveryStep::adaround, true,
     [](const Problem& p, const RecoverOptions& o) {
       return adaround(p.weights(), p.grid, p.errors(), {.threads = o.threads});
     }},
    {RecoveryStep::signround, true,
     [](const Problem& p, const RecoverOptions& o) {
       return signround(p.weights(), p.grid, p.errors(), {.threads = o.threads});
     }},
    {RecoveryStep::descent, true,
     [](const Problem& p, const RecoverOptions& o) {
       return coordinate_descent(p.weights(), p.grid, p.errors(), descent_options(p.weights(), o));
     }},
};

class Trials {
 public:
  Trials(const LayerTask& task, const TargetMoments& learned, const TargetMoments& held_out,
         const RecoverOptions& options, RecoveryReport::Layer& report)
      : task_(task), learned_(learned), held_out_(held_out), options_(options), report_(report) {
    best_ = task.plain;
    report.sqnr_before = report.sqnr_after = target_sqnr(held_out, best_.codes, task.bias);
  }

  /// Codes by some algorithm, with the bias that fits them where that is among the steps.
  void round(const Rounder& rounder) {
    if (!asks_for(options_, rounder.step)) return;
    const Clock::time_point start = Clock::now();
    RecoveryReport::Step said{.name = std::string(step_name(rounder.step)),
                              .sqnr_before = report_.sqnr_after};
    const bool bias = asks_for(options_, RecoveryStep::bias);
    try {
      RoundingResult result = rounder.round(problem_for(bias, rounder.targets), options_);
      said.note = result.report.note;
      offer(std::move(result.codes), bias, said);
    } catch (const Error& e) {
      said.sqnr_after = said.sqnr_before;
      said.failed = true;
      said.note = e.what();
    }
    said.seconds = seconds_since(start);
    report_.steps.push_back(std::move(said));
  }

  /// The bias alone, for codes that were not chosen with one.
  void correct_bias() {
    if (!asks_for(options_, RecoveryStep::bias) || !best_.bias.empty()) return;
    const Clock::time_point start = Clock::now();
    RecoveryReport::Step said{.name = std::string(step_name(RecoveryStep::bias)),
                              .sqnr_before = report_.sqnr_after};
    offer(QuantizedMatrix(best_.codes), true, said);
    said.seconds = seconds_since(start);
    report_.steps.push_back(std::move(said));
  }

  RecoveredLayer best() { return std::move(best_); }

 private:
  const Problem& problem_for(bool centred, bool targets) {
    std::optional<Problem>& problem = targets ? towards_targets_ : as_weights_;
    if (problem) return *problem;
    LayerObjective objective = objective_of(task_, learned_, centred, targets);
    const MatrixView weights(objective.weights.data(), task_.weights.rows, task_.weights.cols);
    const std::vector<float> diagonal = input_importance(objective.errors, weights.rows);
    const MatrixView importance =
        task_.importance.data ? task_.importance : MatrixView(diagonal.data(), weights.rows, weights.cols);
    const WeightGrid grid(weights, task_.quantizer, importance);
    return problem.emplace(Problem{std::move(objective), grid});
  }

  void offer(QuantizedMatrix codes, bool bias, RecoveryReport::Step& said) {
    RecoveredLayer candidate{std::move(codes), {}};
    if (bias) candidate.bias = bias_for(learned_, candidate.codes);
    said.sqnr_after = target_sqnr(held_out_, candidate.codes, bias ? candidate.bias : task_.bias);
    said.kept = said.sqnr_after > report_.sqnr_after;
    if (!said.kept) return;
    best_ = std::move(candidate);
    report_.sqnr_after = said.sqnr_after;
  }

  const LayerTask& task_;
  const TargetMoments &learned_, &held_out_;
  const RecoverOptions& options_;
  RecoveryReport::Layer& report_;
  RecoveredLayer best_;
  std::optional<Problem> as_weights_, towards_targets_;
};

}  // namespace

double descent_products_of(const RecoverOptions& options, std::size_t layers) {
  constexpr double kLayers = 10;
  return options.descent_products * std::min(kLayers / static_cast<double>(layers), 1.0);
}

RecoveredLayer recover_layer(const LayerTask& task, const TargetMoments& learned,
                             const TargetMoments& held_out, const RecoverOptions& options,
                             RecoveryReport::Layer& report) {
  Trials trials(task, learned, held_out, options, report);
  for (const Rounder& rounder : kRounders) trials.round(rounder);
  trials.correct_bias();
  return trials.best();
}

}  // namespace lowbit::detail
