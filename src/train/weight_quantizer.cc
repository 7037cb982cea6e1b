// SPDX-License-Identifier: Apache-2.0
#include "train/weight_quantizer.h"

#include <fmt/format.h>

#include "lowbit/core/error.h"

namespace lowbit::train {
namespace {

/// How the weights of a family are trained.
struct FamilyRow {
  WeightKind kind;
  std::unique_ptr<WeightQuantizer> (*make)(const WeightQuantizerSpec&);
};

constexpr FamilyRow kFamilies[] = {
    {WeightKind::affine, make_uniform_weights},    {WeightKind::ternary, make_uniform_weights},
    {WeightKind::binary, make_binary_weights},     {WeightKind::kmeans, make_learned_levels},
    {WeightKind::quantile, make_learned_levels},   {WeightKind::ttq, make_ttq_weights},
    {WeightKind::apot, make_scaled_table_weights}, {WeightKind::log, make_scaled_table_weights},
    {WeightKind::nf4, make_scaled_table_weights},  {WeightKind::fp4, make_scaled_table_weights},
};

bool can_be_trained(const Scheme& scheme) {
  if (scheme.granularity.kind == Granularity::Kind::group || scheme.mapping != Mapping::symmetric)
    return false;
  if (scheme.weights == WeightKind::binary)
    return scheme.bits == 1 && scheme.granularity.kind == Granularity::Kind::channel;
  return true;
}

}  // namespace

std::unique_ptr<WeightQuantizer> make_weight_quantizer(const WeightQuantizerSpec& spec,
                                                       const std::string& layer) {
  const bool has_steps =
      spec.scheme.weights == WeightKind::affine || spec.scheme.weights == WeightKind::ternary;
  if (can_be_trained(spec.scheme))
    for (const FamilyRow& row : kFamilies)
      if (row.kind == spec.scheme.weights)
        return has_steps && spec.how.weights == WeightSteps::dorefa ? make_dorefa_weights(spec)
                                                                    : row.make(spec);
  throw Error(
      ErrorCode::unsupported,
      fmt::format("\"{}\" cannot be trained as {}: int2 to int8, ternary, ttq, binary and tables of levels "
                  "can, with a scale for each channel or, but for binary, for the tensor",
                  layer, format_scheme(spec.scheme)));
}

std::vector<std::int64_t> column_order(const Shape& weight) {
  const std::int64_t taps = weight.rank() == 4 ? weight[2] * weight[3] : 1;
  std::vector<std::int64_t> order;
  for (std::int64_t t = 0; t < taps; ++t)
    for (std::int64_t c = 0; c < weight[1]; ++c) order.push_back(c * taps + t);
  return order;
}

}  // namespace lowbit::train
