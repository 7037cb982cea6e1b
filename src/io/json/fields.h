// SPDX-License-Identifier: Apache-2.0
// Reading JSON that a person may have edited: every refusal names the file and the key.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lowbit/core/error.h"

namespace lowbit::detail {

using Json = nlohmann::ordered_json;
inline constexpr std::size_t kShown = 80;  // of what stands in a file, in a sentence

/// One object of the file, which knows what to call itself.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) throw error("is not an object");
  }

  Error error(const std::string& what) const {
    return {ErrorCode::corrupt_file, fmt::format("{} {}", where_, what)};
  }
  Error error(const char* key, const std::string& what) const {
    return error(fmt::format("has a \"{}\" that {}", key, what));
  }
  void call_it(std::string where) { where_ = std::move(where); }
  /// A misspelt key would otherwise be one that has no effect.
  void allow_only(std::initializer_list<const char*> keys) const {
    for (const auto& item : object_.items())
      if (std::find(keys.begin(), keys.end(), item.key()) == keys.end())
        throw error(fmt::format("has a key \"{}\", which is not known", item.key().substr(0, kShown)));
  }
  /// Null where the key is missing or its value is null.
  const Json* optional(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  const Json& required(const char* key) const {
    const Json* value = optional(key);
    if (!value) throw error(fmt::format("has no \"{}\"", key));
    return *value;
  }

  std::string text(const char* key, const Json& value) const {
    if (!value.is_string()) throw error(key, "is not a text");
    return value.get<std::string>();
  }
  double real(const char* key, const Json& value) const {
    if (!value.is_number()) throw error(key, "is not a number");
    return value.get<double>();
  }
  /// A number that is none of float's infinities.
  float real32(const char* key, const Json& value) const {
    const double v = real(key, value);
    if (!(std::fabs(v) <= double{std::numeric_limits<float>::max()})) throw error(key, "is too large");
    return static_cast<float>(v);
  }
  std::int64_t integer(const char* key, const Json& value, std::int64_t least, std::int64_t most) const {
    const bool fits = value.is_number_integer() &&
                      (!value.is_number_unsigned() || value.get<std::uint64_t>() <= INT64_MAX) &&
                      value.get<std::int64_t>() >= least && value.get<std::int64_t>() <= most;
    if (!fits) throw error(key, fmt::format("is not an integer from {} to {}", least, most));
    return value.get<std::int64_t>();
  }
  const Json& array(const char* key, const Json& value) const {
    if (!value.is_array()) throw error(key, "is not an array");
    return value;
  }

 private:
  const Json& object_;
  std::string where_;
};

/// "model": 16 hexadecimal digits, or 0 where there is none.
inline std::uint64_t read_fingerprint(const Fields& fields) {
  const Json* value = fields.optional("model");
  if (!value) return 0;
  const std::string text = fields.text("model", *value);
  if (text.size() != 16 || text.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw fields.error("model", "is not 16 hexadecimal digits");
  return std::stoull(text, nullptr, 16);
}

/// Throws for a key that an object has twice: the parser would keep one of the two.
class KeysOnce {
 public:
  explicit KeysOnce(std::string file) : file_(std::move(file)) {}
  bool operator()(int, Json::parse_event_t event, const Json& parsed) {
    if (event == Json::parse_event_t::object_start) open_.emplace_back();
    if (event == Json::parse_event_t::object_end) open_.pop_back();
    if (event == Json::parse_event_t::key && !open_.back().insert(parsed.get<std::string>()).second)
      throw Error(ErrorCode::corrupt_file, fmt::format("{} has the key \"{}\" twice in one object", file_,
                                                       parsed.get<std::string>().substr(0, kShown)));
    return true;
  }

 private:
  std::string file_;
  std::vector<std::set<std::string>> open_;
};

/// `file` stands in sentences. Throws Error(corrupt_file) for text that is no JSON.
inline Json parse_json(std::string_view text, const std::string& file) {
  try {
    return Json::parse(text, KeysOnce(file));
  } catch (const Json::parse_error& e) {
    const std::size_t at = std::min(e.byte, text.size());
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    throw Error(ErrorCode::corrupt_file, fmt::format("{} is not JSON: it goes wrong in line {}", file, line));
  } catch (const Json::exception&) {  // a number beyond double
    throw Error(ErrorCode::corrupt_file, fmt::format("{} is not JSON: a number is too large", file));
  }
}

/// The first keys, "format" and "version". `what` is what the file should be.
inline void check_format(const Fields& fields, const std::string& file, const char* what, const char* name,
                         int newest) {
  const Json* format = fields.optional("format");
  if (!format || !format->is_string() || format->get<std::string>() != name)
    throw fields.error(fmt::format("is no {}: its \"format\" is not \"{}\"", what, name));
  const std::int64_t version = fields.integer("version", fields.required("version"), 1, INT32_MAX);
  if (version != newest)
    throw Error(ErrorCode::unsupported,
                fmt::format("{} has version {}, this lowbit reads version {}", file, version, newest));
}

}  // namespace lowbit::detail
