// SPDX-License-Identifier: Apache-2.0
// Attention, backward a query at a time: its weights p = softmax(scale K q + mask) are computed anew, so that
// no matrix of scores is kept. With o = sum p_j v_j and the gradient g of o,
//
//   dv_j += p_j g    ds_j = p_j (v_j g - sum p_i v_i g)    dq = scale sum ds_j k_j    dk_j += scale ds_j q
//
// and the gradient of the mask is ds.
#include <algorithm>
#include <limits>
#include <vector>

#include "core/elementary.h"
#include "layers/attention_steps.h"
#include "train/step_node.h"

namespace lowbit::train {
namespace {

double product_of(const float* a, const float* b, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

void add_scaled(double factor, const float* from, std::int64_t n, float* to) {
  const auto f = static_cast<float>(factor);
  for (std::int64_t i = 0; i < n; ++i) to[i] += f * from[i];
}

class AttentionNode final : public StepNode<ops::AttentionOp> {
 public:
  AttentionNode(const ops::AttentionOp& op, const NodeSpec& spec)
      : StepNode(op, spec),
        plan_(op, spec.step(), 1),
        room_(2 * static_cast<std::size_t>(plan_.keys.rows)),
        tasks_(static_cast<std::size_t>(spec.concurrency)) {
    for (const ValueType* in : spec.inputs) elements_.push_back(sample_elements(*in));
  }

  std::size_t scratch_bytes() const override {
    return std::max(StepNode::scratch_bytes(), tasks_ * room_ * sizeof(double));
  }

  void backward(const BackwardArgs& args) noexcept override {
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t task) {
                 double* room =
                     reinterpret_cast<double*>(args.scratch) + static_cast<std::size_t>(task) * room_;
                 for (std::int64_t s = first; s < last; ++s) backward_sample(args, s, room);
               });
  }

 private:
  /// What a query reads and what becomes of its gradients; null: nobody wants them.
  struct Query {
    const float *q, *k, *v, *mask, *g;
    float *to_q, *to_k, *to_v, *to_mask;
  };

  void backward_sample(const BackwardArgs& args, std::int64_t s, double* room) const {
    // All before any is written to: two inputs may be one value.
    for (std::size_t i = args.input_gradients.size(); i-- > 0;)
      if (args.input_gradients[i].is_wanted()) clear_unless_added(args.input_gradients[i], s, elements_[i]);
    const auto in = [&](std::size_t i) { return args.inputs[i].sample<const float>(s); };
    const auto to = [&](std::size_t i) {
      const InputGradient& gradient = args.input_gradients[i];
      return gradient.is_wanted() ? gradient.to.sample<float>(s) : nullptr;
    };
    const auto at = [](auto* from, std::int64_t offset) { return from ? from + offset : nullptr; };
    const ops::Heads &queries = plan_.queries, &keys = plan_.keys, &values = plan_.values;
    const float* mask = plan_.has_mask ? in(3) : nullptr;
    float* to_mask = plan_.has_mask ? to(3) : nullptr;
    for (std::int64_t b = 0; b < queries.batch; ++b)
      for (std::int64_t h = 0; h < queries.heads; ++h) {
        const std::int64_t group = h / (queries.heads / keys.heads);
        for (std::int64_t r = 0; r < queries.rows; ++r) {
          const std::int64_t at_q = queries.at(b, h) + r * queries.row_stride, at_k = keys.at(b, group),
                             at_v = values.at(b, group),
                             at_mask = b * plan_.mask[0] + h * plan_.mask[1] + r * plan_.mask[2];
          backward_query(
              {in(0) + at_q, in(1) + at_k, in(2) + at_v, at(mask, at_mask),
               args.gradient.sample<const float>(s) + plan_.out.at(b, h) + r * plan_.out.row_stride,
               at(to(0), at_q), at(to(1), at_k), at(to(2), at_v), at(to_mask, at_mask)},
              room, room + keys.rows);
        }
      }
  }

  void backward_query(const Query& a, double* weights, double* scores) const {
    const ops::Heads &keys = plan_.keys, &values = plan_.values;
    weigh(a, weights);
    double mean = 0;
    for (std::int64_t j = 0; j < keys.rows; ++j) {
      scores[j] = product_of(a.v + j * values.row_stride, a.g, values.size);
      mean += weights[j] * scores[j];
    }
    const auto scale = static_cast<double>(op_.scale);
    for (std::int64_t j = 0; j < keys.rows; ++j) {
      const double score = weights[j] * (scores[j] - mean);
      if (a.to_v) add_scaled(weights[j], a.g, values.size, a.to_v + j * values.row_stride);
      if (a.to_k) add_scaled(scale * score, a.q, keys.size, a.to_k + j * keys.row_stride);
      if (a.to_q) add_scaled(scale * score, a.k + j * keys.row_stride, keys.size, a.to_q);
      if (a.to_mask) a.to_mask[j * plan_.mask[3]] += static_cast<float>(score);
    }
  }

  void weigh(const Query& a, double* weights) const {
    const ops::Heads& keys = plan_.keys;
    double most = -std::numeric_limits<double>::infinity(), sum = 0;
    for (std::int64_t j = 0; j < keys.rows; ++j) {
      weights[j] = static_cast<double>(op_.scale) * product_of(a.q, a.k + j * keys.row_stride, keys.size);
      if (a.mask) weights[j] += static_cast<double>(a.mask[j * plan_.mask[3]]);
      most = std::max(most, weights[j]);
    }
    for (std::int64_t j = 0; j < keys.rows; ++j) sum += weights[j] = elementary::exp(weights[j] - most);
    for (std::int64_t j = 0; j < keys.rows; ++j) weights[j] /= sum;
  }

  const ops::AttentionPlan plan_;
  const std::size_t room_, tasks_;  ///< doubles of a task
  std::vector<std::int64_t> elements_;
};

}  // namespace

std::unique_ptr<TapeNode> make_node(const ops::AttentionOp& op, const NodeSpec& spec) {
  return std::make_unique<AttentionNode>(op, spec);
}

}  // namespace lowbit::train
