#include "ops/matmul_choice.h"

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <array>
#include <compare>
#include <limits>
#include <map>
#include <mutex>
#include <vector>

#include "tensor/graph_capture.h"

namespace zoetrope::ops::cublaslt {
namespace {

using at::Tensor;
using kernels::Matmul;
using kernels::MatmulAlgorithm;
using kernels::MatmulType;
using Choice = std::optional<MatmulAlgorithm>;

// Rows of a trial for up to 64 rows, up to 1024, and more.
constexpr std::array<int64_t, 3> kTrialRows = {32, 512, 4096};
constexpr std::array<int64_t, 2> kMostRows = {64, 1024};
constexpr int64_t kManyRows = kTrialRows.back();
constexpr int64_t kComparedRows = 512;
constexpr int64_t kFewRows = 4;
constexpr int kTimedRuns = 3;

struct Kind {
  int device;
  MatmulType type;
  int64_t n, k;
  bool bias, residual, gelu, fast;
  auto operator<=>(const Kind&) const = default;
};

struct Choices {
  Choice sets_bytes;
  std::array<Choice, kTrialRows.size()> by_rows;
};

size_t range_of(int64_t rows) {
  return static_cast<size_t>(
      std::count_if(kMostRows.begin(), kMostRows.end(), [&](int64_t most) { return rows > most; }));
}

// Runs a product on made-up rows: what it does must not depend on a request.
class Trial {
 public:
  Trial(cublasLtHandle_t handle, const Matmul& p) : handle_(handle), p_(p) {
    const auto floats = at::TensorOptions(at::kCUDA).dtype(at::kFloat);
    const at::ScalarType dtype = p.type == MatmulType::kFloat16 ? at::kHalf : at::kBFloat16;
    const auto result = floats.dtype(dtype);
    const Tensor pattern = at::arange(kComparedRows * p.k, floats).mul_(0.37).sin_();
    x_ = pattern.view({kComparedRows, p.k})
             .to(p.type == MatmulType::kFp8 ? at::kFloat8_e4m3fn : dtype)
             .view(at::kByte)
             .repeat({kManyRows / kComparedRows, 1});
    y_ = at::empty({kManyRows, p.n}, result);
    if (p.type == MatmulType::kFp8) scale_ = at::ones({kManyRows}, floats);
    if (p.residual != nullptr) residual_ = at::ones({kManyRows, p.n}, result);
  }

  bool run(const MatmulAlgorithm& algorithm, int64_t rows) {
    const Matmul p = of(rows);
    const Tensor workspace =
        at::empty({static_cast<int64_t>(algorithm.workspace_bytes)}, y_.options().dtype(at::kByte));
    return kernels::matmul(handle_, p, algorithm, workspace.data_ptr(),
                           c10::cuda::getCurrentCUDAStream()) == cudaSuccess;
  }

  // The first kComparedRows of a result, as bits; undefined where the library refuses.
  Tensor result(const MatmulAlgorithm& algorithm, int64_t rows) {
    if (!run(algorithm, rows)) return {};
    return y_.narrow(0, 0, std::min(rows, kComparedRows)).view(at::kShort).clone();
  }

  double milliseconds(const MatmulAlgorithm& algorithm, int64_t rows) {
    double best = std::numeric_limits<double>::infinity();
    for (int i = 0; i < kTimedRuns; ++i) {
      at::cuda::CUDAEvent begin(cudaEventDefault), end(cudaEventDefault);
      begin.record();
      run(algorithm, rows);
      end.record();
      end.synchronize();
      best = std::min(best, static_cast<double>(begin.elapsed_time(end)));
    }
    return best;
  }

  std::vector<MatmulAlgorithm> candidates(int64_t rows) const {
    std::vector<MatmulAlgorithm> found(kernels::kMostAlgorithms);
    found.resize(static_cast<size_t>(
        kernels::matmul_algorithms(handle_, of(rows), found.data(), kernels::kMostAlgorithms)));
    return found;
  }

 private:
  Matmul of(int64_t rows) const {
    Matmul p = p_;
    p.m = rows;
    p.x = x_.const_data_ptr();
    p.x_stride = p.k;
    p.y = y_.data_ptr();
    p.y_stride = p.n;
    p.residual = residual_.defined() ? residual_.const_data_ptr() : nullptr;
    p.residual_stride = p.n;
    p.x_scale = scale_.defined() ? scale_.const_data_ptr<float>() : nullptr;
    return p;
  }

  cublasLtHandle_t handle_;
  Matmul p_;
  Tensor x_, y_, scale_, residual_;
};

bool same(const Tensor& some, const Tensor& all) {
  return some.defined() && all.defined() && at::equal(some, all.narrow(0, 0, some.size(0)));
}

Choice setting_bytes(Trial& trial) {
  const std::vector<MatmulAlgorithm> found = trial.candidates(kManyRows);
  for (const MatmulAlgorithm& algorithm : found) {
    const Tensor among_many = trial.result(algorithm, kManyRows);
    if (same(trial.result(algorithm, kComparedRows), among_many) &&
        same(trial.result(algorithm, kFewRows), among_many)) {
      return algorithm;
    }
  }
  return {};
}

Choice fastest(Trial& trial, const MatmulAlgorithm& sets_bytes, int64_t rows) {
  const Tensor want = trial.result(sets_bytes, kComparedRows);
  Choice best = sets_bytes;
  double least = trial.milliseconds(sets_bytes, rows);
  for (const MatmulAlgorithm& algorithm : trial.candidates(rows)) {
    if (!same(trial.result(algorithm, kComparedRows), want) ||
        !same(trial.result(algorithm, kFewRows), want) ||
        !same(trial.result(algorithm, rows), want)) {
      continue;
    }
    const double time = trial.milliseconds(algorithm, rows);
    if (time < least) {
      least = time;
      best = algorithm;
    }
  }
  return best;
}

// Without a trial. Asked for as many rows as the trial would be.
Choice favourite(cublasLtHandle_t handle, Matmul p) {
  p.m = kManyRows;
  MatmulAlgorithm found;
  if (kernels::matmul_algorithms(handle, p, &found, 1) == 0) return {};
  return found;
}

}  // namespace

Choice choose(cublasLtHandle_t handle, const Matmul& p) {
  static std::mutex mutex;
  static std::map<Kind, Choices> table;
  const Kind kind{c10::cuda::current_device(),
                  p.type,
                  p.n,
                  p.k,
                  p.bias != nullptr,
                  p.residual != nullptr,
                  p.gelu,
                  p.fast_accumulation};
  const std::scoped_lock lock(mutex);
  const auto known = table.find(kind);
  const size_t range = range_of(p.m);
  if (known != table.end() && (!known->second.sets_bytes || known->second.by_rows[range])) {
    return known->second.by_rows[range];
  }
  if (tensor::recording()) {
    return known != table.end() ? known->second.sets_bytes : favourite(handle, p);
  }
  Trial trial(handle, p);
  Choices& choices = table[kind];
  if (!choices.sets_bytes) choices.sets_bytes = setting_bytes(trial);
  if (!choices.sets_bytes) return {};
  return choices.by_rows[range] = fastest(trial, *choices.sets_bytes, kTrialRows[range]);
}

}  // namespace zoetrope::ops::cublaslt
