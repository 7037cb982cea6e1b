#include "cli/observer_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/evaluation.h"
#include "cli/figures.h"
#include "cli/quantization.h"
#include "cli/table.h"
#include "lowbit/core/error.h"
#include "lowbit/observe/observer.h"

namespace lowbit::cli {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::vector<std::string> parse_observer_list(const std::string& text) {
  if (text == "all") return known_observers();
  if (text.find(',') == std::string::npos) return {};
  std::vector<std::string> names;
  std::istringstream stream(text);
  for (std::string name; std::getline(stream, name, ',');) {
    make_observer(name);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

ObserverComparison compare_observers(const Model& fp32, const std::vector<std::string>& observers,
                                     const std::vector<std::string>& schemes, const EvalOptions& options) {
  std::vector<std::string> wanted;
  std::copy_if(schemes.begin(), schemes.end(), std::back_inserter(wanted),
               [](const std::string& scheme) { return scheme != "fp32"; });
  const auto overrides = parse_overrides(options.quantization.overrides);
  if (std::none_of(wanted.begin(), wanted.end(),
                   [&](const std::string& scheme) { return needs_calibration(scheme, overrides); }))
    throw Error(ErrorCode::invalid_argument,
                "several observers need a scheme with calibrated activations, as int8 or int8-a4");
  // Opened first: data that is missing is found before a calibration that takes long.
  const Images images(parse_data_spec(options.data.data, options.data.labels), Split::evaluation,
                      options.data.preprocess, fp32.input_shape(), options.images, 0);
  ObserverComparison comparison;
  comparison.data = options.data.data;
  comparison.images = images.count();
  std::vector<Model> models{fp32};
  for (const std::string& observer : observers) {
    QuantizationOptions quantization = options.quantization;
    quantization.observer = observer;
    ModelQuantizer quantizer(fp32, options.data, quantization);
    for (const std::string& scheme : wanted) models.push_back(quantizer.quantize(scheme));
    comparison.calib_images = quantizer.calibration_images();
    comparison.rows.push_back({observer, {}});
  }
  const auto results =
      evaluate(models, images,
               {.batch = options.batch, .threads = options.quantization.threads, .has_reference = true});
  comparison.fp32_correct = results[0].correct;
  std::size_t i = 1;
  for (ObserverComparison::Row& row : comparison.rows)
    for (const std::string& scheme : wanted) {
      const ModelResult& r = results[i++];
      row.cells.push_back({scheme, r.correct, r.agree, r.outputs[0].error.sqnr_db});
    }
  return comparison;
}

std::string format_comparison(const ObserverComparison& c, bool colour) {
  const bool labels = c.fp32_correct.has_value();
  std::vector<Table::Column> columns{{"observer", Table::Align::left}};
  if (!c.rows.empty())
    for (const auto& cell : c.rows[0].cells) columns.push_back({cell.scheme});
  Table table(columns);
  for (const auto& row : c.rows) {
    std::vector<std::string> cells{row.observer};
    for (const auto& cell : row.cells)
      cells.push_back(percent(part(labels ? cell.correct : cell.agree, c.images)));
    table.add_row(std::move(cells));
  }
  const std::string what = labels ? fmt::format("top-1; fp32: {}", percent(part(c.fp32_correct, c.images)))
                                  : std::string("agreement with fp32");
  return fmt::format("{} of {} images, {} for calibration\n\n", what, c.images, c.calib_images) +
         table.to_string(colour);
}

Json to_json(const ObserverComparison& c) {
  Json rows = Json::array();
  for (const auto& row : c.rows) {
    Json results = Json::array();
    for (const auto& cell : row.cells)
      results.push_back({{"scheme", cell.scheme},
                         {"top1", number(part(cell.correct, c.images))},
                         {"agree", number(part(cell.agree, c.images))},
                         {"sqnr_db", number(cell.sqnr_db)}});
    rows.push_back({{"observer", row.observer}, {"results", results}});
  }
  return {{"schema", "lowbit-observers-1"},
          {"model", c.model},
          {"data", c.data},
          {"images", c.images},
          {"calib_images", c.calib_images},
          {"fp32_top1", number(part(c.fp32_correct, c.images))},
          {"rows", rows}};
}

}  // namespace lowbit::cli
