// SPDX-License-Identifier: Apache-2.0
// Files of nested codes: a head, and for each width the two bits that it adds to the one before, each a part
// with a header of its own, so that a reader of fewer bits stops in front of the others.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "compress/nested_widths.h"
#include "core/file_io.h"
#include "core/refuse.h"
#include "lowbit/compress/nested.h"
#include "lowbit/core/error.h"
#include "lowbit/core/packing.h"
#include "lowbit/model/serialize.h"
#include "model/checksummed_file.h"
#include "model/compressed_fields.h"

namespace lowbit {
namespace {

constexpr detail::FileKind kHead{{'L', 'B', 'N', 'E', 'S', 'T', 'E', 'D'}, 1, 1, "a file of nested codes"};
constexpr detail::FileKind kPlane{{'L', 'B', 'P', 'L', 'A', 'N', 'E', '\n'}, 1, 1, "a plane of nested codes"};
constexpr std::uint64_t kHeader = 24;

/// What of a matrix is not in the model beside it. V is FieldWriter or FieldReader.
template <class V>
void visit(V& v, NestedMatrix& m) {
  v("rows", m.rows), v("cols", m.cols);
  if (m.rows == 0) return;
  for (std::size_t place = 0; place < 3; ++place) {
    NestedMatrix::Slice& slice = m.slices[place];
    if (place == 0)
      v("levels", slice.levels);
    else
      v("ratios", slice.ratios);
    v("bias step", slice.bias_step), v("biases", slice.biases);
  }
}

/// The model of 8 bits without its codes: a .lowbit file in which they are all the same.
std::vector<std::byte> without_codes(const NestedModel& nested) {
  NestedModel copy = nested;
  copy.set_bits(8);
  detail::ModelData data = copy.model().complete_data();
  for (std::size_t i = 0; i < data.nodes.size(); ++i)
    if (nested.layers()[i].rows > 0) {
      auto& codes = data.nodes[i].weights->codes;
      std::fill(codes.begin(), codes.end(), std::uint8_t{0});
    }
  return save_to_bytes(Model(std::move(data)), {.compress = true});
}

void append(std::vector<std::byte>& to, const std::vector<std::byte>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

/// The part that begins at `at`, which goes on behind it.
std::vector<std::byte> next_part(const ByteSource& source, std::uint64_t& at, const std::string& name) {
  const auto truncated = [&] {
    return Error(ErrorCode::corrupt_file, fmt::format("'{}' is truncated", name));
  };
  if (source.size() - at < kHeader) throw truncated();
  std::vector<std::byte> part(kHeader);
  source.read(at, part);
  std::uint64_t payload = 0;
  std::copy_n(part.begin() + 16, sizeof(payload), std::as_writable_bytes(std::span(&payload, 1)).begin());
  if (payload > source.size() - at - kHeader) throw truncated();
  part.resize(static_cast<std::size_t>(kHeader + payload));
  source.read(at + kHeader, std::span(part).subspan(kHeader));
  at += part.size();
  return part;
}

struct Head {
  std::vector<std::byte> model;
  std::vector<NestedMatrix> layers;
};

Head read_head(FieldReader& v) {
  Head head;
  std::vector<std::uint8_t> model;
  v("model", model);
  const auto bytes = std::as_bytes(std::span(model));
  head.model.assign(bytes.begin(), bytes.end());
  head.layers.resize(v.length("layers", 1));
  for (NestedMatrix& m : head.layers) visit(v, m);
  if (!v.at_end()) v.fail("end");
  return head;
}

/// Scales and empty codes from the model's; sizes must be its.
void complete(Head& head, const Model& model) {
  if (head.layers.size() != model.graph().nodes.size())
    throw Error(ErrorCode::corrupt_file, "its nested codes are of another number of layers");
  for (std::size_t i = 0; i < head.layers.size(); ++i) {
    NestedMatrix& m = head.layers[i];
    if (m.rows == 0) continue;
    const auto weights = model.weights(static_cast<int>(i));
    if (!weights || weights->format != WeightFormat::s8 || weights->rows != m.rows ||
        weights->cols != m.cols || weights->groups() != 1)
      throw Error(ErrorCode::corrupt_file, "its nested codes do not fit its model");
    m.scales = weights->scales;
    m.codes.assign(weights->codes.size(), 0);
    m.validate();
  }
}

/// Two more bits of all codes.
void add_plane(FieldReader& v, std::vector<NestedMatrix>& layers, int bits) {
  for (NestedMatrix& m : layers) {
    if (m.rows == 0) continue;
    std::vector<std::uint8_t> packed;
    v.codes("plane", packed, 2);
    if (packed.size() != packed_bytes(m.codes.size(), 2)) v.fail("plane");
    std::vector<std::uint8_t> two(m.codes.size());
    unpack_u2(packed, two);
    for (std::size_t k = 0; k < two.size(); ++k)
      m.codes[k] = static_cast<std::uint8_t>(m.codes[k] | two[k] << (8 - bits));
  }
  if (!v.at_end()) v.fail("end");
}

NestedModel load_source(const ByteSource& source, int most_bits, const std::string& name) {
  detail::nested_place(most_bits);
  std::uint64_t at = 0;
  try {
    const auto open = [&](const detail::FileKind& kind, const auto& read) {
      const std::vector<std::byte> part = next_part(source, at, name);
      const ByteSource bytes{std::span<const std::byte>(part)};
      return detail::read_compressed(detail::open_sealed(kind, bytes, name).payload, name, read);
    };
    Head head = open(kHead, read_head);
    const Model model = load(head.model, name);
    complete(head, model);
    for (const int bits : kNestedBits)
      if (bits <= most_bits)
        open(kPlane, [&](FieldReader& v) {
          add_plane(v, head.layers, bits);
          return true;
        });
    if (most_bits == 8 && at != source.size())
      throw Error(ErrorCode::corrupt_file, "it has bytes behind its end");
    return NestedModel(model, std::move(head.layers), most_bits);
  } catch (const Error& e) {
    detail::blame_file(e, name);
  }
}

}  // namespace

std::vector<std::byte> save_to_bytes(const NestedModel& nested) {
  if (nested.most_bits() != 8)
    refuse(fmt::format("nested codes of which {} bits were read cannot be saved", nested.most_bits()));
  const std::vector<std::byte> model = without_codes(nested);
  std::vector<NestedMatrix> layers = nested.layers();
  std::vector<std::byte> file = detail::seal(kHead, detail::write_compressed([&](FieldWriter& v) {
                                               const auto* p =
                                                   reinterpret_cast<const std::uint8_t*>(model.data());
                                               v("model", std::vector<std::uint8_t>(p, p + model.size()));
                                               v("layers", static_cast<std::uint64_t>(layers.size()));
                                               for (NestedMatrix& m : layers) visit(v, m);
                                             }));
  for (const int bits : kNestedBits)
    append(file, detail::seal(kPlane, detail::write_compressed([&](FieldWriter& v) {
                                for (const NestedMatrix& m : layers) {
                                  if (m.rows == 0) continue;
                                  std::vector<std::uint8_t> two(m.codes.size()),
                                      packed(packed_bytes(m.codes.size(), 2));
                                  for (std::size_t k = 0; k < two.size(); ++k)
                                    two[k] = static_cast<std::uint8_t>(m.codes[k] >> (8 - bits) & 3);
                                  pack_u2(two, packed);
                                  v.codes("plane", packed, 2);
                                }
                              })));
  return file;
}

void save(const NestedModel& model, const std::string& path) {
  write_file(path, save_to_bytes(model));
}

NestedModel load_nested(std::span<const std::byte> bytes, int most_bits, const std::string& name) {
  return load_source(ByteSource(bytes), most_bits, name);
}

NestedModel load_nested(const std::string& path, int most_bits) {
  return load_source(ByteSource(path), most_bits, path);
}

}  // namespace lowbit
