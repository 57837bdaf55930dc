#include "tensor/device.h"

#include <unistd.h>

#include <charconv>
#include <fstream>

#include "tensor/device_backend.h"

namespace zoetrope::tensor {
namespace {

bool cpu_has_bf16() { return __builtin_cpu_supports("avx512bf16") != 0; }

std::string cpu_name() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (line.starts_with("model name")) {
      const size_t colon = line.find(": ");
      if (colon != std::string::npos) return line.substr(colon + 2);
    }
  }
  return "unknown processor";
}

std::string describe_cpu() {
  const double gib = static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                     static_cast<double>(sysconf(_SC_PAGESIZE)) / (1024.0 * 1024.0 * 1024.0);
  char memory[32];
  snprintf(memory, sizeof(memory), "%.1f GiB", gib);
  const char* vector = __builtin_cpu_supports("avx512f") ? "AVX-512"
                       : __builtin_cpu_supports("avx2")  ? "AVX2"
                                                         : "no AVX2";
  return cpu_name() + ", " + std::to_string(sysconf(_SC_NPROCESSORS_ONLN)) + " threads, " + memory +
         ", " + vector + (cpu_has_bf16() ? ", bf16" : ", no bf16");
}

base::Result<at::Device> cuda_device(int index, std::string_view text) {
  const int count = cuda_device_count();
  if (index < count) return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
  return base::Status(base::StatusCode::kFailedPrecondition,
                      "device '" + std::string(text) + "': this machine offers " +
                          (count == 0 ? "no usable GPU" : std::to_string(count) + " GPU(s)"));
}

}  // namespace

base::Result<at::Device> parse_device(std::string_view text) {
  if (text == "cpu") return at::Device(at::kCPU);
  if (text == "auto")
    return cuda_device_count() > 0 ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  if (text == "cuda") return cuda_device(0, text);
  if (text.starts_with("cuda:")) {
    const std::string_view digits = text.substr(5);
    unsigned index = 0;
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), index);
    if (error == std::errc() && end == digits.end() && index <= 127) {
      return cuda_device(static_cast<int>(index), text);
    }
  }
  return base::invalid_argument("device '" + std::string(text) +
                                "': expected cpu, cuda, cuda:N or auto");
}

base::Result<at::ScalarType> parse_dtype(std::string_view text) {
  if (text == "fp32") return at::ScalarType::Float;
  if (text == "bf16") return at::ScalarType::BFloat16;
  if (text == "fp16") return at::ScalarType::Half;
  return base::invalid_argument("dtype '" + std::string(text) + "': expected fp32, bf16 or fp16");
}

std::string dtype_name(at::ScalarType dtype) {
  switch (dtype) {
    case at::ScalarType::Float:
      return "fp32";
    case at::ScalarType::BFloat16:
      return "bf16";
    case at::ScalarType::Half:
      return "fp16";
    default:
      return c10::toString(dtype);
  }
}

at::ScalarType default_dtype(at::Device device) {
  const bool bf16 = device.is_cuda() || cpu_has_bf16();
  return bf16 ? at::ScalarType::BFloat16 : at::ScalarType::Float;
}

std::string describe_device(at::Device device) {
  return device.is_cuda() ? describe_cuda_device(device.index()) : describe_cpu();
}

void synchronize(at::Device device) {
  if (device.is_cuda()) synchronize_cuda_device(device.index());
}

}  // namespace zoetrope::tensor
