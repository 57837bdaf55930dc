// Operations on meta tensors that LibTorch alone lacks: torch has them in Python. Each allocates
// what its CUDA form does (torch 2.11, aten/src/ATen/native/cuda), and computes nothing.
#pragma once

namespace zoetrope::tensor {

// Once in a process, before the first use.
void register_meta_kernels();

}  // namespace zoetrope::tensor
