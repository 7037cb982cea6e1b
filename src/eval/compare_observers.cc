// SPDX-License-Identifier: Apache-2.0
#include "eval/compare_observers.h"

#include <algorithm>
#include <iterator>

#include "eval/evaluation.h"
#include "eval/model_quantizer.h"
#include "lowbit/core/error.h"

namespace lowbit::eval {

report::ObserverComparison compare_observers(const Model& fp32, const std::vector<std::string>& observers,
                                             const std::vector<Scheme>& schemes, const EvalOptions& options) {
  std::vector<Scheme> wanted;
  std::copy_if(schemes.begin(), schemes.end(), std::back_inserter(wanted),
               [](const Scheme& scheme) { return !scheme.is_fp32(); });
  if (std::none_of(wanted.begin(), wanted.end(),
                   [&](const Scheme& s) { return needs_calibration(s, options.quantization.overrides); }))
    throw Error(ErrorCode::invalid_argument,
                "several observers need a scheme with calibrated activations, as int8 or int8-a4");
  // Opened first: data that is missing is found before a calibration that takes long.
  const data::Samples images(options.data, data::Split::evaluation, data::inputs_of(fp32), options.images, 0);
  report::ObserverComparison comparison;
  comparison.data = options.data.data;
  comparison.images = images.count();
  std::vector<Model> models{fp32};
  for (const std::string& observer : observers) {
    QuantizationOptions quantization = options.quantization;
    quantization.observer = observer;
    ModelQuantizer quantizer(fp32, options.data, quantization);
    for (const Scheme& scheme : wanted) models.push_back(quantizer.quantize(scheme));
    comparison.calib_images = quantizer.calibration_images();
    comparison.rows.push_back({observer, {}});
  }
  const auto results =
      evaluate(models, images,
               {.batch = options.batch, .threads = options.quantization.threads, .has_reference = true});
  comparison.fp32_correct = results[0].correct;
  std::size_t i = 1;
  for (report::ObserverComparison::Row& row : comparison.rows)
    for (const Scheme& scheme : wanted) {
      const ModelResult& r = results[i++];
      row.cells.push_back({format_scheme(scheme), r.correct, r.agree, r.outputs[0].error.sqnr_db});
    }
  return comparison;
}

}  // namespace lowbit::eval
