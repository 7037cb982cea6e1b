// SPDX-License-Identifier: Apache-2.0
#include "onednn_gemm.h"

#ifdef LOWBIT_BENCH_ONEDNN
#include <omp.h>

#include <cstdint>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <vector>
#endif

namespace lowbit::bench {
#ifdef LOWBIT_BENCH_ONEDNN
namespace {

using dnnl::memory;

class OneDnnGemm {
 public:
  OneDnnGemm(memory::dim m, const kernels::WeightSpec& w, std::size_t copies)
      : a_(static_cast<std::size_t>(m) * w.k, 127), c_(static_cast<std::size_t>(m) * w.n), bias_(w.n, 0.5f) {
    const memory::dim n = w.n, k = w.k;
    const memory::desc a({m, k}, memory::data_type::u8, memory::format_tag::ab);
    const memory::desc c({m, n}, memory::data_type::u8, memory::format_tag::ab);
    const memory::desc bias({1, n}, memory::data_type::f32, memory::format_tag::ab);
    const memory::desc any({k, n}, memory::data_type::s8, memory::format_tag::any);
    const memory::desc rows({k, n}, memory::data_type::s8, memory::format_tag::ba);
    dnnl::primitive_attr attributes;
    attributes.set_output_scales(1 << 1, std::vector<float>(w.n, 1e-4f));
    const dnnl::matmul::primitive_desc description({a, any, bias, c}, attributes, engine_);
    matmul_ = dnnl::matmul(description);
    memory source(rows, engine_, const_cast<std::uint8_t*>(w.codes));
    for (std::size_t i = 0; i < copies; ++i) {
      memory packed(description.weights_desc(), engine_);
      dnnl::reorder(source, packed).execute(stream_, source, packed);
      arguments_.push_back({{DNNL_ARG_SRC, memory(a, engine_, a_.data())},
                            {DNNL_ARG_WEIGHTS, packed},
                            {DNNL_ARG_BIAS, memory(bias, engine_, bias_.data())},
                            {DNNL_ARG_DST, memory(c, engine_, c_.data())}});
    }
    stream_.wait();
  }

  void run() {
    matmul_.execute(stream_, arguments_[next_]);
    stream_.wait();
    next_ = (next_ + 1) % arguments_.size();
  }

 private:
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  dnnl::matmul matmul_;
  std::vector<std::uint8_t> a_, c_;
  std::vector<float> bias_;
  std::vector<std::unordered_map<int, memory>> arguments_;
  std::size_t next_ = 0;
};

}  // namespace

Task onednn_gemm(std::uint32_t m, const kernels::WeightSpec& weights, std::size_t copies) {
  omp_set_num_threads(1);
  const auto product = std::make_shared<OneDnnGemm>(m, weights, copies);
  return [product] { product->run(); };
}
#else
Task onednn_gemm(std::uint32_t, const kernels::WeightSpec&, std::size_t) {
  return {};
}
#endif

}  // namespace lowbit::bench
