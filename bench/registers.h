// SPDX-License-Identifier: Apache-2.0
// The parts of lowbit_bench: each adds its benchmarks to Google Benchmark's list.
#pragma once

namespace lowbit::bench {

void register_peak_benchmarks();
void register_gemm_benchmarks();
void register_gemm_call_benchmarks();
void register_linear_benchmarks();
void register_attention_benchmarks();
void register_pack_benchmarks();
void register_quantize_benchmarks();
void register_thread_benchmarks();
void register_elementwise_benchmarks();
void register_depthwise_benchmarks();
void register_observe_benchmarks();

}  // namespace lowbit::bench
