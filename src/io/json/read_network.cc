// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <utility>
#include <vector>

#include "core/file_io.h"
#include "core/random.h"
#include "io/json/fields.h"
#include "io/json/format.h"
#include "lowbit/io/json/network.h"
#include "lowbit/model/sequential.h"

namespace lowbit {
namespace {

using LayerFields = detail::Fields;
constexpr std::int64_t kMostSize = std::int64_t{1} << 20, kMostWeights = std::int64_t{1} << 28;
constexpr int kDeepestBlock = 16;  // residual units in one another

class NetworkReader {
 public:
  NetworkReader(std::string file, std::uint64_t seed) : file_(std::move(file)), random_(seed) {}

  void add_layers(Sequential& network, const LayerFields& owner, const char* key, int depth) {
    const detail::Json& list = owner.array(key, owner.required(key));
    if (depth > kDeepestBlock)
      throw owner.error(key, fmt::format("lies in more than {} others", kDeepestBlock));
    for (std::size_t i = 0; i < list.size(); ++i)
      add_layer(network, list[i], fmt::format("{}: layer {} of \"{}\"", file_, i + 1, key), depth);
  }

 private:
  using Add = void (NetworkReader::*)(Sequential&, const LayerFields&, const std::string& name, int depth);
  struct Kind {
    const char* name;
    Add add;
  };
  static const std::vector<Kind>& kinds();

  void add_layer(Sequential& network, const detail::Json& json, const std::string& where, int depth) {
    LayerFields fields(json, where);
    const std::string kind = fields.text("layer", fields.required("layer"));
    const detail::Json* given = fields.optional("name");
    const std::string name = given ? fields.text("name", *given) : std::string();
    std::string known;
    for (const Kind& k : kinds()) {
      if (k.name != kind) {
        known += fmt::format("{}{}", known.empty() ? "" : ", ", k.name);
        continue;
      }
      try {
        (this->*k.add)(network, fields, name, depth);
      } catch (const Error& e) {
        if (std::string_view(e.what()).starts_with(file_)) throw;
        throw Error(e.code(), fmt::format("{}: {}", where, e.what()));
      }
      return;
    }
    throw fields.error("layer", fmt::format("is none of {}", known));
  }

  static std::int64_t count(const LayerFields& fields, const char* key, std::int64_t otherwise,
                            std::int64_t least = 1) {
    const detail::Json* value = otherwise < 0 ? &fields.required(key) : fields.optional(key);
    return value ? fields.integer(key, *value, least, kMostSize) : otherwise;
  }
  static float number(const LayerFields& fields, const char* key, float otherwise) {
    const detail::Json* value = fields.optional(key);
    return value ? fields.real32(key, *value) : otherwise;
  }
  static bool flag(const LayerFields& fields, const char* key, bool otherwise) {
    const detail::Json* value = fields.optional(key);
    if (value && !value->is_boolean()) throw fields.error(key, "is neither true nor false");
    return value ? value->get<bool>() : otherwise;
  }
  /// One number, or height and width.
  static nn::Size2d size(const LayerFields& fields, const char* key, std::int64_t otherwise,
                         std::int64_t least = 1) {
    const detail::Json* value = fields.optional(key);
    if (!value || !value->is_array()) return count(fields, key, otherwise, least);
    if (value->size() != 2) throw fields.error(key, "is neither a number nor [height, width]");
    return {fields.integer(key, (*value)[0], least, kMostSize),
            fields.integer(key, (*value)[1], least, kMostSize)};
  }

  Tensor random_weights(const LayerFields& fields, const std::vector<std::int64_t>& dims) {
    std::int64_t inputs = 1;
    for (std::size_t i = 1; i < dims.size(); ++i)
      if ((inputs *= dims[i]) > kMostWeights) break;
    if (inputs < 1 || dims[0] > kMostWeights / inputs)
      throw fields.error(fmt::format("has no weights, or more than {}", kMostWeights));
    const auto deviation = static_cast<float>(std::sqrt(2.0 / static_cast<double>(inputs)));
    Tensor weights{Shape(dims)};
    for (float& w : weights.data) w = deviation * random_.gaussian();
    return weights;
  }
  static VectorCopy zeros(std::int64_t n) { return std::vector<float>(static_cast<std::size_t>(n)); }
  static std::int64_t last(const Shape& shape) { return shape[shape.rank() - 1]; }

  void add_conv2d(Sequential& network, const LayerFields& fields, const std::string& name, int) {
    fields.allow_only(
        {"layer", "name", "outputs", "kernel", "stride", "padding", "dilation", "groups", "bias"});
    if (network.shape().rank() != 3)
      throw fields.error(
          fmt::format("reads samples of shape {}, not C x H x W", network.shape().to_string()));
    const std::int64_t outputs = count(fields, "outputs", -1), groups = count(fields, "groups", 1);
    const nn::Size2d kernel = size(fields, "kernel", -1);
    nn::Conv2d layer{.stride = size(fields, "stride", 1),
                     .padding = size(fields, "padding", 0, 0),
                     .dilation = size(fields, "dilation", 1),
                     .groups = groups};
    layer.weight =
        random_weights(fields, {outputs, network.shape()[0] / groups, kernel.height, kernel.width});
    if (flag(fields, "bias", true)) layer.bias = zeros(outputs);
    network.add(layer, name);
  }

  void add_linear(Sequential& network, const LayerFields& fields, const std::string& name, int) {
    fields.allow_only({"layer", "name", "outputs", "bias"});
    const std::int64_t outputs = count(fields, "outputs", -1);
    nn::Linear layer{.weight = random_weights(fields, {outputs, last(network.shape())})};
    if (flag(fields, "bias", true)) layer.bias = zeros(outputs);
    network.add(layer, name);
  }

  void add_layer_norm(Sequential& network, const LayerFields& fields, const std::string& name, int) {
    fields.allow_only({"layer", "name", "epsilon"});
    const std::int64_t n = last(network.shape());
    network.add(nn::LayerNorm{.weight = std::vector<float>(static_cast<std::size_t>(n), 1.0f),
                              .bias = zeros(n),
                              .epsilon = number(fields, "epsilon", 1e-5f)},
                name);
  }

  template <class Pool>
  static Pool pool_of(const LayerFields& fields) {
    return {.kernel = size(fields, "kernel", -1),
            .stride = size(fields, "stride", 0, 0),
            .padding = size(fields, "padding", 0, 0)};
  }
  void add_max_pool2d(Sequential& network, const LayerFields& fields, const std::string& name, int) {
    fields.allow_only({"layer", "name", "kernel", "stride", "padding"});
    network.add(pool_of<nn::MaxPool2d>(fields), name);
  }
  void add_average_pool2d(Sequential& network, const LayerFields& fields, const std::string& name, int) {
    fields.allow_only({"layer", "name", "kernel", "stride", "padding", "count_include_pad"});
    auto layer = pool_of<nn::AveragePool2d>(fields);
    layer.count_include_pad = flag(fields, "count_include_pad", true);
    network.add(layer, name);
  }

  template <class Layer>
  void add_plain(Sequential& network, const LayerFields& fields, const std::string& name, int) {
    fields.allow_only({"layer", "name"});
    network.add(Layer{}, name);
  }
  void add_leaky_relu(Sequential& network, const LayerFields& fields, const std::string& name, int) {
    fields.allow_only({"layer", "name", "slope"});
    network.add(nn::LeakyRelu{number(fields, "slope", 0.01f)}, name);
  }
  void add_clamp(Sequential& network, const LayerFields& fields, const std::string& name, int) {
    fields.allow_only({"layer", "name", "low", "high"});
    const float low = number(fields, "low", -1), high = number(fields, "high", 1);
    if (!(low < high)) throw fields.error("low", "is not below \"high\"");
    network.add(ops::Op(ops::ClampOp{{low, high}}), name);
  }

  void add_residual(Sequential& network, const LayerFields& fields, const std::string& name, int depth) {
    fields.allow_only({"layer", "name", "body", "shortcut"});
    Sequential body(network.shape()), shortcut(network.shape());
    add_layers(body, fields, "body", depth + 1);
    if (fields.optional("shortcut")) add_layers(shortcut, fields, "shortcut", depth + 1);
    network.add_residual(body, shortcut, name);
  }

  std::string file_;
  detail::Random random_;
};

const std::vector<NetworkReader::Kind>& NetworkReader::kinds() {
  using R = NetworkReader;
  static const std::vector<Kind> all{{"conv2d", &R::add_conv2d},
                                     {"linear", &R::add_linear},
                                     {"layer_norm", &R::add_layer_norm},
                                     {"max_pool2d", &R::add_max_pool2d},
                                     {"average_pool2d", &R::add_average_pool2d},
                                     {"global_average_pool2d", &R::add_plain<nn::GlobalAveragePool2d>},
                                     {"flatten", &R::add_plain<nn::Flatten>},
                                     {"relu", &R::add_plain<nn::Relu>},
                                     {"relu6", &R::add_plain<nn::Relu6>},
                                     {"leaky_relu", &R::add_leaky_relu},
                                     {"clamp", &R::add_clamp},
                                     {"sigmoid", &R::add_plain<nn::Sigmoid>},
                                     {"tanh", &R::add_plain<nn::Tanh>},
                                     {"gelu", &R::add_plain<nn::Gelu>},
                                     {"silu", &R::add_plain<nn::Silu>},
                                     {"hard_swish", &R::add_plain<nn::HardSwish>},
                                     {"residual", &R::add_residual}};
  return all;
}

Shape input_of(const LayerFields& fields) {
  std::vector<std::int64_t> dims;
  std::int64_t elements = 1;
  for (const detail::Json& d : fields.array("input", fields.required("input"))) {
    dims.push_back(fields.integer("input", d, 1, kMostSize));
    if (dims.size() > 3 || (elements *= dims.back()) > kMostWeights) dims.assign(4, 0);
  }
  if (dims.empty() || dims.size() > 3)
    throw fields.error("input", "is no shape of a sample: F, T x F or C x H x W");
  return Shape(dims);
}

}  // namespace

Model parse_network(std::string_view text, std::uint64_t seed, const std::string& name) {
  const std::string file = fmt::format("'{}'", name);
  const detail::Json json = detail::parse_json(text, file);
  const LayerFields fields(json, file);
  detail::check_format(fields, file, "network", detail::kNetworkFormat, detail::kNetworkVersion);
  fields.allow_only({"format", "version", "input", "layers"});
  Sequential network(input_of(fields));
  NetworkReader(file, seed).add_layers(network, fields, "layers", 0);
  try {
    return network.model(name);
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("{}: {}", file, e.what()));
  }
}

Model load_network(const std::string& path, std::uint64_t seed) {
  const std::vector<std::byte> bytes = read_file(path);
  return parse_network({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, seed, path);
}

}  // namespace lowbit
