// SPDX-License-Identifier: Apache-2.0
// Operators that make one element of all along some axes.
#include <algorithm>

#include "arrays/numbers.h"
#include "arrays/reduction.h"
#include "arrays/registry.h"
#include "core/elementary.h"

namespace lowbit::arrays {
namespace {

// Floats are folded in double; integers in std::uint64_t, or in std::int64_t where their order matters.

struct FoldSum {
  static constexpr double kEmpty = 0;
  template <class A>
  static A fold(A a, A x) {
    return a + x;
  }
};

struct FoldSquares {
  static constexpr double kEmpty = 0;
  template <class A>
  static A fold(A a, A x) {
    return a + x * x;
  }
};

struct FoldMagnitudes {
  static constexpr double kEmpty = 0;
  static double fold(double a, double x) { return a + std::fabs(x); }
  static std::uint64_t fold(std::uint64_t a, std::uint64_t x) {
    return static_cast<std::int64_t>(x) < 0 ? a - x : a + x;
  }
};

struct FoldProduct {
  static constexpr double kEmpty = 1;
  template <class A>
  static A fold(A a, A x) {
    return a * x;
  }
};

// Of numbers one of which is NaN, the greatest and the least is NaN.
struct FoldGreatest {
  static constexpr double kEmpty = -std::numeric_limits<double>::infinity();
  template <class A>
  static A fold(A a, A x) {
    return x > a || x != x ? x : a;
  }
};

struct FoldLeast {
  static constexpr double kEmpty = std::numeric_limits<double>::infinity();
  template <class A>
  static A fold(A a, A x) {
    return x < a || x != x ? x : a;
  }
};

/// Into `totals`, which have their first values.
template <class Fold, class A, class T>
void fold_all(const Reduction& r, const T* in, A* totals) {
  const std::int64_t n = r.line();
  r.walk(
      in,
      [&](const T* x, std::int64_t to) {
        A total = totals[to];
        for (std::int64_t i = 0; i < n; ++i) total = Fold::fold(total, static_cast<A>(x[i]));
        totals[to] = total;
      },
      [&](const T* x, std::int64_t to) {
        for (std::int64_t i = 0; i < n; ++i)
          totals[to + i] = Fold::fold(totals[to + i], static_cast<A>(x[i]));
      });
}

/// What becomes of a total in the end.
enum class Last { nothing, mean, root, log };

double finish_total(Last last, double total, std::int64_t count) {
  switch (last) {
    case Last::mean:
      return total / static_cast<double>(count);
    case Last::root:
      return std::sqrt(total);
    case Last::log:
      return elementary::log(total);
    default:
      return total;
  }
}

/// The mean of integers drops its fraction.
std::int64_t integer_mean(std::uint64_t total, std::int64_t count, bool is_unsigned) {
  if (count == 0) return 0;
  return is_unsigned ? static_cast<std::int64_t>(total / static_cast<std::uint64_t>(count))
                     : static_cast<std::int64_t>(total) / count;
}

template <class Fold, class T>
void run_reduction(const Reduction& r, Last last, const Run& run) {
  const MutableArrayView& out = run.out[0];
  const ElementType type = out.type.element;
  T* y = out.data<T>();
  if constexpr (std::is_same_v<T, float>) {
    auto* totals = reinterpret_cast<double*>(run.scratch);
    std::fill_n(totals, r.results, Fold::kEmpty);
    fold_all<Fold>(r, run.in[0].floats, totals);
    for (std::int64_t i = 0; i < r.results; ++i)
      y[i] = static_cast<float>(finish_total(last, totals[i], r.count));
  } else {
    auto* totals = reinterpret_cast<std::uint64_t*>(run.scratch);
    std::fill_n(totals, r.results, static_cast<std::uint64_t>(Fold::kEmpty));
    fold_all<Fold>(r, run.in[0].integers, totals);
    for (std::int64_t i = 0; i < r.results; ++i) {
      if (last == Last::nothing)
        y[i] = from_modular<T>(type, totals[i]);
      else if (last == Last::mean)
        y[i] = wrap_to(type, integer_mean(totals[i], r.count, type == ElementType::u64));
      else
        y[i] = from_double<T>(
            type, finish_total(last, static_cast<double>(static_cast<std::int64_t>(totals[i])), r.count));
    }
  }
}

/// Of integers, compared as A.
template <class Fold, class A>
void run_integer_extreme(const Reduction& r, const Run& run) {
  const MutableArrayView& out = run.out[0];
  const IntegerRange range = integer_range(out.type.element);
  auto* totals = reinterpret_cast<A*>(run.scratch);
  std::fill_n(totals, r.results, static_cast<A>(Fold::kEmpty < 0 ? range.low : range.high));
  fold_all<Fold>(r, run.in[0].integers, totals);
  for (std::int64_t i = 0; i < r.results; ++i) out.integers[i] = static_cast<std::int64_t>(totals[i]);
}

/// e^(x - greatest) is added up, so that nothing overflows.
template <class T>
void run_log_sum_exp(const Reduction& r, const Run& run) {
  auto* greatest = reinterpret_cast<double*>(run.scratch);
  double* sums = greatest + r.results;
  std::fill_n(greatest, r.results, FoldGreatest::kEmpty);
  std::fill_n(sums, r.results, 0.0);
  const T* in = run.in[0].data<T>();
  fold_all<FoldGreatest>(r, in, greatest);
  for (std::int64_t i = 0; i < r.results; ++i)
    if (std::isinf(greatest[i])) greatest[i] = greatest[i] > 0 ? std::numeric_limits<double>::max() : 0;
  const std::int64_t n = r.line();
  r.walk(
      in,
      [&](const T* x, std::int64_t to) {
        for (std::int64_t i = 0; i < n; ++i)
          sums[to] += elementary::exp(static_cast<double>(x[i]) - greatest[to]);
      },
      [&](const T* x, std::int64_t to) {
        for (std::int64_t i = 0; i < n; ++i)
          sums[to + i] += elementary::exp(static_cast<double>(x[i]) - greatest[to + i]);
      });
  for (std::int64_t i = 0; i < r.results; ++i)
    run.out[0].data<T>()[i] = from_double<T>(run.out[0].type.element, greatest[i] + elementary::log(sums[i]));
}

/// The axes are an attribute before `since`, and an input from then on.
std::vector<bool> reduced_axes(const Call& call, std::int64_t since) {
  std::vector<std::int64_t> axes;
  if (call.opset() < since)
    axes = call.ints_attribute("axes", {});
  else if (call.has(1))
    axes = call.integers(1);
  const int rank = call.rank(0);
  const bool all = axes.empty() && call.int_attribute("noop_with_empty_axes", 0) == 0;
  std::vector<bool> is_reduced(static_cast<std::size_t>(rank), all);
  for (const std::int64_t a : axes) is_reduced[static_cast<std::size_t>(call.axis(a, rank))] = true;
  return is_reduced;
}

struct ReducePlan {
  Reduction reduction;
  ArrayType output;
  std::size_t bytes = 0;  ///< for one total of each result
};

ReducePlan reduce_plan(const Call& call, const std::vector<bool>& is_reduced, bool keeps_dims) {
  ReducePlan p{make_reduction(call.shape(0), is_reduced), {call.element(0), {}}};
  std::vector<std::int64_t> dims;
  for (std::size_t i = 0; i < is_reduced.size(); ++i)
    if (keeps_dims || !is_reduced[i]) dims.push_back(p.reduction.kept[i]);
  p.output.shape = call.make_shape(dims);
  p.bytes = static_cast<std::size_t>(p.reduction.results) * sizeof(double);
  return p;
}

ReducePlan plan_reduce(const Call& call, std::int64_t since = 18) {
  return reduce_plan(call, reduced_axes(call, since), call.int_attribute("keepdims", 1) != 0);
}

/// Over all axes but the first two.
ReducePlan plan_global(const Call& call) {
  if (call.rank(0) < 2) call.reject("needs an input of at least two dimensions");
  if (!is_float(call.element(0))) call.reject("needs floats");
  std::vector<bool> is_reduced(static_cast<std::size_t>(call.rank(0)), true);
  is_reduced[0] = is_reduced[1] = false;
  return reduce_plan(call, is_reduced, true);
}

template <class Fold>
Prepared folding(ReducePlan p, Last last) {
  return with_storage(p.output.element, [&](auto zero) -> Prepared {
    using T = decltype(zero);
    return {{p.output},
            [r = p.reduction, last](const Run& run) { run_reduction<Fold, T>(r, last, run); },
            p.bytes};
  });
}

template <class Fold>
Prepared extreme(const ReducePlan& p) {
  if (is_float(p.output.element))
    return {{p.output},
            [r = p.reduction](const Run& run) { run_reduction<Fold, float>(r, Last::nothing, run); },
            p.bytes};
  if (p.output.element == ElementType::u64)
    return {{p.output},
            [r = p.reduction](const Run& run) { run_integer_extreme<Fold, std::uint64_t>(r, run); },
            p.bytes};
  return {{p.output},
          [r = p.reduction](const Run& run) { run_integer_extreme<Fold, std::int64_t>(r, run); },
          p.bytes};
}

Prepared reduce_sum(const Call& call) {
  return folding<FoldSum>(plan_reduce(call, 13), Last::nothing);
}

Prepared reduce_mean(const Call& call) {
  return folding<FoldSum>(plan_reduce(call), Last::mean);
}

Prepared reduce_prod(const Call& call) {
  return folding<FoldProduct>(plan_reduce(call), Last::nothing);
}

Prepared reduce_l1(const Call& call) {
  // The bits of u64 have no sign.
  if (call.element(0) == ElementType::u64) return folding<FoldSum>(plan_reduce(call), Last::nothing);
  return folding<FoldMagnitudes>(plan_reduce(call), Last::nothing);
}

Prepared reduce_l2(const Call& call) {
  return folding<FoldSquares>(plan_reduce(call), Last::root);
}

Prepared reduce_sum_square(const Call& call) {
  return folding<FoldSquares>(plan_reduce(call), Last::nothing);
}

Prepared reduce_log_sum(const Call& call) {
  return folding<FoldSum>(plan_reduce(call), Last::log);
}

Prepared reduce_log_sum_exp(const Call& call) {
  const ReducePlan p = plan_reduce(call);
  return with_storage(p.output.element, [&](auto zero) -> Prepared {
    using T = decltype(zero);
    return {{p.output}, [r = p.reduction](const Run& run) { run_log_sum_exp<T>(r, run); }, 2 * p.bytes};
  });
}

Prepared reduce_max(const Call& call) {
  return extreme<FoldGreatest>(plan_reduce(call));
}

Prepared reduce_min(const Call& call) {
  return extreme<FoldLeast>(plan_reduce(call));
}

Prepared global_average_pool(const Call& call) {
  return folding<FoldSum>(plan_global(call), Last::mean);
}

Prepared global_max_pool(const Call& call) {
  return extreme<FoldGreatest>(plan_global(call));
}

constexpr Function kReductionFunctions[] = {
    {"GlobalAveragePool", global_average_pool},
    {"GlobalMaxPool", global_max_pool},
    {"ReduceL1", reduce_l1},
    {"ReduceL2", reduce_l2},
    {"ReduceLogSum", reduce_log_sum},
    {"ReduceLogSumExp", reduce_log_sum_exp},
    {"ReduceMax", reduce_max},
    {"ReduceMean", reduce_mean},
    {"ReduceMin", reduce_min},
    {"ReduceProd", reduce_prod},
    {"ReduceSum", reduce_sum},
    {"ReduceSumSquare", reduce_sum_square},
};

}  // namespace

std::span<const Function> reduction_functions() {
  return kReductionFunctions;
}

}  // namespace lowbit::arrays
