// SPDX-License-Identifier: Apache-2.0
// Runs one Step on tensors in logical order (N x C x H x W, N x T x F, N x F): packs them into sample
// layouts, gives the step exactly the scratch that it asks for, and unpacks the result. Guard bytes around
// every buffer are checked, and the elements that mean nothing (rounding of a pixel, tail, end of a sample)
// are filled with a pattern first. Rows in codes are encoded from floats, and decoded.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "lowbit/layers/row_codes.h"
#include "lowbit/layers/step.h"
#include "lowbit/runtime/executor.h"

namespace lowbit::testing {

/// A batch of samples of one type, elements in logical order; codes are kept as their integer value.
struct Values {
  ValueType type;
  std::int64_t batch = 1;
  std::vector<float> data;

  Values() = default;
  Values(const ValueType& t, std::int64_t n)
      : type(t), batch(n), data(static_cast<std::size_t>(n * t.shape.elements())) {}
};

inline ValueType f32_type(const Shape& shape) {
  return {shape, DType::f32, {}};
}
inline ValueType rows_type(const Shape& shape, int bits) {
  return {shape, DType::rows, {}, bits};
}
inline ValueType u8_type(const Shape& shape, float scale, std::int32_t zero_point) {
  return {shape, DType::u8, {scale, zero_point}};
}

/// Offset in a sample of logical element `i`.
inline std::int64_t element_offset(const ValueType& type, std::int64_t i) {
  const SampleLayout l = type.layout();
  if (type.shape.rank() == 3) {
    const std::int64_t c = i / l.pixels(), pixel = i % l.pixels();
    return pixel * l.pixel_stride + c;
  }
  return i / l.channels * l.pixel_stride + i % l.channels;
}

/// 64-byte aligned memory between two guards of 64 bytes.
class GuardedBuffer {
 public:
  explicit GuardedBuffer(std::size_t size) : size_(size) {
    memory_ = static_cast<std::byte*>(::operator new (size + 2 * kGuard, std::align_val_t{64}));
    std::memset(memory_, kPattern, size + 2 * kGuard);
  }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;
  GuardedBuffer(GuardedBuffer&& other) noexcept : memory_(other.memory_), size_(other.size_) {
    other.memory_ = nullptr;
  }
  GuardedBuffer& operator=(GuardedBuffer&&) = delete;
  ~GuardedBuffer() { ::operator delete (memory_, std::align_val_t{64}); }

  std::byte* data() const { return memory_ + kGuard; }
  bool intact() const {
    for (std::size_t i = 0; i < kGuard; ++i)
      if (memory_[i] != std::byte{kPattern} || memory_[kGuard + size_ + i] != std::byte{kPattern})
        return false;
    return true;
  }

 private:
  static constexpr std::size_t kGuard = 64;
  static constexpr unsigned char kPattern = 0xC5;
  std::byte* memory_;
  std::size_t size_;
};

inline GuardedBuffer pack(const Values& values) {
  const std::size_t bytes = values.type.sample_bytes();
  GuardedBuffer buffer(static_cast<std::size_t>(values.batch) * bytes);
  const std::int64_t n = values.type.shape.elements();
  const SampleLayout l = values.type.layout();
  for (std::int64_t b = 0; b < values.batch; ++b) {
    std::byte* sample = buffer.data() + static_cast<std::size_t>(b) * bytes;
    if (values.type.dtype == DType::rows) {
      encode_rows(values.data.data() + b * n, l.pixels(), l.channels, values.type.bits, sample);
      continue;
    }
    for (std::int64_t i = 0; i < n; ++i) {
      const float x = values.data[static_cast<std::size_t>(b * n + i)];
      const std::int64_t at = element_offset(values.type, i);
      if (values.type.dtype == DType::u8)
        reinterpret_cast<std::uint8_t*>(sample)[at] = static_cast<std::uint8_t>(x);
      else if (values.type.dtype == DType::i64)
        reinterpret_cast<std::int64_t*>(sample)[at] = static_cast<std::int64_t>(x);
      else
        reinterpret_cast<float*>(sample)[at] = x;
    }
    if (values.type.dtype == DType::u8)
      std::memset(sample + l.zero_pixel(), values.type.qparams.zero_point, static_cast<std::size_t>(l.tail));
    else if (values.type.dtype == DType::f32)
      std::fill_n(reinterpret_cast<float*>(sample) + l.zero_pixel(), l.tail, 0.0f);
  }
  return buffer;
}

inline Values unpack(const GuardedBuffer& buffer, const ValueType& type, std::int64_t batch) {
  Values values(type, batch);
  const std::int64_t n = type.shape.elements();
  for (std::int64_t b = 0; b < batch; ++b) {
    const std::byte* sample = buffer.data() + static_cast<std::size_t>(b) * type.sample_bytes();
    if (type.dtype == DType::rows) {
      decode_rows(sample, type.layout().pixels(), type.layout().channels, type.bits,
                  values.data.data() + b * n);
      continue;
    }
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t at = element_offset(type, i);
      values.data[static_cast<std::size_t>(b * n + i)] =
          type.dtype == DType::u8 ? reinterpret_cast<const std::uint8_t*>(sample)[at]
                                  : reinterpret_cast<const float*>(sample)[at];
    }
  }
  return values;
}

/// Runs `step` on `inputs` of one batch; `threads` > 1 makes a thread pool.
inline Values run_step(const ops::Step& step, const std::vector<Values>& inputs, const ValueType& output,
                       int threads = 1) {
  const std::int64_t batch = inputs.at(0).batch;
  std::vector<GuardedBuffer> buffers;
  std::vector<ops::TensorArg> args;
  for (const Values& v : inputs) buffers.push_back(pack(v));
  for (std::size_t i = 0; i < inputs.size(); ++i) args.emplace_back(buffers[i].data(), &inputs[i].type);
  const GuardedBuffer out(static_cast<std::size_t>(batch) * output.sample_bytes());
  const GuardedBuffer scratch(step.scratch_bytes(batch, threads));
  const std::shared_ptr<Executor> pool = threads > 1 ? make_thread_pool(threads) : nullptr;
  step.run({batch, args, ops::TensorArg(out.data(), &output), scratch.data(),
            pool ? pool.get() : &serial_executor()});
  for (const GuardedBuffer& b : buffers) EXPECT_TRUE(b.intact()) << "the step wrote beside an input";
  EXPECT_TRUE(out.intact()) << "the step wrote beside its output";
  EXPECT_TRUE(scratch.intact()) << "the step wrote beside its scratch";
  return unpack(out, output, batch);
}

}  // namespace lowbit::testing
