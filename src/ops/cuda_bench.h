// What the parts of ops_cuda_bench share.
#pragma once

#include <functional>

namespace zoetrope::ops {

// Milliseconds on the GPU, as a CUDA graph, with the 50 MB cache flushed before every run.
double median_ms(const std::function<void()>& body);

void bench_attention();  // attention_cuda_bench.cpp
void bench_linear();     // linear_cuda_bench.cpp
void bench_rows();       // row_cuda_bench.cpp

}  // namespace zoetrope::ops
