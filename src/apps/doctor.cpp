// zoetrope doctor: what this machine offers, what is missing, and how to mend it.
#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <CLI/CLI.hpp>

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "apps/build_info.h"
#include "apps/command.h"
#include "apps/exit_code.h"
#include "apps/json_output.h"
#include "apps/model_folder.h"
#include "engine/api/memory_size.h"
#include "media/video.h"
#include "tensor/device.h"

extern "C" {
#include <libavutil/avutil.h>
}

namespace zoetrope::apps {
namespace {

enum class Verdict { kFine, kWarning, kBroken };

struct Finding {
  std::string what;
  std::string found;
  Verdict verdict = Verdict::kFine;
  std::string remedy = {};  // empty when fine
};

// The value of the first line of /proc/cpuinfo that starts with `key`.
std::string cpu_info(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return line.substr(line.find(':') + 2);
  }
  return {};
}

bool has_word(const std::string& words, const std::string& word) {
  return (" " + words + " ").find(" " + word + " ") != std::string::npos;
}

std::string mebibytes(int64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

Finding processor() {
  const std::string flags = cpu_info("flags");
  Finding finding{"processor", cpu_info("model name")};
  for (const char* feature : {"avx2", "avx512f", "avx512_bf16", "amx_bf16"}) {
    if (has_word(flags, feature)) finding.found += std::string(", ") + feature;
  }
  if (!has_word(flags, "avx2")) {
    finding.verdict = Verdict::kWarning;
    finding.remedy = "without AVX2 a clip takes several times longer";
  }
  return finding;
}

Finding threads() {
  Finding finding{"threads", std::to_string(std::thread::hardware_concurrency()) + " cores"};
  if (const char* set = std::getenv("OMP_NUM_THREADS")) {
    finding.found += std::string(", OMP_NUM_THREADS=") + set;
  }
  return finding;
}

Finding memory() {
  const int64_t available = engine::available_memory_bytes();
  Finding finding{"memory", mebibytes(available) + " free"};
  if (available < (int64_t{1} << 30)) {
    finding.verdict = Verdict::kWarning;
    finding.remedy = "a clip needs up to 1 GiB; close other programs";
  }
  return finding;
}

std::vector<Finding> devices() {
  const int count = tensor::cuda_device_count();
  if (count > 0) {
    std::vector<Finding> found;
    found.reserve(count);
    for (int i = 0; i < count; ++i) {
      found.push_back({"gpu " + std::to_string(i),
                       tensor::describe_device(at::Device(at::kCUDA, static_cast<int8_t>(i)))});
    }
    return found;
  }
  return {{"gpu", build_info().has_cuda ? "none that this process can use"
                                        : "this build is for the CPU only"}};
}

Finding model() {
  const auto folder = find_model("");
  if (folder.ok()) return {"model", folder->string()};
  return {"model", folder.status().message(), Verdict::kBroken,
          "the bundled model is in the source tree under models/animate"};
}

// Encodes a clip: whether it works is what counts, not what FFmpeg lists.
Finding encoder() {
  const media::Clip clip{{media::Image(32, 32), media::Image(32, 32, {0, 0, 0})}, 12};
  const auto bytes = media::encode_clip(clip, media::VideoFormat::kMp4);
  if (bytes.ok()) return {"mp4", "H.264 works"};
  return {"mp4", bytes.status().message(), Verdict::kWarning,
          "install libavcodec-extra, or write .gif or .webp"};
}

// The file that the loader took LibTorch from.
Finding libtorch() {
  Dl_info info{};
  const bool known = dladdr(reinterpret_cast<void*>(&at::get_num_threads), &info) != 0;
  return {"libtorch", build_info().libtorch + (known ? ", " + std::string(info.dli_fname) : "")};
}

Finding temporary_folder() {
  const char* set = std::getenv("TMPDIR");
  const std::string folder = set != nullptr ? set : "/tmp";
  if (access(folder.c_str(), W_OK) == 0) return {"temporary folder", folder};
  return {"temporary folder", folder + " cannot be written", Verdict::kWarning, "set TMPDIR"};
}

std::vector<Finding> examine() {
  const BuildInfo build = build_info();
  std::vector<Finding> all = {
      {"zoetrope", build.version + ", " + build.build_type + ", " + build.compiler},
      libtorch(),
      {"ffmpeg", av_version_info()},
      processor(),
      threads(),
      memory()};
  for (Finding& finding : devices()) all.push_back(std::move(finding));
  all.push_back(model());
  all.push_back(encoder());
  all.push_back(temporary_folder());
  return all;
}

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFine:
      return "fine";
    case Verdict::kWarning:
      return "warning";
    case Verdict::kBroken:
      return "broken";
  }
  return "";
}

int run(Output output) {
  bool broken = false;
  nlohmann::json json = nlohmann::json::array();
  for (const Finding& finding : examine()) {
    broken |= finding.verdict == Verdict::kBroken;
    json.push_back({{"what", finding.what},
                    {"found", finding.found},
                    {"verdict", name_of(finding.verdict)},
                    {"remedy", finding.remedy}});
    if (output == Output::kJson) continue;
    std::printf("%-17s %s\n", finding.what.c_str(), finding.found.c_str());
    if (finding.verdict != Verdict::kFine) {
      std::printf("%-17s ^ %s: %s\n", "", name_of(finding.verdict), finding.remedy.c_str());
    }
  }
  if (output == Output::kJson) print_json({{"findings", json}, {"usable", !broken}});
  return broken ? kExitFailed : kExitFine;
}

}  // namespace

Command add_doctor(CLI::App& root) {
  CLI::App* command =
      root.add_subcommand("doctor", "Show what this machine offers and what is missing");
  command->footer(
      "\nExit status: 0 when clips can be made here, 1 when something needed is missing.");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print one JSON object on stdout");
  return {command, [json] { return run(*json ? Output::kJson : Output::kText); }};
}

}  // namespace zoetrope::apps
