// SPDX-License-Identifier: Apache-2.0
#include "io/safetensors/header.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "io/safetensors/types.h"
#include "lowbit/core/error.h"

namespace lowbit::detail {
namespace {

using HeaderJson = nlohmann::json;

/// Takes the parser's events. What a header cannot have ends it at once, so that nothing is built of it.
class HeaderEvents final : public nlohmann::json_sax<HeaderJson> {
 public:
  HeaderEvents(SafetensorsHeader& header, const std::string& file) : header_(header), file_(file) {}

  bool null() override { return refuse_value("null"); }
  bool boolean(bool) override { return refuse_value("a boolean"); }
  bool number_integer(number_integer_t) override { return refuse_value("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return refuse_value("a fraction"); }
  bool binary(binary_t&) override { return refuse_value("binary data"); }
  bool number_unsigned(number_unsigned_t value) override {
    constexpr std::size_t kMostDimensions = 64;
    if (in_array_ && place_ == Place::shape && tensor().shape.size() < kMostDimensions && value <= INT64_MAX)
      tensor().shape.push_back(static_cast<std::int64_t>(value));
    else if (in_array_ && place_ == Place::offsets && offsets_.size() < 2)
      offsets_.push_back(value);
    else
      refuse(fmt::format("has the number {} {}", value, where()));
    return true;
  }
  bool string(string_t& text) override {
    if (place_ == Place::metadata) {
      header_.metadata.emplace_back(key_, std::move(text));
    } else if (place_ == Place::type) {
      const std::optional<SafetensorsType> type = find_safetensors_type(text);
      if (!type)
        throw Error(ErrorCode::unsupported, fmt::format("{} has tensor '{}' of type {}, which is not known",
                                                        file_, shown(tensor().name), shown(text)));
      tensor().type = *type;
      place_ = Place::tensor;
    } else {
      refuse_value("a text");
    }
    return true;
  }
  bool start_object(std::size_t) override {
    if (place_ == Place::start) {
      place_ = Place::tensors;
    } else if (place_ == Place::entry) {
      place_ = key_ == kMetadataKey ? Place::metadata : Place::tensor;
      seen_ = {};
      offsets_.clear();
      if (place_ == Place::tensor) header_.tensors.push_back({.name = key_});
    } else {
      refuse_value("an object");
    }
    return true;
  }
  bool key(string_t& key) override {
    if (place_ == Place::tensors) {
      once(names_, key);
      key_ = std::move(key);
      place_ = Place::entry;
    } else if (place_ == Place::metadata) {
      once(metadata_keys_, key);
      key_ = std::move(key);
    } else {
      begin_member(key);
    }
    return true;
  }
  bool end_object() override {
    if (place_ == Place::tensor) end_tensor();
    place_ = place_ == Place::tensors ? Place::end : Place::tensors;
    return true;
  }
  bool start_array(std::size_t) override {
    if ((place_ != Place::shape && place_ != Place::offsets) || in_array_) return refuse_value("an array");
    in_array_ = true;
    return true;
  }
  bool end_array() override {
    in_array_ = false;
    place_ = Place::tensor;
    return true;
  }
  bool parse_error(std::size_t at, const std::string&, const nlohmann::detail::exception&) override {
    return refuse(fmt::format("is not JSON from byte {} on", at));
  }

 private:
  enum class Place { start, tensors, entry, metadata, tensor, type, shape, offsets, end };

  static std::string shown(const std::string& text) { return text.substr(0, 80); }
  SafetensorsTensor& tensor() { return header_.tensors.back(); }
  [[noreturn]] bool refuse(const std::string& what) const {
    throw Error(ErrorCode::corrupt_file, fmt::format("the header of {} {}", file_, what));
  }
  bool refuse_value(const char* what) const { return refuse(fmt::format("has {} {}", what, where())); }
  std::string where() const {
    switch (place_) {
      case Place::start:
        return "in the place of an object";
      case Place::metadata:
        return "in \"__metadata__\", which has texts alone";
      case Place::type:
        return fmt::format("for the \"dtype\" of '{}'", shown(key_));
      case Place::shape:
        return fmt::format("in the \"shape\" of '{}'", shown(key_));
      case Place::offsets:
        return fmt::format("in the \"data_offsets\" of '{}', which are two numbers from 0", shown(key_));
      default:
        return fmt::format("for '{}'", shown(key_));
    }
  }
  void once(std::set<std::string>& seen, const std::string& key) const {
    if (!seen.insert(key).second) refuse(fmt::format("has the key '{}' twice", shown(key)));
  }
  void begin_member(const std::string& key) {
    constexpr std::string_view kMembers[] = {"dtype", "shape", "data_offsets"};
    constexpr Place kPlaces[] = {Place::type, Place::shape, Place::offsets};
    for (std::size_t i = 0; i < 3; ++i) {
      if (key != kMembers[i]) continue;
      if (seen_[i]) refuse(fmt::format("has the \"{}\" of '{}' twice", key, shown(key_)));
      seen_[i] = true;
      place_ = kPlaces[i];
      return;
    }
    refuse(fmt::format("has a key \"{}\" for '{}', which is not known", shown(key), shown(key_)));
  }
  void end_tensor() {
    if (!seen_[0] || !seen_[1] || offsets_.size() != 2)
      refuse(fmt::format("lacks the \"dtype\", the \"shape\" or two \"data_offsets\" of '{}'", shown(key_)));
    if (offsets_[0] > offsets_[1]) refuse(fmt::format("has tensor '{}' end before its start", shown(key_)));
    const std::optional<std::uint64_t> bytes = safetensors_bytes(tensor().type, tensor().shape);
    if (!bytes || *bytes != offsets_[1] - offsets_[0])
      refuse(fmt::format("has tensor '{}' of {} bytes, which are not those of its type and shape",
                         shown(key_), offsets_[1] - offsets_[0]));
    tensor().offset = offsets_[0], tensor().bytes = *bytes;
  }

  SafetensorsHeader& header_;
  const std::string& file_;
  Place place_ = Place::start;
  bool in_array_ = false;
  std::string key_;  // of the tensor, or in the metadata
  std::array<bool, 3> seen_{};
  std::vector<std::uint64_t> offsets_;
  std::set<std::string> names_, metadata_keys_;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& file) {
  SafetensorsHeader header;
  if (text.empty() || text.front() != '{')
    throw Error(ErrorCode::corrupt_file, fmt::format("the header of {} does not begin with {{", file));
  if (text.find('\0') != std::string_view::npos)  // the parser would take it for the end
    throw Error(ErrorCode::corrupt_file, fmt::format("the header of {} is not JSON: it has a byte 0", file));
  HeaderEvents events(header, file);
  HeaderJson::sax_parse(text, &events);
  return header;
}

}  // namespace lowbit::detail
