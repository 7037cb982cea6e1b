// SPDX-License-Identifier: Apache-2.0
// gemm: C = A * B on memory of the caller's own, in any layout, without padding. For programs that have
// matrices of integers (or floats and quantized weights) and want a product, not a layer: what gemmlowp,
// FBGEMM, oneDNN and XNNPACK are called for. The kernels are those of the layers; docs/gemm.md says what each
// layout costs, and has the calls of the other libraries beside these.
//
//   lowbit::gemm({a, m, k}, {b, k, n}, {c, m, n});                      // u8 or s8 times s8, to s32
//
//   A              B                     C
//   u8, s8         u8, s8, 4 bits        s32, s64: sums; u8, s8, s16, s32: requantized; f32: scaled
//   s16            the same              s64: sums; u8, s8, s16, s32: requantized; f32: scaled
//   u8, s8         a QuantizedMatrix     f32; where a row has one scale, all of the above
//   f32            a QuantizedMatrix     f32
//
// What is summed up is (a - a_zero_point) * (b - b_zero_point), exactly; the bits of C are the same on every
// CPU and with any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>

#include "lowbit/core/element_type.h"
#include "lowbit/core/view.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/kernels/gemm_kernel.h"
#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/quant/requantize.h"
#include "lowbit/runtime/executor.h"

namespace lowbit {

/// A strided rows x cols matrix of integers that is read. Element (r, c) is data[r * row_stride + c *
/// col_stride]; a stride may be negative or 0.
struct IntegerView {
  const void* data = nullptr;
  ElementType type = ElementType::u8;  ///< u8, i8 or i16
  bool packed_4_bits = false;          ///< two elements a byte, low bits first; strides still count elements
  std::int64_t rows = 0, cols = 0;
  std::ptrdiff_t row_stride = 0, col_stride = 1;

  IntegerView() = default;
  /// Row-major and contiguous.
  IntegerView(const std::uint8_t* p, std::int64_t r, std::int64_t c) : IntegerView(p, r, c, c, 1) {}
  IntegerView(const std::int8_t* p, std::int64_t r, std::int64_t c) : IntegerView(p, r, c, c, 1) {}
  IntegerView(const std::int16_t* p, std::int64_t r, std::int64_t c) : IntegerView(p, r, c, c, 1) {}
  /// Column-major with a leading dimension ld: row stride 1, column stride ld.
  IntegerView(const std::uint8_t* p, std::int64_t r, std::int64_t c, std::ptrdiff_t rs, std::ptrdiff_t cs)
      : IntegerView(p, ElementType::u8, r, c, rs, cs) {}
  IntegerView(const std::int8_t* p, std::int64_t r, std::int64_t c, std::ptrdiff_t rs, std::ptrdiff_t cs)
      : IntegerView(p, ElementType::i8, r, c, rs, cs) {}
  IntegerView(const std::int16_t* p, std::int64_t r, std::int64_t c, std::ptrdiff_t rs, std::ptrdiff_t cs)
      : IntegerView(p, ElementType::i16, r, c, rs, cs) {}
  IntegerView(const void* p, ElementType element, std::int64_t r, std::int64_t c, std::ptrdiff_t rs,
              std::ptrdiff_t cs)
      : data(p), type(element), rows(r), cols(c), row_stride(rs), col_stride(cs) {}

  /// Numbers of 4 bits, -8 to 7 if signed, else 0 to 15. Rows need not start at a byte.
  static IntegerView of_4_bits(const void* bytes, bool is_signed, std::int64_t r, std::int64_t c,
                               std::ptrdiff_t rs, std::ptrdiff_t cs) {
    IntegerView v(bytes, is_signed ? ElementType::i8 : ElementType::u8, r, c, rs, cs);
    v.packed_4_bits = true;
    return v;
  }
  /// The same memory, cols x rows.
  IntegerView transposed() const {
    IntegerView v(data, type, cols, rows, col_stride, row_stride);
    v.packed_4_bits = packed_4_bits;
    return v;
  }
};

/// A strided rows x cols matrix that is written: s32, u8, s8, s16, s64 or f32.
struct GemmResult {
  void* data = nullptr;
  ElementType type = ElementType::i32;
  std::int64_t rows = 0, cols = 0;
  std::ptrdiff_t row_stride = 0, col_stride = 1;

  GemmResult() = default;
  template <class T>
  GemmResult(T* p, std::int64_t r, std::int64_t c) : GemmResult(p, r, c, c, 1) {}
  template <class T>
  GemmResult(T* p, std::int64_t r, std::int64_t c, std::ptrdiff_t rs, std::ptrdiff_t cs)
      : data(p), type(type_of(p)), rows(r), cols(c), row_stride(rs), col_stride(cs) {}

  GemmResult transposed() const {
    GemmResult v = *this;
    v.rows = cols, v.cols = rows, v.row_stride = col_stride, v.col_stride = row_stride;
    return v;
  }

 private:
  static constexpr ElementType type_of(const std::int32_t*) { return ElementType::i32; }
  static constexpr ElementType type_of(const std::uint8_t*) { return ElementType::u8; }
  static constexpr ElementType type_of(const std::int8_t*) { return ElementType::i8; }
  static constexpr ElementType type_of(const std::int16_t*) { return ElementType::i16; }
  static constexpr ElementType type_of(const std::int64_t*) { return ElementType::i64; }
  static constexpr ElementType type_of(const float*) { return ElementType::f32; }
};

/// The right-hand side of products, packed once for the kernel of this machine. A value; copies share it.
class PackedB {
 public:
  struct Options {
    std::span<const std::int32_t> zero_points{};  ///< none, one, or one for each column
    Isa isa = active_isa();                       ///< kernels may use this much
  };

  /// K x N integers of 8 or 4 bits. Throws Error(invalid_argument) naming B for what cannot be: no memory, a
  /// dimension of 0, 16 bits, zero points that are none of the codes; K above 65,536 (33,025 with zero points
  /// that, taken from the codes, leave more than 8 bits): sums would not fit 32 bits.
  explicit PackedB(const IntegerView& b) : PackedB(b, Options{}) {}
  PackedB(const IntegerView& b, const Options& options);
  /// Quantized weights, N x K as everywhere in the library. `act`: what A will be, u8 for all integers of 8
  /// and 16 bits. Throws as EffectiveWeights does; 16-bit A and several scales in a row do not go together.
  PackedB(const QuantizedMatrix& weights, kernels::ActType act, Isa isa = active_isa());

  std::int64_t k() const;
  std::int64_t n() const;
  /// "s8/avx512vnni"
  const char* kernel() const;
  std::size_t bytes() const;

  struct State;
  const State& state() const { return *state_; }

 private:
  std::shared_ptr<const State> state_;
};

/// What is added to the sums and done to them. At most one of `requantization`, `fixed_point` and `scales`.
/// Spans have one element, or one for each column; biases one for each column. They are read during the call.
struct GemmOptions {
  std::int32_t a_zero_point = 0;                  ///< one of the values that A can have
  std::span<const std::int32_t> b_zero_points{};  ///< of a B that is not packed yet
  std::span<const std::int32_t> bias{};           ///< added to sums, which are modulo 2^32 with 8-bit A
  std::span<const std::int64_t> wide_bias{};      ///< with 16-bit A: magnitudes below 2^46
  /// To u8, s8, s16, s32 by a float multiplier.
  std::span<const Requantization> requantization{};
  /// The same by integers, as TensorFlow Lite.
  std::span<const FixedPointRequantization> fixed_point{};
  /// To f32: C = sum * scale + float_bias; scales of a QuantizedMatrix come on top.
  std::span<const float> scales{};
  std::span<const float> float_bias{};
  float lo = -std::numeric_limits<float>::infinity();  ///< limits of f32
  float hi = std::numeric_limits<float>::infinity();
  Executor* executor = nullptr;  ///< null: the calling thread
  Isa isa = active_isa();        ///< for a B that is not packed yet
};

/// C = f(A * B). Throws, before anything is written, Error(shape_mismatch) naming A, B, C or the option of
/// another size, Error(invalid_argument) naming what cannot be: no memory, C over A or B or over itself,
/// types that do not go together; std::bad_alloc for its working memory. Without rows or columns in C it does
/// nothing.
void gemm(const IntegerView& a, const PackedB& b, const GemmResult& c, const GemmOptions& options = {});
/// Packs B on the way: for products that are done once.
void gemm(const IntegerView& a, const IntegerView& b, const GemmResult& c, const GemmOptions& options = {});
/// Floats times quantized weights, to f32. Products are fused multiply-adds in order of K.
void gemm(const MatrixView& a, const PackedB& b, const GemmResult& c, const GemmOptions& options = {});
void gemm(const MatrixView& a, const QuantizedMatrix& b, const GemmResult& c,
          const GemmOptions& options = {});

}  // namespace lowbit
