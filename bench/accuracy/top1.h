// SPDX-License-Identifier: Apache-2.0
// Top-1 of a model on labelled samples, and what programs here learn codes from.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "data/samples.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/model.h"

namespace lowbit::accuracy {

/// In percent.
inline double top1(const Model& model, const data::Samples& samples, int threads) {
  constexpr std::int64_t kBatch = 100;
  Workspace workspace(model, {.batch = kBatch, .threads = threads});
  const std::int64_t classes = model.output_shape().elements();
  std::vector<float> out(static_cast<std::size_t>(kBatch * classes));
  std::int64_t right = 0;
  for (std::int64_t first = 0; first < samples.count(); first += kBatch) {
    const std::int64_t count = std::min(kBatch, samples.count() - first);
    const data::SampleArrays batch = samples.read(first, count);
    const std::vector<arrays::ArrayView> in = data::views(batch);
    const MutableTensorView outputs[] = {MutableTensorView(out.data(), Shape{count, classes})};
    run(model, in, outputs, workspace);
    for (std::int64_t i = 0; i < count; ++i) {
      const float* row = out.data() + i * classes;
      right += std::max_element(row, row + classes) - row == samples.label(first + i);
    }
  }
  return 100.0 * static_cast<double>(right) / static_cast<double>(samples.count());
}

/// 500 samples for calibration and for choosing codes, and those to test by.
struct LabelledData {
  LabelledData(const Model& fp32, const data::DataOptions& from, std::int64_t images)
      : test(from, data::Split::evaluation, data::inputs_of(fp32), images, 0),
        learn(data::Samples(from, data::Split::calibration, data::inputs_of(fp32), 500, 0)),
        arrays(learn.read(0, learn.count())),
        views(data::views(arrays)) {}

  CalibrationTable calibrate(const Model& fp32, int threads) const {
    Calibrator calibrator(fp32, {.threads = threads});
    calibrator.add(views);
    return calibrator.finish();
  }

  data::Samples test, learn;
  data::SampleArrays arrays;
  std::vector<arrays::ArrayView> views;
};

}  // namespace lowbit::accuracy
