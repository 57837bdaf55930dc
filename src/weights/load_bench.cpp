// How fast weights reach a GPU: `weights_load_bench [GiB] [FOLDER]` writes a checkpoint of shards
// into the folder (/tmp), loads it three times from the page cache and once after asking the system
// to forget it, and deletes it. GB/s of the file, by wall clock, until the device has everything.
#include <ATen/ATen.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tensor/device.h"
#include "weights/checkpoint.h"
#include "weights/tensor_io.h"

namespace {

namespace fs = std::filesystem;
namespace weights = zoetrope::weights;

constexpr int64_t kRows = 12288, kColumns = 3072;  // 72 MiB in bf16
constexpr int kLayersPerShard = 28;

int write_shards(const fs::path& folder, double gib) {
  const double layer = kRows * (kColumns + 1.0) * 2;
  const int layers = static_cast<int>(gib * (1 << 30) / layer) + 1;
  nlohmann::json map;
  for (int first = 0; first < layers; first += kLayersPerShard) {
    const std::string file = "model-" + std::to_string(first) + ".safetensors";
    weights::ParameterMap tensors;
    for (int i = first; i < std::min(layers, first + kLayersPerShard); ++i) {
      const std::string name = "layers." + std::to_string(i);
      tensors[name + ".weight"] = at::ones({kRows, kColumns}, at::kBFloat16);
      tensors[name + ".bias"] = at::ones({kRows}, at::kBFloat16);
      map[name + ".weight"] = map[name + ".bias"] = file;
    }
    const auto status = weights::save_tensors(folder / file, tensors);
    if (!status.ok()) throw zoetrope::base::Error(status);
  }
  std::ofstream(folder / "model.safetensors.index.json") << nlohmann::json{{"weight_map", map}};
  return layers;
}

// Written pages leave the cache once they are on the disk.
void forget(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const int file = ::open(entry.path().c_str(), O_RDONLY);
    ::fsync(file);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
  }
}

void load(const fs::path& folder, int layers, at::ScalarType dtype) {
  const at::Device device(at::kCUDA, 0);
  const auto begin = std::chrono::steady_clock::now();
  weights::CheckpointSource source(weights::Checkpoint::open(folder).value_or_throw(), dtype,
                                   device);
  std::vector<at::Tensor> held;
  for (int i = 0; i < layers; ++i) {
    const std::string name = "layers." + std::to_string(i);
    held.push_back(source.take(name + ".weight", {kRows, kColumns}, {}));
    held.push_back(source.take(name + ".bias", {kRows}, {}));
  }
  zoetrope::tensor::synchronize(device);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  const auto bytes = static_cast<double>(source.checkpoint().total_bytes());
  std::printf("to %s: %.2f GB in %.2f s, %.1f GB/s\n", at::toString(dtype), bytes * 1e-9,
              taken.count(), bytes * 1e-9 / taken.count());
}

}  // namespace

int main(int argc, char** argv) {
  if (zoetrope::tensor::cuda_device_count() == 0) {
    std::printf("no GPU in this machine: nothing measured\n");
    return 0;
  }
  const double gib = argc > 1 ? std::atof(argv[1]) : 8;
  const fs::path folder =
      fs::path(argc > 2 ? argv[2] : "/tmp") / ("zoetrope_load_bench." + std::to_string(getpid()));
  fs::create_directories(folder);
  const int layers = write_shards(folder, gib);
  for (int i = 0; i < 3; ++i) load(folder, layers, at::kBFloat16);
  load(folder, layers, at::kHalf);  // converted on the device
  forget(folder);
  std::printf("cold, ");
  load(folder, layers, at::kBFloat16);
  fs::remove_all(folder);
  return 0;
}
