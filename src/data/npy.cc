// SPDX-License-Identifier: Apache-2.0
#include "data/npy.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "core/file_io.h"
#include "data/npy_dictionary.h"
#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kNpyMagic = "\x93NUMPY";

struct TypeEntry {
  std::string_view code;
  NpyType type;
  std::size_t bytes;
  bool integer;
};
constexpr TypeEntry kTypes[] = {
    {"f4", NpyType::f32, 4, false}, {"f8", NpyType::f64, 8, false},    {"u1", NpyType::u8, 1, true},
    {"i1", NpyType::i8, 1, true},   {"u2", NpyType::u16, 2, true},     {"i2", NpyType::i16, 2, true},
    {"u4", NpyType::u32, 4, true},  {"i4", NpyType::i32, 4, true},     {"u8", NpyType::u64, 8, true},
    {"i8", NpyType::i64, 8, true},  {"b1", NpyType::boolean, 1, true},
};

const TypeEntry& entry(NpyType type) {
  for (const TypeEntry& e : kTypes)
    if (e.type == type) return e;
  return kTypes[0];
}

NpyType parse_type(const std::string& text, const std::string& name) {
  if (text.size() == 3) {
    const std::string_view code = std::string_view(text).substr(1);
    for (const TypeEntry& e : kTypes)
      if (e.code == code && (text[0] == '<' || text[0] == '=' || (text[0] == '|' && e.bytes == 1)))
        return e.type;
  }
  throw Error(
      ErrorCode::unsupported,
      fmt::format("{} holds elements of type \"{}\"; lowbit reads little-endian float32, float64, bool and "
                  "integers of 8 to 64 bits",
                  name, text));
}

// Offset and length of the dictionary.
std::pair<std::size_t, std::size_t> locate_dictionary(std::span<const std::byte> start,
                                                      const std::string& name) {
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(start[i]); };
  if (start.size() < 10 || std::memcmp(start.data(), kNpyMagic.data(), kNpyMagic.size()) != 0)
    throw Error(ErrorCode::corrupt_file, fmt::format("{} is not a .npy file", name));
  const std::size_t version = byte(6);
  if (version < 1 || version > 3)
    throw Error(ErrorCode::unsupported,
                fmt::format("{} is a .npy file of version {}, not 1 to 3", name, version));
  std::size_t offset = 10, length = byte(8) | byte(9) << 8;
  if (version > 1) {
    if (start.size() < 12)
      throw Error(ErrorCode::corrupt_file, fmt::format("{} is truncated in its header", name));
    offset = 12;
    length |= byte(10) << 16 | byte(11) << 24;
  }
  if (length > start.size() - offset)
    throw Error(ErrorCode::corrupt_file, fmt::format("{} is truncated in its header", name));
  return {offset, length};
}

}  // namespace

std::size_t npy_type_bytes(NpyType type) {
  return entry(type).bytes;
}
bool npy_type_is_integer(NpyType type) {
  return entry(type).integer;
}

NpyHeader parse_npy_header(std::span<const std::byte> start, std::uint64_t file_bytes,
                           const std::string& name) {
  const auto [offset, length] = locate_dictionary(start, name);
  const NpyDictionary dictionary =
      parse_npy_dictionary({reinterpret_cast<const char*>(start.data()) + offset, length}, name);
  NpyHeader header;
  header.type = parse_type(dictionary.descr, name);
  header.fortran_order = dictionary.fortran_order;
  header.data_offset = offset + length;
  if (dictionary.shape.size() > static_cast<std::size_t>(Shape::kMaxRank))
    throw Error(ErrorCode::unsupported, fmt::format("{} has {} dimensions; lowbit reads up to {}", name,
                                                    dictionary.shape.size(), Shape::kMaxRank));
  try {
    header.shape = Shape(std::span<const std::int64_t>(dictionary.shape));
  } catch (const Error& e) {
    throw Error(ErrorCode::corrupt_file, fmt::format("{}: {}", name, e.what()));
  }
  const auto elements = static_cast<std::uint64_t>(header.shape.elements());
  const std::uint64_t available = file_bytes - header.data_offset;
  const std::uint64_t size = npy_type_bytes(header.type);
  if (elements > available / size || elements * size != available)
    throw Error(
        ErrorCode::corrupt_file,
        fmt::format("{} has {} bytes of elements; an array of shape {} and {} bytes an element does not fit",
                    name, available, header.shape.to_string(), size));
  return header;
}

NpyArray::NpyArray(std::vector<std::byte> file, const std::string& name)
    : header_(parse_npy_header(file, file.size(), name)), file_(std::move(file)) {}

std::int64_t NpyArray::stored_index(std::int64_t index) const {
  if (!header_.fortran_order) return index;
  const Shape& shape = header_.shape;
  std::array<std::int64_t, Shape::kMaxRank> at{};
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    at[static_cast<std::size_t>(axis)] = index % shape[axis];
    index /= shape[axis];
  }
  std::int64_t stored = 0;
  for (int axis = shape.rank() - 1; axis >= 0; --axis)
    stored = stored * shape[axis] + at[static_cast<std::size_t>(axis)];
  return stored;
}

const std::byte* NpyArray::element(std::int64_t stored) const {
  return file_.data() + header_.data_offset + static_cast<std::size_t>(stored) * npy_type_bytes(header_.type);
}

namespace {

// Elements lie at any address: memcpy, never a pointer of their type.
template <class T>
T load_as(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

template <class Result>
Result load_element(NpyType type, const std::byte* p) {
  switch (type) {
    case NpyType::f32:
      return static_cast<Result>(load_as<float>(p));
    case NpyType::f64:
      return static_cast<Result>(load_as<double>(p));
    case NpyType::boolean:
    case NpyType::u8:
      return static_cast<Result>(load_as<std::uint8_t>(p));
    case NpyType::i8:
      return static_cast<Result>(load_as<std::int8_t>(p));
    case NpyType::u16:
      return static_cast<Result>(load_as<std::uint16_t>(p));
    case NpyType::i16:
      return static_cast<Result>(load_as<std::int16_t>(p));
    case NpyType::u32:
      return static_cast<Result>(load_as<std::uint32_t>(p));
    case NpyType::i32:
      return static_cast<Result>(load_as<std::int32_t>(p));
    case NpyType::u64:
      return static_cast<Result>(load_as<std::uint64_t>(p));
    case NpyType::i64:
      return static_cast<Result>(load_as<std::int64_t>(p));
  }
  return {};
}

}  // namespace

void NpyArray::read(std::int64_t first, std::span<float> out) const {
  if (header_.type == NpyType::f32 && !header_.fortran_order) {
    if (!out.empty()) std::memcpy(out.data(), element(first), out.size_bytes());
    return;
  }
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = load_element<float>(header_.type, element(stored_index(first + static_cast<std::int64_t>(i))));
}

std::int64_t NpyArray::integer(std::int64_t index) const {
  return load_element<std::int64_t>(header_.type, element(stored_index(index)));
}

NpyArray read_npy(const std::string& path) {
  return NpyArray(read_file(path), path);
}

std::string npy_header(const Shape& shape, bool integers) {
  std::string dims;
  for (const std::int64_t d : shape.dims()) dims += fmt::format("{}, ", d);
  // "(3,)" is a tuple of one element, "(3, 4)" is how NumPy writes two.
  if (shape.rank() > 1) dims.resize(dims.size() - 2);
  if (shape.rank() == 1) dims.pop_back();
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                                 integers ? "<i8" : "<f4", dims);
  while ((10 + text.size() + 1) % 64 != 0) text += ' ';
  text += '\n';
  std::string header(kNpyMagic);
  header += {'\1', '\0', static_cast<char>(text.size() & 0xFF), static_cast<char>(text.size() >> 8)};
  return header + text;
}

}  // namespace lowbit::data
