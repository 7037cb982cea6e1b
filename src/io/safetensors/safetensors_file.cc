// SPDX-License-Identifier: Apache-2.0
#include "lowbit/io/safetensors/safetensors_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <unordered_map>

#include "core/file_bytes.h"
#include "io/safetensors/header.h"
#include "io/safetensors/types.h"
#include "lowbit/core/cast.h"
#include "lowbit/core/error.h"

namespace lowbit {

namespace detail {
namespace {

// In the order of SafetensorsType.
constexpr SafetensorsTypeRow kSafetensorsTypes[] = {
    {"BOOL", 8, ElementType::u8},
    {"F4", 4, ElementType::f4e2m1},
    {"F6_E2M3", 6, std::nullopt},
    {"F6_E3M2", 6, std::nullopt},
    {"U8", 8, ElementType::u8},
    {"I8", 8, ElementType::i8},
    {"F8_E5M2", 8, ElementType::f8e5m2},
    {"F8_E4M3", 8, ElementType::f8e4m3fn},
    {"F8_E8M0", 8, ElementType::f8e8m0},
    {"F8_E4M3FNUZ", 8, ElementType::f8e4m3fnuz},
    {"F8_E5M2FNUZ", 8, ElementType::f8e5m2fnuz},
    {"I16", 16, ElementType::i16},
    {"U16", 16, ElementType::u16},
    {"F16", 16, ElementType::f16},
    {"BF16", 16, ElementType::bf16},
    {"I32", 32, ElementType::i32},
    {"U32", 32, ElementType::u32},
    {"F32", 32, ElementType::f32},
    {"C64", 64, std::nullopt},
    {"F64", 64, ElementType::f64},
    {"I64", 64, ElementType::i64},
    {"U64", 64, ElementType::u64},
};
static_assert(std::size(kSafetensorsTypes) == static_cast<std::size_t>(SafetensorsType::u64) + 1);

}  // namespace

const SafetensorsTypeRow& safetensors_type_row(SafetensorsType type) {
  return kSafetensorsTypes[static_cast<std::size_t>(type)];
}

std::optional<SafetensorsType> find_safetensors_type(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kSafetensorsTypes); ++i)
    if (kSafetensorsTypes[i].name == name) return static_cast<SafetensorsType>(i);
  return std::nullopt;
}

std::optional<std::uint64_t> safetensors_bytes(SafetensorsType type, std::span<const std::int64_t> shape) {
  constexpr std::int64_t kMost = std::int64_t{1} << 56;  // of elements of at most 2^6 bits
  std::int64_t elements = 1;
  bool empty = false;
  for (const std::int64_t d : shape) {
    const std::int64_t dim = std::max<std::int64_t>(d, 1);  // beside a 0, too, products must not overflow
    if (d < 0 || elements > kMost / dim) return std::nullopt;
    elements *= dim;
    empty = empty || d == 0;
  }
  if (empty) return 0;
  const std::uint64_t bits =
      static_cast<std::uint64_t>(elements) * static_cast<std::uint64_t>(safetensors_type_row(type).bits);
  return bits % 8 == 0 ? std::optional(bits / 8) : std::nullopt;
}

}  // namespace detail

std::string_view safetensors_type_name(SafetensorsType type) noexcept {
  return detail::safetensors_type_row(type).name;
}

int safetensors_type_bits(SafetensorsType type) noexcept {
  return detail::safetensors_type_row(type).bits;
}

std::int64_t SafetensorsTensor::elements() const {
  std::int64_t product = 1;
  for (const std::int64_t dim : shape) product *= dim;
  return product;
}

struct SafetensorsFile::State {
  FileBytes file;
  std::string name;
  std::string_view header_text{};
  detail::SafetensorsHeader header{};
  std::unordered_map<std::string_view, std::size_t> by_name{};  // into the names of tensors

  State(FileBytes f, std::string n) : file(std::move(f)), name(std::move(n)) { parse(); }

  [[noreturn]] void fail(const std::string& why) const {
    throw Error(ErrorCode::corrupt_file, fmt::format("{} {}", name, why));
  }
  void parse();
};

void SafetensorsFile::State::parse() {
  constexpr std::uint64_t kLargestHeader = 100'000'000, kLength = sizeof(std::uint64_t);
  const std::span<const std::byte> all = file.all();
  if (all.size() < kLength) fail("is no safetensors file: it is shorter than its first number");
  std::uint64_t length;
  std::memcpy(&length, all.data(), sizeof length);
  if (length > kLargestHeader || length > all.size() - kLength)
    fail(fmt::format("is no safetensors file: it says that its header has {} bytes", length));
  header_text = {reinterpret_cast<const char*>(all.data()) + kLength, static_cast<std::size_t>(length)};
  header = detail::parse_safetensors_header(header_text, name);
  std::vector<SafetensorsTensor>& tensors = header.tensors;
  std::stable_sort(tensors.begin(), tensors.end(),
                   [](const SafetensorsTensor& a, const SafetensorsTensor& b) {
                     return a.offset != b.offset ? a.offset < b.offset : a.bytes < b.bytes;
                   });
  const std::uint64_t start = kLength + length;
  std::uint64_t end = start;
  for (SafetensorsTensor& tensor : tensors) {
    if (tensor.offset != end - start)
      fail(fmt::format("has tensor '{}' at {} of its data, where the one before ends at {}",
                       tensor.name.substr(0, 80), tensor.offset, end - start));
    if (tensor.bytes > all.size() - end)
      fail(fmt::format("ends before its tensor '{}' does", tensor.name.substr(0, 80)));
    tensor.offset = end;
    end += tensor.bytes;
  }
  if (end != all.size()) fail(fmt::format("has {} bytes behind its last tensor", all.size() - end));
  for (std::size_t i = 0; i < tensors.size(); ++i) by_name.emplace(tensors[i].name, i);
}

SafetensorsFile::SafetensorsFile(const std::string& path, FileAccess access)
    : state_(std::make_shared<const State>(FileBytes(path, access), path)) {}

SafetensorsFile::SafetensorsFile(std::span<const std::byte> bytes, const std::string& name)
    : state_(std::make_shared<const State>(FileBytes(bytes), name)) {}

const std::vector<SafetensorsTensor>& SafetensorsFile::tensors() const {
  return state_->header.tensors;
}
const std::vector<std::pair<std::string, std::string>>& SafetensorsFile::metadata() const {
  return state_->header.metadata;
}
std::string_view SafetensorsFile::header() const {
  return state_->header_text;
}
const std::string& SafetensorsFile::name() const {
  return state_->name;
}

const SafetensorsTensor* SafetensorsFile::find(std::string_view name) const {
  const auto found = state_->by_name.find(name);
  return found == state_->by_name.end() ? nullptr : &tensors()[found->second];
}

const SafetensorsTensor& SafetensorsFile::tensor(std::string_view name) const {
  const SafetensorsTensor* found = find(name);
  if (!found)
    throw Error(ErrorCode::not_found, fmt::format("{} has no tensor '{}'", state_->name, name.substr(0, 80)));
  return *found;
}

std::span<const std::byte> SafetensorsFile::bytes(const SafetensorsTensor& tensor) const {
  return state_->file.part(static_cast<std::size_t>(tensor.offset), static_cast<std::size_t>(tensor.bytes));
}

std::vector<float> SafetensorsFile::floats(const SafetensorsTensor& tensor) const {
  const std::optional<ElementType> element = detail::safetensors_type_row(tensor.type).element;
  if (!element)
    throw Error(ErrorCode::unsupported,
                fmt::format("tensor '{}' of {} has type {}, which does not become floats", tensor.name,
                            state_->name, safetensors_type_name(tensor.type)));
  const std::span<const std::byte> from = bytes(tensor);
  std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
  if (*element == ElementType::f32) {  // with the bits of every NaN
    if (!values.empty()) std::memcpy(values.data(), from.data(), from.size());
  } else {
    cast(*element, from, ElementType::f32, std::as_writable_bytes(std::span(values)), values.size());
  }
  return values;
}

std::vector<std::int64_t> SafetensorsFile::integers(const SafetensorsTensor& tensor) const {
  const std::optional<ElementType> element = detail::safetensors_type_row(tensor.type).element;
  if (!element || is_float(*element))
    throw Error(ErrorCode::unsupported,
                fmt::format("tensor '{}' of {} has type {}, which is no integer", tensor.name, state_->name,
                            safetensors_type_name(tensor.type)));
  std::vector<std::int64_t> values(static_cast<std::size_t>(tensor.elements()));
  cast(*element, bytes(tensor), ElementType::i64, std::as_writable_bytes(std::span(values)), values.size());
  return values;
}

}  // namespace lowbit
