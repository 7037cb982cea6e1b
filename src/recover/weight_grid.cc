// SPDX-License-Identifier: Apache-2.0
#include "lowbit/recover/weight_grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <variant>

#include "core/refuse.h"
#include "lowbit/core/error.h"
#include "lowbit/core/packing.h"
#include "lowbit/quant/detail/level_search.h"
#include "lowbit/quant/detail/rounding_modes.h"
#include "lowbit/quant/detail/storage.h"
#include "lowbit/runtime/detail/float_env.h"

namespace lowbit {
namespace detail {

/// A table of levels: which are distinct, in ascending order, and the code of each.
struct GridTable {
  LevelSearch search;
  std::vector<float> levels;
  std::vector<std::uint8_t> code_of;         // of an index
  std::array<std::uint8_t, 256> index_of{};  // of a code

  explicit GridTable(std::span<const float> given) : search(given) {
    std::vector<std::uint8_t> order(given.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint8_t>(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint8_t a, std::uint8_t b) { return given[a] < given[b]; });
    for (const std::uint8_t code : order) {
      if (levels.empty() || given[code] != levels.back()) {
        levels.push_back(given[code]);
        code_of.push_back(code);
      }
      index_of[code] = static_cast<std::uint8_t>(levels.size() - 1);
    }
  }
};

/// The stored codes that a uniform grid may use.
struct CodeSpan {
  std::int32_t first, last;
};

}  // namespace detail

namespace {

using detail::CodeSpan;

bool has_table(WeightFormat format) {
  return format == WeightFormat::lut4 || format == WeightFormat::lut8 || format == WeightFormat::b1;
}

/// The codes of a quantizer that fits uniform or ternary groups, as they are stored.
CodeSpan codes_of(const AnyQuantizer& quantizer, WeightFormat format, int bits) {
  const float sample[] = {-1.0f, 1.0f};
  const AnyGroup fit = quantizer.fit(sample, {});
  const std::int32_t middle = detail::storage_of(format).middle;
  if (std::holds_alternative<TernaryGroup>(fit)) return {middle - 1, middle + 1};
  const auto* affine = std::get_if<AffineGroup>(&fit);
  if (!affine || quantizer.code_bits() != bits)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("the quantizer of {} bits is not that of a uniform matrix of {} bits",
                            quantizer.code_bits(), bits));
  // As GroupWriter stores them: unsigned codes are centred for s8, signed ones lifted for u4 and s2.
  const bool is_signed = affine->qmin < 0;
  const std::int32_t shift =
      format == WeightFormat::s8 ? (is_signed ? 0 : -(1 << (bits - 1))) : (is_signed ? middle : 0);
  return {affine->qmin + shift, affine->qmax + shift};
}

void set_bits(std::uint8_t& byte, int shift, int width, std::int32_t code) {
  const auto mask = static_cast<std::uint8_t>(((1 << width) - 1) << shift);
  byte = static_cast<std::uint8_t>((byte & ~mask) | ((code << shift) & mask));
}

void set_code(QuantizedMatrix& q, std::int64_t r, std::int64_t c, std::int32_t code) {
  const auto i = static_cast<std::size_t>(c);
  std::uint8_t* row = q.codes.data() + static_cast<std::size_t>(r * q.planes()) * q.row_bytes();
  const int width = detail::storage_of(q.format).width;
  if (width > 1) return set_bits(row[i * width / 8], static_cast<int>(i * width % 8), width, code);
  for (int p = 0; p < q.planes(); ++p, row += q.row_bytes())
    set_bits(row[i / 8], static_cast<int>(i % 8), 1, code >> p & 1);
}

}  // namespace

struct WeightGrid::State {
  /// Weights that share a scale.
  struct Group {
    float inverse_scale = 1.0f, offset = 0.0f;
    std::int32_t zero = 0;
    CodeSpan codes{};                  // uniform grids
    std::size_t first = 0, count = 0;  // values
  };

  QuantizedMatrix q;
  CodeSpan codes{};  // what the quantizer uses in every group
  bool own_levels = false;
  std::int64_t size = 1, groups = 1;
  std::vector<detail::GridTable> tables;
  std::vector<Group> all;
  std::vector<float> values;
  std::vector<int> start;

  State(QuantizedMatrix fitted, CodeSpan span, bool levels)
      : q(std::move(fitted)), codes(span), own_levels(levels) {
    const FloatEnvironmentGuard defaults;
    groups = q.groups();
    size = groups > 1 ? std::int64_t{q.granularity.group_size} : q.cols;
    if (has_table(q.format))
      add_tables();
    else
      add_uniform();
    add_start();
  }

  const Group& group(std::int64_t r, std::int64_t c) const {
    return all[static_cast<std::size_t>(r * groups + c / size)];
  }
  const detail::GridTable& table(std::int64_t r) const {
    return tables[tables.size() == 1 ? 0 : static_cast<std::size_t>(r)];
  }
  int index_of(std::int64_t r, std::int64_t c, std::int32_t code) const {
    return tables.empty() ? code - group(r, c).codes.first
                          : int{table(r).index_of[static_cast<std::size_t>(code)]};
  }
  std::int32_t code_of(std::int64_t r, std::int64_t c, int index) const {
    return tables.empty() ? group(r, c).codes.first + index
                          : table(r).code_of[static_cast<std::size_t>(index)];
  }

 private:
  void add_tables() {
    const bool binary = q.format == WeightFormat::b1;
    const auto planes = static_cast<std::size_t>(q.planes());
    const std::int64_t count = binary || q.levels_per_row() ? q.rows : 1;
    std::vector<float> sums(std::size_t{1} << planes);
    for (std::int64_t r = 0; r < count; ++r) {
      const auto row = static_cast<std::size_t>(r);
      if (binary)
        for (std::size_t code = 0; code < sums.size(); ++code)
          sums[code] = detail::signed_sum(static_cast<std::uint32_t>(code),
                                          std::span(q.scales).subspan(row * planes, planes));
      tables.emplace_back(binary ? std::span<const float>(sums)
                                 : std::span(q.levels).subspan(row * q.table_size(), q.table_size()));
    }
    all.resize(static_cast<std::size_t>(q.rows * groups));
    for (std::size_t i = 0; i < all.size(); ++i) {
      const detail::GridTable& t = table(static_cast<std::int64_t>(i) / groups);
      all[i].first = values.size();
      all[i].count = t.levels.size();
      all[i].inverse_scale = binary ? 1.0f : 1.0f / q.scales[i];
      for (const float level : t.levels) values.push_back(binary ? level : level * q.scales[i]);
    }
  }

  void add_uniform() {
    const std::int32_t middle = detail::storage_of(q.format).middle;
    all.resize(static_cast<std::size_t>(q.rows * groups));
    for (std::size_t i = 0; i < all.size(); ++i) {
      Group& g = all[i];
      g.inverse_scale = 1.0f / q.scales[i];
      g.offset = q.offsets.empty() ? 0.0f : q.offsets[i];
      g.zero = q.zero_points.empty() ? middle : q.zero_points[i];
      g.codes = codes;
    }
    for (std::int64_t r = 0; r < q.rows; ++r)
      for (std::int64_t c = 0; c < q.cols; ++c) {
        CodeSpan& used = all[static_cast<std::size_t>(r * groups + c / size)].codes;
        const std::int32_t code = q.code(r, c);
        used = {std::min(used.first, code), std::max(used.last, code)};
      }
    for (std::size_t i = 0; i < all.size(); ++i) {
      Group& g = all[i];
      g.first = values.size();
      g.count = static_cast<std::size_t>(g.codes.last - g.codes.first + 1);
      for (std::int32_t code = g.codes.first; code <= g.codes.last; ++code) {
        const float real = static_cast<float>(code - g.zero) * q.scales[i];
        values.push_back(q.offsets.empty() ? real : real + g.offset);
      }
    }
  }

  void add_start() {
    start.resize(static_cast<std::size_t>(q.rows * q.cols));
    std::size_t i = 0;
    for (std::int64_t r = 0; r < q.rows; ++r)
      for (std::int64_t c = 0; c < q.cols; ++c) start[i++] = index_of(r, c, q.code(r, c));
  }
};

namespace {

CodeSpan uniform_codes(const AnyQuantizer& quantizer, const QuantizedMatrix& q) {
  return has_table(q.format) ? CodeSpan{} : codes_of(quantizer, q.format, q.bits);
}

bool finds_levels(const AnyQuantizer& quantizer, const QuantizedMatrix& q) {
  return q.format != WeightFormat::b1 && has_table(q.format) && quantizer.levels().empty();
}

}  // namespace

WeightGrid::WeightGrid(const MatrixView& weights, const AnyQuantizer& quantizer,
                       const MatrixView& importance) {
  QuantizedMatrix q = quantize(weights, quantizer, importance);
  const CodeSpan codes =
      has_table(q.format) ? CodeSpan{} : codes_of(quantizer.bind(weights, importance), q.format, q.bits);
  const bool levels = finds_levels(quantizer, q);
  state_ = std::make_shared<State>(std::move(q), codes, levels);
}

WeightGrid::WeightGrid(QuantizedMatrix fitted, const AnyQuantizer& quantizer) {
  fitted.validate();
  const CodeSpan codes = uniform_codes(quantizer, fitted);
  const bool levels = finds_levels(quantizer, fitted);
  state_ = std::make_shared<State>(std::move(fitted), codes, levels);
}

std::int64_t WeightGrid::rows() const {
  return state_->q.rows;
}
std::int64_t WeightGrid::cols() const {
  return state_->q.cols;
}
std::int32_t WeightGrid::code(std::int64_t r, std::int64_t c, int index) const {
  return state_->code_of(r, c, index);
}
int WeightGrid::index(std::int64_t r, std::int64_t c, std::int32_t code) const {
  return state_->index_of(r, c, code);
}
std::int64_t WeightGrid::group_size() const {
  return state_->size;
}
bool WeightGrid::free_scales() const {
  return state_->q.scale_bits == 0;
}
bool WeightGrid::free_levels() const {
  return state_->own_levels;
}
std::span<const int> WeightGrid::start() const {
  return state_->start;
}
const QuantizedMatrix& WeightGrid::fitted() const {
  return state_->q;
}

float WeightGrid::stored_scale(float scale) const {
  const bool rounded = state_->q.granularity.kind == Granularity::Kind::group && state_->q.scale_bits == 0;
  return rounded ? detail::to_half(scale) : scale;
}

std::span<const float> WeightGrid::values(std::int64_t r, std::int64_t c) const {
  const State::Group& g = state_->group(r, c);
  return {state_->values.data() + g.first, g.count};
}

int WeightGrid::nearest(std::int64_t r, std::int64_t c, double x) const {
  const State::Group& g = state_->group(r, c);
  const auto v = static_cast<float>(x);
  if (!state_->tables.empty()) {
    const detail::GridTable& table = state_->table(r);
    std::uint8_t code;
    table.search.assign(&v, 1, g.inverse_scale, &code);
    return table.index_of[code];
  }
  const CodeRange range{static_cast<float>(g.codes.first - g.zero), static_cast<float>(g.codes.last - g.zero),
                        g.zero};
  return range.code(((v == v ? v : 0.0f) - g.offset) * g.inverse_scale) - g.codes.first;
}

QuantizedMatrix WeightGrid::matrix(std::span<const int> choice) const {
  const State& s = *state_;
  if (choice.size() != s.start.size())
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("{} indices were chosen for {}x{} weights", choice.size(), s.q.rows, s.q.cols));
  QuantizedMatrix q = s.q;
  std::size_t i = 0;
  for (std::int64_t r = 0; r < q.rows; ++r)
    for (std::int64_t c = 0; c < q.cols; ++c, ++i) {
      const auto count = static_cast<int>(s.group(r, c).count);
      if (choice[i] < 0 || choice[i] >= count)
        throw Error(
            ErrorCode::invalid_argument,
            fmt::format("value {} was chosen for weight ({}, {}), which has {}", choice[i], r, c, count));
      // Only what differs: of two codes for one value, the quantizer's stays.
      if (choice[i] != s.start[i]) set_code(q, r, c, s.code_of(r, c, choice[i]));
    }
  return q;
}

WeightGrid WeightGrid::part(std::int64_t first, std::int64_t count) const {
  const QuantizedMatrix& q = state_->q;
  if (first < 0 || count < 1 || first + count > q.rows)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("rows {} to {} are no part of a grid of {} rows", first, first + count, q.rows));
  QuantizedMatrix rows{.rows = count,
                       .cols = q.cols,
                       .format = q.format,
                       .bits = q.bits,
                       .granularity = q.granularity,
                       .scale_bits = q.scale_bits};
  const auto cut = [&](const auto& all, auto& part, std::size_t per_row) {
    const auto begin = static_cast<std::size_t>(first) * per_row;
    const auto end = begin + static_cast<std::size_t>(count) * per_row;
    if (!all.empty())
      part.assign(all.begin() + static_cast<std::ptrdiff_t>(begin),
                  all.begin() + static_cast<std::ptrdiff_t>(end));
  };
  const auto groups = static_cast<std::size_t>(q.groups()), planes = static_cast<std::size_t>(q.planes());
  cut(q.codes, rows.codes, q.row_bytes() * planes);
  cut(q.scales, rows.scales, groups * planes);
  cut(q.zero_points, rows.zero_points, groups);
  cut(q.offsets, rows.offsets, groups);
  if (q.levels_per_row())
    cut(q.levels, rows.levels, q.table_size());
  else
    rows.levels = q.levels;
  return WeightGrid(std::make_shared<State>(std::move(rows), state_->codes, state_->own_levels));
}

WeightGrid WeightGrid::refitted(QuantizedMatrix parameters) const {
  const QuantizedMatrix& q = state_->q;
  if (parameters.rows != q.rows || parameters.cols != q.cols || parameters.format != q.format ||
      parameters.bits != q.bits || parameters.granularity != q.granularity)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("a {}x{} matrix of {} bits cannot take the scales of a {}x{} one of {}", q.rows,
                            q.cols, q.bits, parameters.rows, parameters.cols, parameters.bits));
  parameters.validate();
  return WeightGrid(std::make_shared<State>(std::move(parameters), state_->codes, state_->own_levels));
}

}  // namespace lowbit
