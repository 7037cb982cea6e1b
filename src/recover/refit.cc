// SPDX-License-Identifier: Apache-2.0
#include "recover/refit.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lowbit/quant/detail/storage.h"
#include "recover/dense.h"
#include "recover/for_rows.h"

namespace lowbit::detail {
namespace {

constexpr std::int64_t kParameters = 128;  // of a system
constexpr std::int64_t kSystems = 32;      // that are held before they are summed

/// A parameter that value c of a row grows with, and how fast.
struct Term {
  std::int64_t parameter;
  double rate;
};

/// Parameters [first, first + count) of a kind; the terms of each weight.
class Parameters {
 public:
  Parameters(const RowsOnGrid& rows, Refit what) : rows_(rows), q_(rows.grid.fitted()), what_(what) {
    offsets_ = what == Refit::scales && !q_.offsets.empty();
    const auto groups = q_.granularity.kind == Granularity::Kind::group ? q_.groups() : 1;
    total_ = what == Refit::planes   ? q_.planes()
             : what == Refit::levels ? static_cast<std::int64_t>(rows.grid.values(0, 0).size())
                                     : groups * (offsets_ ? 2 : 1);
  }
  std::int64_t total() const { return total_; }

  void terms(std::size_t row, std::int64_t c, std::vector<Term>& out) const {
    out.clear();
    const RowCodes& codes = rows_.rows[row];
    const auto i = static_cast<std::size_t>(c);
    const std::size_t entry = entry_of(row, c);
    if (what_ == Refit::levels) {
      out.push_back({codes.choice[i], double(q_.scales[entry])});
    } else if (what_ == Refit::planes) {
      const std::int32_t code = rows_.grid.code(static_cast<std::int64_t>(row), c, codes.choice[i]);
      for (int p = 0; p < q_.planes(); ++p) out.push_back({p, code >> p & 1 ? -1.0 : 1.0});
    } else {
      const double offset = offsets_ ? double(q_.offsets[entry]) : 0.0;
      const std::int64_t group = c / rows_.grid.group_size();
      const double steps = (codes.values[i] - offset) / double(q_.scales[entry]);
      out.push_back({offsets_ ? 2 * group : group, steps});
      if (offsets_) out.push_back({2 * group + 1, 1.0});
    }
  }

  /// With parameters from `first` on changed by `change`; nothing where one becomes impossible.
  std::optional<QuantizedMatrix> changed(std::int64_t first, std::span<const double> change) const;

 private:
  std::size_t entry_of(std::size_t row, std::int64_t c) const {
    return row * static_cast<std::size_t>(q_.groups()) +
           static_cast<std::size_t>(c / rows_.grid.group_size());
  }
  float stored_offset(double offset) const {
    const auto magnitude = static_cast<float>(std::fabs(offset));
    return std::copysign(rows_.grid.stored_scale(magnitude), static_cast<float>(offset));
  }

  const RowsOnGrid& rows_;
  const QuantizedMatrix& q_;
  Refit what_;
  bool offsets_ = false;
  std::int64_t total_ = 0;
};

std::optional<QuantizedMatrix> Parameters::changed(std::int64_t first, std::span<const double> change) const {
  std::vector<int> choice;
  for (const RowCodes& row : rows_.rows) choice.insert(choice.end(), row.choice.begin(), row.choice.end());
  QuantizedMatrix q = rows_.grid.matrix(choice);
  const auto of = [&](std::int64_t parameter) {
    const std::int64_t i = parameter - first;
    return i >= 0 && i < static_cast<std::int64_t>(change.size()) ? change[static_cast<std::size_t>(i)] : 0.0;
  };
  const auto add_to_scale = [&](float& scale, double by) {
    if (by != 0) scale = rows_.grid.stored_scale(static_cast<float>(double(scale) + by));
    return is_scale(scale);
  };
  if (what_ == Refit::levels) {
    // All codes of one level move with it, the unused ones behind the last level too.
    for (std::size_t i = 0; i < q.levels.size(); ++i) {
      const int index = rows_.grid.index(0, 0, static_cast<std::int32_t>(i % q.table_size()));
      q.levels[i] = static_cast<float>(double(q.levels[i]) + of(index));
      if (!std::isfinite(q.levels[i])) return std::nullopt;
    }
    return q;
  }
  const std::size_t per_row = q.scales.size() / static_cast<std::size_t>(q.rows);
  for (std::size_t i = 0; i < q.scales.size(); ++i) {
    const auto p = static_cast<std::int64_t>(i % per_row);
    const bool planes = what_ == Refit::planes;
    if (!add_to_scale(q.scales[i], of(offsets_ && !planes ? 2 * p : p))) return std::nullopt;
    if (!offsets_ || of(2 * p + 1) == 0) continue;
    q.offsets[i] = stored_offset(double(q.offsets[i]) + of(2 * p + 1));
    if (!std::isfinite(q.offsets[i])) return std::nullopt;
  }
  return q;
}

/// A delta = -b: the least squares of the change of some parameters.
struct System {
  std::vector<double> a, b;
};

// The rows of H that belong to a parameter, added up, times the columns that belong to each other one.
System system_of_row(const Objective& objective, const RowsOnGrid& rows, const Parameters& parameters,
                     std::size_t row, std::int64_t first, std::int64_t count) {
  const std::int64_t n = objective.columns();
  const double* h = objective.h(rows.first + static_cast<std::int64_t>(row));
  const std::vector<double>& gradient = rows.rows[row].gradient;
  System s{.a = std::vector<double>(static_cast<std::size_t>(count * count)),
           .b = std::vector<double>(static_cast<std::size_t>(count))};
  std::vector<double> sums(static_cast<std::size_t>(count * n));
  std::vector<Term> terms;
  const auto each = [&](std::int64_t c, const auto& f) {
    parameters.terms(row, c, terms);
    for (const Term& t : terms)
      if (t.parameter >= first && t.parameter < first + count) f(t.parameter - first, t.rate);
  };
  for (std::int64_t c = 0; c < n; ++c)
    each(c, [&](std::int64_t p, double rate) {
      s.b[static_cast<std::size_t>(p)] += rate * gradient[static_cast<std::size_t>(c)];
      double* sum = sums.data() + p * n;
      for (std::int64_t j = 0; j < n; ++j) sum[j] += rate * h[c * n + j];
    });
  for (std::int64_t c = 0; c < n; ++c)
    each(c, [&](std::int64_t p, double rate) {
      for (std::int64_t o = 0; o < count; ++o)
        s.a[static_cast<std::size_t>(o * count + p)] += rate * sums[static_cast<std::size_t>(o * n + c)];
    });
  return s;
}

System system_of(const Objective& objective, const RowsOnGrid& rows, const Parameters& parameters,
                 std::int64_t first, std::int64_t count, int threads) {
  const auto all = static_cast<std::int64_t>(rows.rows.size());
  System total{.a = std::vector<double>(static_cast<std::size_t>(count * count)),
               .b = std::vector<double>(static_cast<std::size_t>(count))};
  for (std::int64_t begin = 0; begin < all; begin += kSystems) {
    std::vector<System> systems(static_cast<std::size_t>(std::min(kSystems, all - begin)));
    for_rows(static_cast<std::int64_t>(systems.size()), 1, threads, [&](std::int64_t i, std::int64_t) {
      systems[static_cast<std::size_t>(i)] =
          system_of_row(objective, rows, parameters, static_cast<std::size_t>(begin + i), first, count);
    });
    for (const System& s : systems) {
      for (std::size_t i = 0; i < s.a.size(); ++i) total.a[i] += s.a[i];
      for (std::size_t i = 0; i < s.b.size(); ++i) total.b[i] += s.b[i];
    }
  }
  return total;
}

// Parameters that nothing depends on stay. False where the rest does not determine the others.
bool solve(System& s) {
  const std::size_t count = s.b.size();
  for (std::size_t p = 0; p < count; ++p) {
    double& d = s.a[p * count + p];
    s.b[p] = d > 0 ? -s.b[p] : 0.0;
    d = d > 0 ? d * (1 + 1e-9) : 1.0;
  }
  return solve_positive(s.a, s.b);
}

bool refit_some(const Objective& objective, RowsOnGrid& rows, Refit what, std::int64_t first,
                std::int64_t count, int threads) {
  const Parameters parameters(rows, what);
  System system = system_of(objective, rows, parameters, first, count, threads);
  if (!solve(system)) return false;
  const std::optional<QuantizedMatrix> q = parameters.changed(first, system.b);
  if (!q) return false;
  RowsOnGrid candidate = rows_on_grid(objective, rows.first, rows.grid.refitted(*q), threads);
  if (!(candidate.loss < rows.loss)) return false;
  rows = std::move(candidate);
  return true;
}

}  // namespace

RowsOnGrid rows_on_grid(const Objective& objective, std::int64_t first, WeightGrid grid, int threads) {
  RowsOnGrid rows{.first = first, .grid = std::move(grid), .rows = {}};
  rows.rows.resize(static_cast<std::size_t>(rows.grid.rows()));
  const auto n = static_cast<std::size_t>(rows.grid.cols());
  for_rows(rows.grid.rows(), kRowsAtATime, threads, [&](std::int64_t begin, std::int64_t end) {
    const auto from = static_cast<std::size_t>(begin), to = static_cast<std::size_t>(end);
    std::vector<RowPlace> places;
    for (std::size_t i = from; i < to; ++i) places.push_back(rows.place(i));
    std::vector<RowCodes> codes =
        row_codes(objective, places, rows.grid.start().subspan(from * n, (to - from) * n));
    std::move(codes.begin(), codes.end(), rows.rows.begin() + begin);
  });
  for (const RowCodes& row : rows.rows) rows.loss += row.loss;
  return rows;
}

std::vector<Refit> refits_of(const WeightGrid& grid) {
  const QuantizedMatrix& q = grid.fitted();
  const bool one_row = grid.rows() == 1, tensor = q.granularity.kind == Granularity::Kind::tensor;
  std::vector<Refit> refits;
  if (q.format == WeightFormat::b1) return one_row || tensor ? std::vector{Refit::planes} : refits;
  if (grid.free_levels() && !q.levels_per_row()) refits.push_back(Refit::levels);
  const bool groups = q.granularity.kind == Granularity::Kind::group;
  if (grid.free_scales() && (!grid.free_levels() || groups) && (one_row || tensor))
    refits.push_back(Refit::scales);
  return refits;
}

bool refit(const Objective& objective, RowsOnGrid& rows, Refit what, int threads) {
  const std::int64_t total = Parameters(rows, what).total();
  bool better = false;
  for (std::int64_t first = 0; first < total; first += kParameters)
    better |= refit_some(objective, rows, what, first, std::min(kParameters, total - first), threads);
  return better;
}

}  // namespace lowbit::detail
