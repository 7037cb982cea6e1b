// SPDX-License-Identifier: Apache-2.0
// Einsum: operands are multiplied one after the other, each time as a batched product of matrices.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "arrays/numbers.h"
#include "arrays/product.h"
#include "arrays/registry.h"

namespace lowbit::arrays {
namespace {

constexpr std::size_t kMostLabels = 2 * Shape::kMaxRank;

/// An axis of an operand: labels are letters, or numbers from kEllipsis on for the axes of "...".
struct EinsumAxis {
  int label = 0;
  std::int64_t size = 1, stride = 0;
};

constexpr int kEllipsis = 256;

using EinsumAxes = std::vector<EinsumAxis>;

const EinsumAxis* find_axis(const EinsumAxes& axes, int label) {
  for (const EinsumAxis& a : axes)
    if (a.label == label) return &a;
  return nullptr;
}

/// A copy of an array with axes in another order; what differs along the last axes is added up.
struct EinsumGather {
  std::array<std::int64_t, kMostLabels> dims{}, strides{};
  std::size_t rank = 0, kept = 0;
  std::int64_t results = 1;

  template <class T>
  void operator()(const T* from, T* to) const {
    std::array<std::int64_t, kMostLabels> at{};
    std::int64_t sums = 1, offset = 0;
    for (std::size_t i = kept; i < rank; ++i) sums *= dims[i];
    for (std::int64_t r = 0; r < results; ++r) {
      T sum{};
      for (std::int64_t s = 0; s < sums; ++s) {
        sum += from[offset];
        step(at, offset, kept, rank);
      }
      to[r] = sum;
      step(at, offset, 0, kept);
    }
  }
  /// To the next element along axes [first, last).
  void step(std::array<std::int64_t, kMostLabels>& at, std::int64_t& offset, std::size_t first,
            std::size_t last) const {
    for (std::size_t i = last; i-- > first;) {
      offset += strides[i];
      if (++at[i] < dims[i]) return;
      at[i] = 0;
      offset -= strides[i] * dims[i];
    }
  }
};

/// c[batch, m, n] = a[batch, m, k] b[batch, k, n] of gathered operands. Offsets are in elements of scratch.
struct EinsumStep {
  EinsumGather a{}, b{};
  std::int64_t batch = 1, m = 1, n = 1, k = 1;
  std::size_t from = 0;  ///< where the left operand lies; the first step's is input 0
  std::size_t to_a = 0, to_b = 0, to_c = 0;
};

struct EinsumPlan {
  std::vector<EinsumStep> steps{};
  EinsumGather last{};
  std::size_t from = 0, scratch = 0;

  template <class T>
  void operator()(const Run& run) const {
    using M = Modular<T>;
    auto* scratch_elements = reinterpret_cast<M*>(run.scratch);
    const auto input = [&](std::size_t i) { return reinterpret_cast<const M*>(run.in[i].data<T>()); };
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const EinsumStep& s = steps[i];
      M *a = scratch_elements + s.to_a, *b = scratch_elements + s.to_b, *c = scratch_elements + s.to_c;
      s.a(i == 0 ? input(0) : scratch_elements + s.from, a);
      s.b(input(i + 1), b);
      std::fill_n(c, s.batch * s.m * s.n, M{});
      for (std::int64_t j = 0; j < s.batch; ++j)
        add_product<M>(s.m, s.n, s.k, {a + j * s.m * s.k, s.k, 1}, b + j * s.k * s.n, s.n, c + j * s.m * s.n,
                       s.n);
    }
    last(steps.empty() ? input(0) : scratch_elements + from, reinterpret_cast<M*>(run.out[0].data<T>()));
    if constexpr (std::is_same_v<T, std::int64_t>)
      for (std::int64_t i = 0; i < run.out[0].size(); ++i)
        run.out[0].integers[i] = wrap_to(run.out[0].type.element, run.out[0].integers[i]);
  }
};

/// The labels of one term of the equation; "..." stands for `rank` axes in all less those that have letters.
std::vector<int> read_labels(const Call& call, const std::string& term, int rank) {
  std::vector<int> labels;
  const std::size_t dots = term.find("...");
  const int letters = static_cast<int>(term.size()) - (dots == std::string::npos ? 0 : 3);
  const int hidden = rank - letters;
  if (hidden < 0 || (hidden > 0 && dots == std::string::npos))
    call.reject(fmt::format("has the term '{}' for {} dimensions", term, rank));
  for (std::size_t i = 0; i < term.size(); ++i) {
    if (i == dots) {
      for (int e = 0; e < hidden; ++e) labels.push_back(kEllipsis + Shape::kMaxRank - hidden + e);
      i += 2;
    } else if ((term[i] >= 'a' && term[i] <= 'z') || (term[i] >= 'A' && term[i] <= 'Z')) {
      labels.push_back(term[i]);
    } else {
      call.reject(fmt::format("has the term '{}'", term));
    }
  }
  return labels;
}

struct Equation {
  std::vector<std::vector<int>> terms{};
  std::vector<int> output{};
};

/// Without "->", those that occur once, in alphabetical order, after the axes of "...".
std::vector<int> implied_output(const Equation& equation) {
  std::vector<int> all, output;
  for (const std::vector<int>& term : equation.terms) all.insert(all.end(), term.begin(), term.end());
  std::sort(all.begin(), all.end());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool is_first = i == 0 || all[i - 1] != all[i],
               is_last = i + 1 == all.size() || all[i + 1] != all[i];
    if (is_first && (is_last || all[i] >= kEllipsis)) output.push_back(all[i]);
  }
  std::stable_partition(output.begin(), output.end(), [](int label) { return label >= kEllipsis; });
  return output;
}

Equation read_equation(const Call& call) {
  std::string text;
  for (const char c : call.text_attribute("equation", ""))
    if (c != ' ') text += c;
  const std::size_t arrow = text.find("->");
  std::string left = text.substr(0, arrow) + ",";
  Equation equation;
  int most_hidden = 0;
  for (std::size_t at = 0; at < left.size(); at = left.find(',', at) + 1) {
    const auto i = static_cast<int>(equation.terms.size());
    if (i >= call.input_count()) call.reject("has more terms than inputs");
    equation.terms.push_back(read_labels(call, left.substr(at, left.find(',', at) - at), call.rank(i)));
    for (const int label : equation.terms.back())
      if (label >= kEllipsis) most_hidden = std::max(most_hidden, kEllipsis + Shape::kMaxRank - label);
  }
  if (static_cast<int>(equation.terms.size()) != call.input_count())
    call.reject("has fewer terms than inputs");
  if (arrow == std::string::npos) {
    equation.output = implied_output(equation);
  } else {
    const std::string right = text.substr(arrow + 2);
    const bool dots = right.find("...") != std::string::npos;
    equation.output = read_labels(call, right, static_cast<int>(right.size()) - (dots ? 3 - most_hidden : 0));
  }
  return equation;
}

/// The axes of input `i`. An axis that occurs twice is one along the diagonal; axes of size 1 broadcast.
EinsumAxes operand_axes(const Call& call, int i, const std::vector<int>& labels, const EinsumAxes& sizes) {
  EinsumAxes axes;
  std::int64_t stride = call.shape(i).elements();
  for (int axis = 0; axis < call.rank(i); ++axis) {
    const std::int64_t dim = call.shape(i)[axis],
                       size = find_axis(sizes, labels[static_cast<std::size_t>(axis)])->size;
    stride = dim == 0 ? 0 : stride / dim;
    if (dim != size && dim != 1)
      call.reject(fmt::format("has dimensions of {} and {} that are one", dim, size));
    const int label = labels[static_cast<std::size_t>(axis)];
    const std::int64_t step = dim == 1 ? 0 : stride;
    const auto same =
        std::find_if(axes.begin(), axes.end(), [&](const EinsumAxis& a) { return a.label == label; });
    if (same == axes.end())
      axes.push_back({label, size, step});
    else
      same->stride += step;
  }
  return axes;
}

/// The size of each label.
EinsumAxes label_sizes(const Call& call, const Equation& equation) {
  EinsumAxes sizes;
  for (std::size_t i = 0; i < equation.terms.size(); ++i)
    for (std::size_t axis = 0; axis < equation.terms[i].size(); ++axis) {
      const int label = equation.terms[i][axis];
      const std::int64_t dim = call.shape(static_cast<int>(i))[static_cast<int>(axis)];
      const auto same =
          std::find_if(sizes.begin(), sizes.end(), [&](const EinsumAxis& a) { return a.label == label; });
      if (same == sizes.end())
        sizes.push_back({label, dim, 0});
      else if (same->size == 1)
        same->size = dim;
    }
  return sizes;
}

/// Refuses more elements than arrays have.
std::int64_t checked_size(const Call& call, const EinsumAxes& axes) {
  std::int64_t size = 1;
  for (const EinsumAxis& a : axes) {
    const std::int64_t dims[] = {size, a.size};
    size = call.make_shape(dims).elements();
  }
  return size;
}

EinsumGather make_gather(const Call& call, const EinsumAxes& kept, const EinsumAxes& summed) {
  EinsumGather g;
  g.kept = kept.size(), g.rank = kept.size() + summed.size();
  if (g.rank > kMostLabels) call.refuse(fmt::format("has {} labels in one product", g.rank));
  std::size_t at = 0;
  for (const EinsumAxes* axes : {&kept, &summed})
    for (const EinsumAxis& a : *axes) g.dims[at] = a.size, g.strides[at++] = a.stride;
  g.results = checked_size(call, kept);
  return g;
}

/// Dense, in this order.
void set_strides(EinsumAxes& axes) {
  std::int64_t stride = 1;
  for (std::size_t i = axes.size(); i-- > 0;) axes[i].stride = stride, stride *= axes[i].size;
}

EinsumAxes joined(const EinsumAxes& a, const EinsumAxes& b) {
  EinsumAxes all = a;
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

/// Multiplies what is there by an operand; `is_needed(label)`: by later operands or the output.
template <class IsNeeded>
EinsumAxes add_step(const Call& call, EinsumPlan& plan, const EinsumAxes& a, const EinsumAxes& b,
                    IsNeeded&& is_needed) {
  EinsumAxes batch, batch_b, rows, columns, depth, depth_b, rest_a, rest_b;
  for (const EinsumAxis& axis : a) {
    const EinsumAxis* other = find_axis(b, axis.label);
    if (!other)
      (is_needed(axis.label) ? rows : rest_a).push_back(axis);
    else
      (is_needed(axis.label) ? batch : depth).push_back(axis),
          (is_needed(axis.label) ? batch_b : depth_b).push_back(*other);
  }
  for (const EinsumAxis& axis : b)
    if (!find_axis(a, axis.label)) (is_needed(axis.label) ? columns : rest_b).push_back(axis);
  EinsumStep s;
  s.a = make_gather(call, joined(joined(batch, rows), depth), rest_a);
  s.b = make_gather(call, joined(joined(batch_b, depth_b), columns), rest_b);
  s.batch = checked_size(call, batch), s.k = checked_size(call, depth);
  s.m = checked_size(call, rows), s.n = checked_size(call, columns);
  EinsumAxes result = joined(joined(batch, rows), columns);
  s.from = plan.from;
  s.to_a = plan.scratch, s.to_b = s.to_a + static_cast<std::size_t>(s.a.results);
  s.to_c = s.to_b + static_cast<std::size_t>(s.b.results);
  plan.scratch = s.to_c + static_cast<std::size_t>(checked_size(call, result));
  plan.from = s.to_c;
  plan.steps.push_back(s);
  set_strides(result);
  return result;
}

Prepared einsum(const Call& call) {
  const Equation equation = read_equation(call);
  const EinsumAxes sizes = label_sizes(call, equation);
  EinsumPlan plan;
  EinsumAxes axes = operand_axes(call, 0, equation.terms[0], sizes);
  for (int i = 1; i < call.input_count(); ++i) {
    if (call.element(i) != call.element(0)) call.reject("multiplies arrays of two types");
    const auto is_needed = [&](int label) {
      const auto has = [&](const std::vector<int>& labels) {
        return std::find(labels.begin(), labels.end(), label) != labels.end();
      };
      return has(equation.output) || std::any_of(equation.terms.begin() + i + 1, equation.terms.end(), has);
    };
    axes = add_step(call, plan, axes,
                    operand_axes(call, i, equation.terms[static_cast<std::size_t>(i)], sizes), is_needed);
  }
  EinsumAxes kept, summed;
  std::vector<std::int64_t> dims;
  for (const int label : equation.output) {
    const EinsumAxis* axis = find_axis(axes, label);
    if (!axis || find_axis(kept, label)) call.reject("has an output that its inputs do not give");
    kept.push_back(*axis), dims.push_back(axis->size);
  }
  for (const EinsumAxis& axis : axes)
    if (!find_axis(kept, axis.label)) summed.push_back(axis);
  plan.last = make_gather(call, kept, summed);
  return with_storage(call.element(0), [&](auto zero) -> Prepared {
    using T = decltype(zero);
    return {{{call.element(0), call.make_shape(dims)}},
            [plan](const Run& run) { plan.operator()<T>(run); },
            plan.scratch * sizeof(T)};
  });
}

constexpr Function kEinsumFunctions[] = {
    {"Einsum", einsum},
};

}  // namespace

std::span<const Function> einsum_functions() {
  return kEinsumFunctions;
}

}  // namespace lowbit::arrays
