// Matrices are gathered from wherever the layout has them (a sample of three dimensions lies with the first
// one innermost), the second one transposed, which is how the fp32 kernel reads it, multiplied, and scattered
// again.
#include "lowbit/layers/matmul.h"

#include <fmt/format.h>

#include <algorithm>

#include "fp32/fp32_kernel.h"
#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

/// Where the matrices of a value lie: strides of the leading axes of the output, of rows and of columns.
struct Matrices {
  std::array<std::int64_t, Shape::kMaxRank - 2> leading{};
  std::int64_t rows = 1, cols = 1, row_stride = 0, col_stride = 0;

  Matrices() = default;
  Matrices(const ValueType& type, const Shape& out) {
    const Box box(type);
    const int rank = type.shape.rank();
    rows = type.shape[rank - 2], cols = type.shape[rank - 1];
    row_stride = box.stride[memory_axis(rank, rank - 2)];
    col_stride = box.stride[memory_axis(rank, rank - 1)];
    for (int axis = 0; axis < rank - 2; ++axis)
      leading[static_cast<std::size_t>(axis)] =
          type.shape[axis] == 1 && out[axis] != 1 ? 0 : box.stride[memory_axis(rank, axis)];
  }

  void gather(const float* from, float* to) const {
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < cols; ++c) *to++ = from[r * row_stride + c * col_stride];
  }
  void gather_transposed(const float* from, float* to) const {
    for (std::int64_t c = 0; c < cols; ++c)
      for (std::int64_t r = 0; r < rows; ++r) *to++ = from[r * row_stride + c * col_stride];
  }
  void scatter(const float* from, float* to) const {
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < cols; ++c) to[r * row_stride + c * col_stride] = *from++;
  }
};

class MatMulStep final : public Step {
 public:
  explicit MatMulStep(const StepSpec& spec)
      : kernel_(fp32::fp32_kernel(spec.isa)),
        a_(*spec.inputs[0], spec.output->shape),
        b_(*spec.inputs[1], spec.output->shape),
        out_(*spec.output, spec.output->shape),
        shape_(spec.output->shape) {
    for (int axis = 0; axis < shape_.rank() - 2; ++axis) count_ *= shape_[axis];
  }

  std::size_t scratch_bytes(std::int64_t, int) const override {
    return (padded(a_) + padded(b_) + padded(out_)) * sizeof(float) +
           static_cast<std::size_t>(kernel_.gemm_scratch(a_.rows, b_.cols, a_.cols)) * sizeof(float);
  }

  void run(const StepArgs& args) const noexcept override {
    auto* a = reinterpret_cast<float*>(args.scratch);
    float *b = a + padded(a_), *out = b + padded(b_), *scratch = out + padded(out_);
    for (std::int64_t s = 0; s < args.batch; ++s)
      for (std::int64_t i = 0; i < count_; ++i) {
        a_.gather(args.inputs[0].sample<const float>(s) + offset(a_, i), a);
        b_.gather_transposed(args.inputs[1].sample<const float>(s) + offset(b_, i), b);
        multiply(a, b, out, scratch);
        out_.scatter(out, args.output.sample<float>(s) + offset(out_, i));
      }
  }

  std::string kernel() const override { return kernel_.name; }

 private:
  /// Floats of a matrix, in whole cache lines.
  static std::size_t padded(const Matrices& m) {
    return static_cast<std::size_t>(round_up(m.rows * m.cols, 16));
  }

  std::int64_t offset(const Matrices& m, std::int64_t i) const {
    std::int64_t at = 0;
    for (int axis = shape_.rank() - 3; axis >= 0; --axis) {
      at += i % shape_[axis] * m.leading[static_cast<std::size_t>(axis)];
      i /= shape_[axis];
    }
    return at;
  }

  void multiply(const float* a, const float* b, float* out, float* scratch) const {
    fp32::GemmArgs g;
    g.m = a_.rows, g.n = b_.cols, g.k = a_.cols;
    g.a = a, g.a_stride = a_.cols;
    g.w = b, g.w_stride = a_.cols;
    g.c = out, g.c_stride = b_.cols;
    g.lo = Activation{}.lo, g.hi = Activation{}.hi;
    g.scratch = scratch;
    kernel_.gemm(g);
  }

  const fp32::Fp32Kernel& kernel_;
  Matrices a_, b_, out_;
  Shape shape_;
  std::int64_t count_ = 1;  ///< products of a sample
};

}  // namespace

Shape infer_shape(const MatMulOp&, std::span<const Shape> inputs) {
  require_inputs(inputs, 2, MatMulOp::kName);
  const Shape &a = inputs[0], &b = inputs[1];
  const int rank = a.rank();
  bool fits = rank >= 2 && b.rank() == rank && a[rank - 1] == b[rank - 2];
  std::vector<std::int64_t> dims;
  for (int axis = 0; fits && axis < rank - 2; ++axis) {
    fits = a[axis] == b[axis] || a[axis] == 1 || b[axis] == 1;
    dims.push_back(a[axis] == 1 ? b[axis] : a[axis]);
  }
  if (!fits)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("MatMul: {} cannot be multiplied by {}", a.to_string(), b.to_string()));
  dims.push_back(a[rank - 2]);
  dims.push_back(b[rank - 1]);
  return Shape(dims);
}

std::unique_ptr<Step> make_step(const MatMulOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  if (require_same_dtype(spec, MatMulOp::kName) != DType::f32)
    throw Error(ErrorCode::unsupported, "MatMul of two values computes on f32 values only");
  return std::make_unique<MatMulStep>(spec);
}

}  // namespace lowbit::ops
