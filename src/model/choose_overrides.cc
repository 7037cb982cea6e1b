// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "lowbit/core/error.h"
#include "lowbit/core/scheme.h"
#include "lowbit/model/sensitivity.h"

namespace lowbit {
namespace {

/// Noise power of an output, as a part of the signal's.
double noise(double sqnr_db) {
  return std::isnan(sqnr_db) ? 1.0 : std::pow(10.0, -sqnr_db / 10);
}

/// What a layer can be given instead of its scheme.
struct Form {
  Scheme scheme;
  double gain = 0;  ///< noise power that it takes from the output
  std::size_t bytes = 0;
};

struct Layer {
  std::string name;
  std::size_t now = 0;      ///< index of its form
  std::vector<Form> forms;  ///< the first is the scheme of the whole model
};

class Chooser {
 public:
  Chooser(const Sensitivity& sensitivity, const OverrideOptions& options) {
    const Scheme& scheme = options.scheme;
    const Sensitivity::Whole& whole = sensitivity.whole(scheme);
    if (!(options.budget >= 0))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("a budget of bytes cannot be {}, it is 0 or more", options.budget));
    choice_.bytes = choice_.new_bytes = whole.bytes;
    limit_ = static_cast<double>(whole.bytes) * (1 + options.budget);
    for (const LayerSensitivity& row : sensitivity.rows) {
      if (row.scheme != scheme) continue;
      Layer layer{row.layer, 0, {{scheme, 0, row.bytes}}};
      for (const Scheme& lift : options.lifts) add_form(sensitivity, row, lift, layer);
      layers_.push_back(std::move(layer));
    }
  }

  OverrideChoice choose() {
    while (lift_best()) {
    }
    for (const std::size_t l : order_)
      choice_.overrides.emplace_back(layers_[l].name, layers_[l].forms[layers_[l].now].scheme);
    return choice_;
  }

 private:
  static void add_form(const Sensitivity& sensitivity, const LayerSensitivity& row, const Scheme& scheme,
                       Layer& layer) {
    const double before = noise(row.only.sqnr_db);
    if (scheme.is_fp32()) {
      layer.forms.push_back({scheme, before, static_cast<std::size_t>(row.weights) * sizeof(float)});
      return;
    }
    sensitivity.whole(scheme);
    for (const LayerSensitivity& other : sensitivity.rows)
      if (other.node == row.node && other.scheme == scheme)
        layer.forms.push_back({scheme, before - noise(other.only.sqnr_db), other.bytes});
  }

  /// Takes the step that gains most a byte and still fits; false when there is none.
  bool lift_best() {
    double best = 0;
    std::size_t best_layer = 0, best_form = 0;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const Form& now = layers_[l].forms[layers_[l].now];
      for (std::size_t f = 0; f < layers_[l].forms.size(); ++f) {
        const Form& form = layers_[l].forms[f];
        if (form.gain <= now.gain || form.bytes < now.bytes) continue;
        const std::size_t more = form.bytes - now.bytes;
        if (static_cast<double>(choice_.new_bytes + more) > limit_) continue;
        const double ratio = (form.gain - now.gain) / static_cast<double>(std::max<std::size_t>(more, 1));
        if (ratio > best) best = ratio, best_layer = l, best_form = f;
      }
    }
    if (best == 0) return false;
    Layer& layer = layers_[best_layer];
    choice_.new_bytes += layer.forms[best_form].bytes - layer.forms[layer.now].bytes;
    if (layer.now == 0) order_.push_back(best_layer);
    layer.now = best_form;
    return true;
  }

  std::vector<Layer> layers_;
  std::vector<std::size_t> order_;
  double limit_ = 0;
  OverrideChoice choice_;
};

}  // namespace

OverrideChoice choose_overrides(const Sensitivity& sensitivity, const OverrideOptions& options) {
  return Chooser(sensitivity, options).choose();
}

}  // namespace lowbit
