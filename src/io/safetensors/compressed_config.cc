// SPDX-License-Identifier: Apache-2.0
// quantization_config of compressed-tensors.
#include <fmt/format.h>

#include "core/file_io.h"
#include "io/json/fields.h"
#include "io/safetensors/layer_pattern.h"
#include "lowbit/io/safetensors/compressed_tensors.h"

namespace lowbit {
namespace {

using detail::Fields;
using detail::Json;

constexpr std::string_view kFormatNames[] = {"pack-quantized", "int-quantized", "float-quantized",
                                             "nvfp4-pack-quantized", "mxfp4-pack-quantized"};

/// Before the parser builds what is nested.
void check_depth(std::string_view json, const std::string& file) {
  constexpr std::size_t kLongest = std::size_t{16} << 20;
  constexpr int kDeepest = 64;
  bool in_text = false;
  int depth = 0;
  for (std::size_t i = 0; i < json.size() && json.size() <= kLongest; ++i) {
    const char c = json[i];
    if (in_text && c == '\\') ++i;
    if (c == '"') in_text = !in_text;
    if (in_text) continue;
    depth += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
    if (depth > kDeepest)
      throw Error(ErrorCode::corrupt_file, fmt::format("{} is nested more than {} deep", file, kDeepest));
  }
  if (json.size() > kLongest)
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{} has {} bytes, which no config has", file, json.size()));
}

std::optional<CompressedFormat> find_format(const std::string& name) {
  for (std::size_t i = 0; i < std::size(kFormatNames); ++i)
    if (kFormatNames[i] == name) return static_cast<CompressedFormat>(i);
  return std::nullopt;
}

std::vector<std::string> texts(const Fields& fields, const char* key) {
  std::vector<std::string> all;
  if (const Json* list = fields.optional(key))
    for (const Json& item : fields.array(key, *list)) all.push_back(fields.text(key, item));
  return all;
}

CompressedGroup read_group(const std::string& name, const Json& json, const std::string& where) {
  const Fields group(json, where);
  CompressedGroup g{.name = name, .targets = texts(group, "targets")};
  if (const Json* format = group.optional("format")) g.format = find_format(group.text("format", *format));
  const Json* weights = group.optional("weights");
  if (!weights) {  // of activations alone
    g.bits = 0;
    return g;
  }
  const Fields w(*weights, fmt::format("{}, \"weights\"", where));
  if (const Json* v = w.optional("num_bits")) g.bits = static_cast<int>(w.integer("num_bits", *v, 1, 16));
  if (const Json* v = w.optional("type")) {
    const std::string type = w.text("type", *v);
    if (type != "int" && type != "float") throw w.error("type", "is neither int nor float");
    g.is_float = type == "float";
  }
  if (const Json* v = w.optional("symmetric")) {
    if (!v->is_boolean()) throw w.error("symmetric", "is neither true nor false");
    g.symmetric = v->get<bool>();
  }
  if (const Json* v = w.optional("strategy")) g.strategy = w.text("strategy", *v);
  if (const Json* v = w.optional("group_size"))
    g.group_size = std::max<std::int64_t>(0, w.integer("group_size", *v, -1, INT32_MAX));
  if (const Json* v = w.optional("block_structure"))
    if (v->is_array())
      for (const Json& size : *v) g.block.push_back(w.integer("block_structure", size, 1, INT32_MAX));
  return g;
}

CompressedConfig read_config(const Json& json, const std::string& file) {
  const Fields fields(json, file);
  if (const Json* method = fields.optional("quant_method"))
    if (fields.text("quant_method", *method) != "compressed-tensors")
      throw Error(ErrorCode::unsupported,
                  fmt::format("{} has the method \"{}\"; lowbit reads \"compressed-tensors\"", file,
                              method->get<std::string>().substr(0, detail::kShown)));
  CompressedConfig config;
  if (const Json* format = fields.optional("format"))
    config.format = find_format(fields.text("format", *format));
  config.ignore = texts(fields, "ignore");
  const Json& groups = fields.required("config_groups");
  if (!groups.is_object()) throw fields.error("config_groups", "is not an object");
  for (const auto& item : groups.items()) {
    if (item.value().is_array()) continue;  // the name of a preset, and its targets
    config.groups.push_back(read_group(
        item.key(), item.value(), fmt::format("{}: group '{}'", file, item.key().substr(0, detail::kShown))));
  }
  return config;
}

}  // namespace

std::string_view compressed_format_name(CompressedFormat format) noexcept {
  return kFormatNames[static_cast<std::size_t>(format)];
}

const CompressedGroup* CompressedConfig::group_of(const std::string& layer) const {
  const auto names = [&](const std::string& target) {
    constexpr std::string_view kPattern = "re:";
    if (!target.starts_with(kPattern)) return target == layer;
    return detail::matches_start(std::string_view(target).substr(kPattern.size()), layer).value_or(false);
  };
  if (std::any_of(ignore.begin(), ignore.end(), names)) return nullptr;
  for (const CompressedGroup& group : groups)
    if (std::any_of(group.targets.begin(), group.targets.end(), names)) return &group;
  return groups.size() == 1 ? &groups.front() : nullptr;
}

CompressedConfig parse_compressed_config(std::string_view json, const std::string& name) {
  const std::string file = fmt::format("'{}'", name);
  check_depth(json, file);
  const Json root = detail::parse_json(json, file);
  const Fields fields(root, file);
  for (const char* key : {"quantization_config", "compression_config"})
    if (const Json* config = fields.optional(key))
      return read_config(*config, fmt::format("{}, \"{}\"", file, key));
  return read_config(root, file);
}

std::string format_compressed_config(const CompressedConfig& config) {
  Json groups = Json::object();
  for (const CompressedGroup& g : config.groups) {
    Json weights = nullptr;
    if (g.bits != 0) {
      weights = {{"num_bits", g.bits},
                 {"type", g.is_float ? "float" : "int"},
                 {"symmetric", g.symmetric},
                 {"strategy", g.strategy.empty() ? Json(nullptr) : Json(g.strategy)},
                 {"group_size", g.group_size == 0 ? Json(nullptr) : Json(g.group_size)},
                 {"block_structure", g.block.empty() ? Json(nullptr) : Json(g.block)},
                 {"dynamic", false}};
    }
    groups[g.name] = {{"targets", g.targets},
                      {"weights", weights},
                      {"input_activations", nullptr},
                      {"output_activations", nullptr},
                      {"format", g.format ? Json(compressed_format_name(*g.format)) : Json(nullptr)}};
  }
  const Json json{{"quantization_config",
                   {{"quant_method", "compressed-tensors"},
                    {"format", config.format ? compressed_format_name(*config.format) : "mixed-precision"},
                    {"quantization_status", "compressed"},
                    {"config_groups", groups},
                    {"ignore", config.ignore}}}};
  try {
    return json.dump(2) + "\n";
  } catch (const Json::exception&) {
    throw Error(ErrorCode::unsupported, "a name in a quantization_config is not UTF-8 and cannot be written");
  }
}

CompressedConfig load_compressed_config(const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path);
  return parse_compressed_config({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

std::optional<CompressedConfig> find_compressed_config(const SafetensorsFile& file) {
  for (const auto& [key, text] : file.metadata())
    if (key == "quantization_config" || key == "compression_config")
      return parse_compressed_config(text, fmt::format("{}, {}", file.name(), key));
  return std::nullopt;
}

}  // namespace lowbit
