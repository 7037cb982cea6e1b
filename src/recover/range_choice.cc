// SPDX-License-Identifier: Apache-2.0
#include "recover/range_choice.h"

#include "lowbit/observe/mse.h"
#include "recover/function_range.h"
#include "recover/index.h"

namespace lowbit::detail {

RangePolicy range_policy(std::map<std::pair<std::string, int>, Range> ranges) {
  return [ranges = std::move(ranges)](const std::string& value, int bits) {
    const auto at = ranges.find({value, bits});
    return at == ranges.end() ? std::nullopt : std::optional(at->second);
  };
}

RangePolicy first_of(RangePolicy a, RangePolicy b) {
  if (!a || !b) return a ? a : b;
  return [a = std::move(a), b = std::move(b)](const std::string& value, int bits) {
    const std::optional<Range> known = a(value, bits);
    return known ? known : b(value, bits);
  };
}

RangeChoice::RangeChoice(const Graph& graph, const CalibrationTable& table) : graph_(graph), table_(table) {
  for (std::size_t v = 0; v < graph.values.size(); ++v)
    ids_.emplace(graph.values[v].name, static_cast<ValueId>(v));
}

bool RangeChoice::functions_read() const {
  for (std::size_t v = 0; v < graph_.values.size(); ++v)
    if (reader_of(static_cast<ValueId>(v))) return true;
  return false;
}

/// Of a value that nothing but one function reads; null for another.
const ops::FunctionOp* RangeChoice::reader_of(ValueId value) const {
  const std::vector<int> readers = graph_.consumers(value);
  if (readers.size() != 1 || graph_.is_output(value)) return nullptr;
  return std::get_if<ops::FunctionOp>(&graph_.nodes[index(readers[0])].op);
}

std::optional<Range> RangeChoice::of_function(const std::string& value, int bits) {
  const auto [at, made] = of_functions_.try_emplace({value, bits});
  if (!made) return at->second;
  const auto id = ids_.find(value);
  const ops::FunctionOp* reader = id == ids_.end() ? nullptr : reader_of(id->second);
  if (reader)
    at->second = chosen(value, bits, reader, [](const FloatHistogram& seen, IntRange codes, const auto* op) {
      return function_range(*op, seen, codes);
    });
  return at->second;
}

std::optional<Range> RangeChoice::of_codes(const std::string& value, int bits) {
  const auto [at, made] = of_codes_.try_emplace({value, bits});
  if (made)
    at->second = chosen(value, bits, nullptr, [](const FloatHistogram& seen, IntRange codes, const auto*) {
      MseObserver observer;
      observer.set_state(seen.state());
      return observer.range(codes);
    });
  return at->second;
}

std::optional<Range> RangeChoice::chosen(const std::string& value, int bits, const ops::FunctionOp* reader,
                                         Choice choose) {
  for (const CalibrationEntry& entry : table_.entries) {
    if (entry.value != value) continue;
    const FloatHistogram* seen = entry.distribution();
    if (seen && !seen->empty()) return choose(*seen, unsigned_range(bits), reader);
    break;
  }
  return std::nullopt;
}

}  // namespace lowbit::detail
