// SPDX-License-Identifier: Apache-2.0
// gemm on the caller's memory: what kernels cannot read or write where it lies is copied, a block of rows at
// a time, so that the working memory does not grow with the number of rows.
#include "lowbit/layers/gemm.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/refuse.h"
#include "layers/gather_codes.h"
#include "layers/gemm_checks.h"
#include "layers/output_stage.h"
#include "layers/packed_b.h"
#include "layers/scratch.h"
#include "lowbit/core/aligned_bytes.h"
#include "lowbit/runtime/detail/float_env.h"

namespace lowbit {
namespace {

// What a block of rows and its sums may take, and how many rows it has at least: each block reads all of B.
constexpr std::size_t kBlockBytes = 2 * 1024 * 1024;
constexpr std::size_t kMinBlockRows = 96;
// Rows that a thread finishes at a time.
constexpr std::int64_t kFinishRows = 16;

class Product {
 public:
  Product(const PackedB::State& b, const OutputStage& stage, const GemmResult& c, ElementType a_type,
          Executor& executor)
      : b_(b), stage_(stage), c_(c), type_(a_type), executor_(executor) {
    direct_c_ = stage.runs_in_epilogue() && c.col_stride == 1 && c.row_stride >= 0;
  }

  void run(const IntegerView& a, std::int32_t zero_point) {
    direct_a_ = a.type == ElementType::u8 && a.col_stride == 1 && a.cols % 4 == 0;
    zero_point_ = zero_point + (a.type == ElementType::i8 ? 128 : 0);
    in_blocks(a.rows, [&](std::int64_t first, std::int64_t rows, std::byte* memory) {
      const Parts parts = carve(memory, static_cast<std::size_t>(rows));
      kernels::GemmLhs lhs = lhs_of(parts, rows);
      if (direct_a_) {
        lhs.a = static_cast<const std::uint8_t*>(a.data) + first * a.row_stride;
        lhs.row_stride = a.row_stride;
      } else {
        gather_codes(a, first, rows, true, {parts.low, parts.high, row_bytes()}, executor_);
      }
      multiply(lhs, parts, first);
    });
  }

  void run(const MatrixView& a) {
    direct_a_ = a.col_stride == 1;
    in_blocks(a.rows, [&](std::int64_t first, std::int64_t rows, std::byte* memory) {
      const Parts parts = carve(memory, static_cast<std::size_t>(rows));
      kernels::GemmLhs lhs = lhs_of(parts, rows);
      if (direct_a_) {
        lhs.a = reinterpret_cast<const std::uint8_t*>(a.data + first * a.row_stride);
        lhs.row_stride = a.row_stride * static_cast<std::ptrdiff_t>(sizeof(float));
      } else {
        gather_floats(a, first, rows, reinterpret_cast<float*>(parts.low), row_bytes() / sizeof(float),
                      executor_);
      }
      multiply(lhs, parts, first);
    });
  }

 private:
  /// Working memory of a block; absent parts are null.
  struct Parts {
    std::uint8_t *low = nullptr, *high = nullptr;            // rows of A
    std::int32_t *sums = nullptr, *high_sums = nullptr;      // rows x n
    std::int32_t *row_sums = nullptr, *row_zeros = nullptr;  // [rows]
    std::size_t bytes = 0;
  };

  bool wide() const { return type_ == ElementType::i16; }
  std::size_t row_bytes() const { return align64(b_.weights.k() * (type_ == ElementType::f32 ? 4 : 1)); }

  Parts carve(std::byte* block, std::size_t rows) const {
    Scratch scratch(block);
    Parts p;
    if (!direct_a_) p.low = scratch.take<std::uint8_t>(rows * row_bytes());
    if (wide()) p.high = scratch.take<std::uint8_t>(rows * row_bytes());
    if (!direct_c_) p.sums = scratch.take<std::int32_t>(rows * b_.weights.n());
    if (wide()) p.high_sums = scratch.take<std::int32_t>(rows * b_.weights.n());
    if (!b_.weights.weight_zero_points().empty()) p.row_sums = scratch.take<std::int32_t>(rows);
    if (type_ != ElementType::f32 && b_.weights.groups() > 1) p.row_zeros = scratch.take<std::int32_t>(rows);
    p.bytes = scratch.used();
    return p;
  }

  template <class Block>
  void in_blocks(std::int64_t rows, const Block& block) {
    const auto all = static_cast<std::size_t>(rows);
    std::size_t count = all;
    if (!direct_a_ || !direct_c_) {
      const std::size_t one = carve(nullptr, 64).bytes / 64;
      count = std::min(all, std::max(kMinBlockRows, kBlockBytes / one / kMinBlockRows * kMinBlockRows));
    }
    const AlignedBytes memory = unfilled_bytes(carve(nullptr, count).bytes);
    const FloatEnvironmentGuard defaults;
    for (std::size_t first = 0; first < all; first += count)
      block(static_cast<std::int64_t>(first), static_cast<std::int64_t>(std::min(count, all - first)),
            memory.get());
  }

  kernels::GemmLhs lhs_of(const Parts& parts, std::int64_t rows) const {
    return {.a = parts.low,
            .rows = static_cast<std::size_t>(rows),
            .row_stride = static_cast<std::ptrdiff_t>(row_bytes())};
  }

  /// Row `first` of C is the block's first.
  void multiply(kernels::GemmLhs& lhs, const Parts& parts, std::int64_t first) {
    kernels::GemmOut out;
    if (direct_c_) {
      stage_.set_epilogue(out.epilogue);
      out.c = row_of_c(first);
      out.c_row_bytes = static_cast<std::size_t>(c_.row_stride) * element_bytes(c_.type, 1);
    } else {
      set_memory_epilogue(out.epilogue);
      out.c = parts.sums;
      out.c_row_bytes = b_.weights.n() * sizeof(std::int32_t);
    }
    product(lhs, parts, out);
    if (wide()) {
      out.c = parts.high_sums;
      lhs.a = parts.high;
      product(lhs, parts, out);
    }
    finish(parts, first, static_cast<std::int64_t>(lhs.rows));
  }

  /// Floats that lie in other memory than C's come finished; integers as sums.
  void set_memory_epilogue(kernels::Epilogue& epilogue) const {
    if (c_.type == ElementType::f32 && stage_.runs_in_epilogue()) {
      stage_.set_epilogue(epilogue);
    } else {
      stage_.set_sums(epilogue);
    }
  }

  void product(const kernels::GemmLhs& lhs, const Parts& parts, kernels::GemmOut& out) {
    if (parts.row_sums) {
      kernels::row_sums(lhs, b_.weights, parts.row_sums);
      out.epilogue.row_b = parts.row_sums;
      out.epilogue.col_b = b_.weights.weight_zero_points().data();
    }
    if (parts.row_zeros) {
      std::fill_n(parts.row_zeros, lhs.rows, zero_point_);
      out.epilogue.row_a = parts.row_zeros;
    }
    kernels::gemm(lhs, b_.weights, out, executor_);
  }

  void* row_of_c(std::int64_t row) const {
    const auto bytes = static_cast<std::ptrdiff_t>(element_bytes(c_.type, 1));
    return static_cast<std::byte*>(c_.data) + row * c_.row_stride * bytes;
  }

  /// From sums to C, or the sign bits of an s8 C.
  void finish(const Parts& parts, std::int64_t first, std::int64_t rows) {
    if (direct_c_ && c_.type != ElementType::i8) return;
    const std::int64_t pieces = (rows + kFinishRows - 1) / kFinishRows;
    auto piece = [&](int i) {
      const FloatEnvironmentGuard guard;
      const std::int64_t row = i * kFinishRows, count = std::min(kFinishRows, rows - row);
      if (direct_c_) {
        flip_signs(first + row, count);
      } else {
        write(parts, row, count, first + row);
      }
    };
    executor_.parallel_for(static_cast<int>(pieces), piece);
  }

  void flip_signs(std::int64_t first, std::int64_t rows) const {
    for (std::int64_t r = first; r < first + rows; ++r) {
      auto* row = static_cast<std::uint8_t*>(row_of_c(r));
      for (std::int64_t j = 0; j < c_.cols; ++j) row[j] = static_cast<std::uint8_t>(row[j] ^ 0x80);
    }
  }

  /// Rows [row, row + count) of a block, at row `to` of C.
  void write(const Parts& parts, std::int64_t row, std::int64_t count, std::int64_t to) const {
    const std::ptrdiff_t stride = b_.weights.n();
    if (c_.type == ElementType::f32 && stage_.runs_in_epilogue()) {
      const auto* from = reinterpret_cast<const float*>(parts.sums) + row * stride;
      auto* c = static_cast<float*>(row_of_c(to));
      for (std::int64_t i = 0; i < count; ++i)
        for (std::int64_t j = 0; j < c_.cols; ++j)
          c[i * c_.row_stride + j * c_.col_stride] = from[i * stride + j];
      return;
    }
    const SumBlock block{.low = parts.sums + row * stride,
                         .high = wide() ? parts.high_sums + row * stride : nullptr,
                         .rows = count,
                         .row_stride = stride};
    stage_.write(block, 0, c_.cols, row_of_c(to), c_.row_stride, c_.col_stride);
  }

  const PackedB::State& b_;
  const OutputStage& stage_;
  const GemmResult& c_;
  ElementType type_;
  Executor& executor_;
  bool direct_a_ = false, direct_c_ = false;
  std::int32_t zero_point_ = 0;
};

void check_a(const IntegerView& a, std::int32_t zero_point) {
  if (a.packed_4_bits ||
      (a.type != ElementType::u8 && a.type != ElementType::i8 && a.type != ElementType::i16))
    refuse(fmt::format("A of {} is not of u8, i8 or i16", a.packed_4_bits ? "4 bits" : element_name(a.type)));
  check_zero_point(a.type, zero_point);
}

void check_act(const PackedB::State& b, kernels::ActType act) {
  if (b.weights.kernel().act != act)
    refuse(act == kernels::ActType::u8 ? "A is of integers, and B was packed for floats"
                                       : "A is of floats, and B was packed for integers");
}

void check_packed(const GemmOptions& o) {
  if (!o.b_zero_points.empty()) refuse("b_zero_points are given when B is packed");
}

}  // namespace

void gemm(const IntegerView& a, const PackedB& b, const GemmResult& c, const GemmOptions& options) {
  const PackedB::State& state = b.state();
  check_packed(options);
  check_a(a, options.a_zero_point);
  check_act(state, kernels::ActType::u8);
  check_product(memory_of(a), b.k(), b.n(), memory_of(c));
  check_apart(memory_of(a), "A", memory_of(c));
  if (a.type == ElementType::i16 && state.weights.groups() > 1)
    refuse("A of 16 bits does not go with a B of several scales in a row");
  const OutputStage stage(terms_of(options), b.n(), c.type,
                          {.type = a.type,
                           .zero_point = options.a_zero_point,
                           .column_sums = state.weights.column_sums(),
                           .column_scales = state.column_scales});
  if (c.rows == 0) return;
  Product(state, stage, c, a.type, options.executor ? *options.executor : serial_executor())
      .run(a, options.a_zero_point);
}

void gemm(const IntegerView& a, const IntegerView& b, const GemmResult& c, const GemmOptions& options) {
  check_product(memory_of(a), b.rows, b.cols, memory_of(c));
  check_apart(memory_of(b), "B", memory_of(c));
  if (c.rows == 0 || c.cols == 0) return;
  GemmOptions packed = options;
  packed.b_zero_points = {};
  gemm(a, PackedB(b, {.zero_points = options.b_zero_points, .isa = options.isa}), c, packed);
}

void gemm(const MatrixView& a, const PackedB& b, const GemmResult& c, const GemmOptions& options) {
  const PackedB::State& state = b.state();
  check_packed(options);
  check_act(state, kernels::ActType::f32);
  check_product(memory_of(a), b.k(), b.n(), memory_of(c));
  check_apart(memory_of(a), "A", memory_of(c));
  if (c.type != ElementType::f32)
    refuse(fmt::format("C of {} is not what A of floats gives, f32", element_name(c.type)));
  if (options.a_zero_point != 0) refuse("a_zero_point is for an A of integers");
  const OutputStage stage(terms_of(options), b.n(), c.type,
                          {.type = ElementType::f32, .column_scales = state.column_scales});
  if (c.rows == 0) return;
  Product(state, stage, c, ElementType::f32, options.executor ? *options.executor : serial_executor()).run(a);
}

void gemm(const MatrixView& a, const QuantizedMatrix& b, const GemmResult& c, const GemmOptions& options) {
  gemm(a, PackedB(b, kernels::ActType::f32, options.isa), c, options);
}

}  // namespace lowbit
