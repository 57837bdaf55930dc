#include "tensor/noise.h"

#include <ATen/Parallel.h>

#include "base/status.h"
#include "tensor/noise_backend.h"

namespace zoetrope::tensor {
namespace {

constexpr int64_t kGrain = 4096;  // elements a thread takes at least: about 0.1 ms

template <NoiseKind kKind>
void fill_noise_cpu(at::Tensor& out, NoiseKey key, uint64_t first) {
  float* data = out.data_ptr<float>();
  at::parallel_for(0, out.numel(), kGrain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      data[i] = noise_at<kKind>(key, first + static_cast<uint64_t>(i));
    }
  });
}

template <NoiseKind kKind>
at::Tensor make_noise(at::IntArrayRef shape, NoiseKey key, uint64_t first, at::Device device) {
  at::Tensor out = at::empty(shape, at::TensorOptions().dtype(at::kFloat).device(device));
  if (device.is_cuda()) {
    fill_noise_cuda(kKind, out, key, first, nullptr);
  } else {
    fill_noise_cpu<kKind>(out, key, first);
  }
  return out;
}

template <NoiseKind kKind>
void fill_noise(at::Tensor& out, const at::Tensor& key) {
  if (out.scalar_type() != at::kFloat || !out.is_contiguous() || key.scalar_type() != at::kLong ||
      !key.is_contiguous() || key.numel() != 2 || key.device() != out.device()) {
    throw base::Error(base::StatusCode::kInvalidArgument,
                      "noise needs a contiguous fp32 output and an int64[2] key beside it, not " +
                          describe(out) + " and " + describe(key));
  }
  const auto* words = reinterpret_cast<const uint64_t*>(key.data_ptr<int64_t>());
  if (out.is_cuda()) {
    fill_noise_cuda(kKind, out, NoiseKey{}, 0, words);
  } else {
    fill_noise_cpu<kKind>(out, NoiseKey{words[0], words[1]}, 0);
  }
}

}  // namespace

at::Tensor gaussian_noise(at::IntArrayRef shape, uint64_t seed, uint64_t stream,
                          uint64_t first_index, at::Device device) {
  return make_noise<NoiseKind::kGaussian>(shape, {seed, stream}, first_index, device);
}

at::Tensor uniform_noise(at::IntArrayRef shape, uint64_t seed, uint64_t stream,
                         uint64_t first_index, at::Device device) {
  return make_noise<NoiseKind::kUniform>(shape, {seed, stream}, first_index, device);
}

void gaussian_noise_(at::Tensor& out, const at::Tensor& key) {
  fill_noise<NoiseKind::kGaussian>(out, key);
}

void uniform_noise_(at::Tensor& out, const at::Tensor& key) {
  fill_noise<NoiseKind::kUniform>(out, key);
}

}  // namespace zoetrope::tensor
