// Every observer on the same model and images: `lowbit eval --observer all`.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/eval_run.h"

namespace lowbit::cli {

struct ObserverComparison {
  struct Cell {
    std::string scheme;
    std::optional<std::int64_t> correct, agree;
    double sqnr_db = 0;
  };
  struct Row {
    std::string observer;
    std::vector<Cell> cells;  ///< one a scheme, in the same order in every row
  };
  std::string model, data;
  std::int64_t images = 0, calib_images = 0;
  std::optional<std::int64_t> fp32_correct;
  std::vector<Row> rows;
};

/// The names in "all" or a list with commas, each once; none where `text` is the name of one observer. Throws
/// as make_observer.
std::vector<std::string> parse_observer_list(const std::string& text);

/// Calibrates once an observer and quantizes to every scheme but fp32. Throws Error(invalid_argument) when no
/// scheme needs a calibration, besides as evaluate_schemes.
ObserverComparison compare_observers(const Model& fp32, const std::vector<std::string>& observers,
                                     const std::vector<std::string>& schemes, const EvalOptions& options);

/// A row an observer, a column a scheme: top-1, or without labels the agreement with fp32.
std::string format_comparison(const ObserverComparison& comparison, bool colour);
/// Schema "lowbit-observers-1".
nlohmann::ordered_json to_json(const ObserverComparison& comparison);

}  // namespace lowbit::cli
