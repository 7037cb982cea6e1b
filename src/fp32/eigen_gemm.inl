// SPDX-License-Identifier: Apache-2.0
// Eigen's matrix product without its heap: Eigen packs both sides into buffers that it allocates unless the
// blocking object brings them, so this one brings them from the caller's scratch.

class ScratchBlocking : public Eigen::internal::level3_blocking<float, float> {
 public:
  ScratchBlocking(Eigen::Index rows, Eigen::Index cols, Eigen::Index depth, float* scratch) {
    m_mc = rows;
    m_nc = cols;
    m_kc = depth;
    Eigen::internal::computeProductBlockingSizes<float, float>(m_kc, m_mc, m_nc, Eigen::Index(1));
    m_blockA = scratch;
    if (scratch) m_blockB = scratch + a_size();
  }
  std::int64_t a_size() const { return (m_mc * m_kc + 15) / 16 * 16; }
  std::int64_t size() const { return a_size() + m_kc * m_nc; }
};

// C row-major is C^T column-major: the weights are the left side, the activations the right.
std::int64_t gemm_scratch(std::int64_t m, std::int64_t n, std::int64_t k) {
  return m <= 1 ? 0 : ScratchBlocking(n, m, k, nullptr).size();
}

void finish_row(float* c, std::int64_t n, const float* bias, float lo, float hi) {
  for (std::int64_t i = 0; i < n; ++i) {
    float x = bias ? c[i] + bias[i] : c[i];
    x = x < lo ? lo : x;
    c[i] = x > hi ? hi : x;
  }
}

void gemm(const GemmArgs& g) {
  using Eigen::Dynamic;
  for (std::int64_t r = 0; r < g.m; ++r)
    for (std::int64_t i = 0; i < g.n; ++i) g.c[r * g.c_stride + i] = 0.0f;
  if (g.m == 1) {
    using Weights = Eigen::Matrix<float, Dynamic, Dynamic, Eigen::RowMajor>;
    const Eigen::Map<const Weights, 0, Eigen::OuterStride<>> w(g.w, g.n, g.k,
                                                               Eigen::OuterStride<>(g.w_stride));
    const Eigen::Map<const Eigen::VectorXf> x(g.a, g.k);
    Eigen::Map<Eigen::VectorXf>(g.c, g.n).noalias() += w * x;
  } else if (g.m > 1) {
    ScratchBlocking blocking(g.n, g.m, g.k, g.scratch);
    using Product =
        Eigen::internal::general_matrix_matrix_product<Eigen::Index, float, Eigen::RowMajor, false, float,
                                                       Eigen::ColMajor, false, Eigen::ColMajor, 1>;
    Product::run(g.n, g.m, g.k, g.w, g.w_stride, g.a, g.a_stride, g.c, 1, g.c_stride, 1.0f, blocking);
  }
  for (std::int64_t r = 0; r < g.m; ++r) finish_row(g.c + r * g.c_stride, g.n, g.bias, g.lo, g.hi);
}
