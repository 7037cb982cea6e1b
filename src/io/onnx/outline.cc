// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/outline.h"

#include <cstring>
#include <span>

namespace lowbit::onnx_import {

namespace {

// Wire types of protocol buffers; groups (3, 4) do not occur in ONNX.
enum class Wire : unsigned { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

/// The messages on the way from a model to the content of its tensors.
enum class Message { model, function, graph, node, attribute, tensor, payload, other };

/// What field `field` of `message` holds.
Message child(Message message, std::uint64_t field) {
  switch (message) {
    case Message::model:
      return field == 7 ? Message::graph : field == 25 ? Message::function : Message::other;
    case Message::function:
      return field == 7 ? Message::node : field == 11 ? Message::attribute : Message::other;
    case Message::graph:
      return field == 1 ? Message::node : field == 5 ? Message::tensor : Message::other;
    case Message::node:
      return field == 5 ? Message::attribute : Message::other;
    case Message::attribute:
      return field == 5 || field == 10 ? Message::tensor : field == 6 ? Message::graph : Message::other;
    case Message::tensor:
      return field == 9 ? Message::payload : Message::other;
    default:
      return Message::other;
  }
}

void put_varint(std::string& out, std::uint64_t v) {
  for (; v >= 128; v >>= 7) out.push_back(static_cast<char>(v | 128));
  out.push_back(static_cast<char>(v));
}

class Walker {
 public:
  Walker(const ByteSource& file, Outline& outline)
      : cursor_(file, 0, file.size()), payloads_(outline.payloads) {}

  /// Appends the message that ends at `end` to `out`.
  bool copy(Message message, std::uint64_t end, std::string& out) {
    constexpr int kMostNested = 100;  // as protocol buffers have it
    if (depth_ > kMostNested) return false;
    while (cursor_.at() < end) {
      std::uint64_t tag = 0;
      if (!varint(end, tag) || tag < 8 || tag > 0xFFFFFFFFu) return false;
      put_varint(out, tag);
      switch (static_cast<Wire>(tag & 7)) {
        case Wire::varint: {
          std::uint64_t value = 0;
          if (!varint(end, value)) return false;
          put_varint(out, value);
          break;
        }
        case Wire::fixed64:
          if (!copy_bytes(end, 8, out)) return false;
          break;
        case Wire::fixed32:
          if (!copy_bytes(end, 4, out)) return false;
          break;
        case Wire::bytes:
          if (!copy_field(child(message, tag >> 3), end, out)) return false;
          break;
        default:
          return false;
      }
    }
    return true;
  }

 private:
  bool varint(std::uint64_t end, std::uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64 && cursor_.at() < end; shift += 7) {
      std::byte b{};
      cursor_.read(std::span(&b, 1));
      value |= (std::to_integer<std::uint64_t>(b) & 127) << shift;
      if (std::to_integer<unsigned>(b) < 128) return true;
    }
    return false;
  }

  bool copy_bytes(std::uint64_t end, std::uint64_t count, std::string& out) {
    if (count > end - cursor_.at()) return false;
    const std::size_t at = out.size();
    out.resize(at + static_cast<std::size_t>(count));
    cursor_.read(std::as_writable_bytes(std::span(out).subspan(at)));
    return true;
  }

  bool copy_field(Message content, std::uint64_t end, std::string& out) {
    std::uint64_t bytes = 0;
    if (!varint(end, bytes) || bytes > end - cursor_.at()) return false;
    if (content == Message::other) {
      put_varint(out, bytes);
      return copy_bytes(end, bytes, out);
    }
    std::string inner;
    if (content == Message::payload) {
      const std::uint64_t number = payloads_.size();
      payloads_.push_back({cursor_.at(), bytes});
      cursor_.skip(bytes);
      inner.assign(reinterpret_cast<const char*>(&number), sizeof(number));
    } else {
      ++depth_;
      if (!copy(content, cursor_.at() + bytes, inner)) return false;
      --depth_;
    }
    put_varint(out, inner.size());
    out += inner;
    return true;
  }

  SourceCursor cursor_;
  std::vector<Payload>& payloads_;
  int depth_ = 0;
};

}  // namespace

bool make_outline(const ByteSource& file, Outline& outline) {
  return Walker(file, outline).copy(Message::model, file.size(), outline.model);
}

const Payload* find_payload(const std::vector<Payload>& payloads, const std::string& raw_data) {
  std::uint64_t number = 0;
  if (raw_data.size() != sizeof(number)) return nullptr;
  std::memcpy(&number, raw_data.data(), sizeof(number));
  return number < payloads.size() ? &payloads[static_cast<std::size_t>(number)] : nullptr;
}

}  // namespace lowbit::onnx_import
