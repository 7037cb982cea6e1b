// SPDX-License-Identifier: Apache-2.0
// Matrices are gathered from wherever the layout has them (a sample of three dimensions lies with the first
// one innermost), the second one transposed, which is how the fp32 kernel reads it, multiplied, and scattered
// again.
#include "fp32/fp32_kernel.h"
#include "layers/matmul_steps.h"

namespace lowbit::ops {
namespace {

void gather(const Matrices& m, const float* from, float* to) {
  for (std::int64_t r = 0; r < m.rows; ++r)
    for (std::int64_t c = 0; c < m.cols; ++c) *to++ = from[r * m.row_stride + c * m.col_stride];
}
void gather_transposed(const Matrices& m, const float* from, float* to) {
  for (std::int64_t c = 0; c < m.cols; ++c)
    for (std::int64_t r = 0; r < m.rows; ++r) *to++ = from[r * m.row_stride + c * m.col_stride];
}
void scatter(const Matrices& m, const float* from, float* to) {
  for (std::int64_t r = 0; r < m.rows; ++r)
    for (std::int64_t c = 0; c < m.cols; ++c) to[r * m.row_stride + c * m.col_stride] = *from++;
}

class MatMulFp32 final : public Step {
 public:
  explicit MatMulFp32(const StepSpec& spec) : kernel_(fp32::fp32_kernel(spec.isa)), products_(spec) {}

  std::size_t scratch_bytes(std::int64_t, int) const override {
    const auto product =
        static_cast<std::size_t>(kernel_.gemm_scratch(products_.a.rows, products_.b.cols, products_.a.cols));
    return (padded(products_.a) + padded(products_.b) + padded(products_.out) + product) * sizeof(float);
  }

  void run(const StepArgs& args) const noexcept override {
    const auto& [a, b, out, shape, count] = products_;
    auto* left = reinterpret_cast<float*>(args.scratch);
    float *right = left + padded(a), *result = right + padded(b), *scratch = result + padded(out);
    for (std::int64_t s = 0; s < args.batch; ++s)
      for (std::int64_t i = 0; i < count; ++i) {
        gather(a, args.inputs[0].sample<const float>(s) + products_.offset(a, i), left);
        gather_transposed(b, args.inputs[1].sample<const float>(s) + products_.offset(b, i), right);
        multiply(left, right, result, scratch);
        scatter(out, result, args.output.sample<float>(s) + products_.offset(out, i));
      }
  }
  std::string kernel() const override { return kernel_.name; }

 private:
  /// Floats of a matrix, in whole cache lines.
  static std::size_t padded(const Matrices& m) {
    return static_cast<std::size_t>(round_up(m.rows * m.cols, 16));
  }

  void multiply(const float* a, const float* b, float* out, float* scratch) const {
    fp32::GemmArgs g;
    g.m = products_.a.rows, g.n = products_.b.cols, g.k = products_.a.cols;
    g.a = a, g.a_stride = g.k;
    g.w = b, g.w_stride = g.k;
    g.c = out, g.c_stride = g.n;
    g.lo = Activation{}.lo, g.hi = Activation{}.hi;
    g.scratch = scratch;
    kernel_.gemm(g);
  }

  const fp32::Fp32Kernel& kernel_;
  MatrixProducts products_;
};

}  // namespace

std::unique_ptr<Step> make_matmul_fp32(const StepSpec& spec) {
  return std::make_unique<MatMulFp32>(spec);
}

}  // namespace lowbit::ops
