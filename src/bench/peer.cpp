#include "bench/peer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/child.h"
#include "base/status.h"
#include "base/temporary_folder.h"
#include "weights/tensor_io.h"

namespace zoetrope::bench {

nlohmann::json run_peer(const std::filesystem::path& case_file, const at::Tensor& result,
                        const PeerOptions& options, const base::CancelToken& cancel) {
  constexpr auto kPoll = std::chrono::milliseconds(20);
  const base::TemporaryFolder folder("zoetrope-peer");
  const std::string ours = (folder.path() / "ours.safetensors").string();
  const std::string report = (folder.path() / "report.json").string();
  const std::filesystem::path log = folder.path() / "log";
  const auto saved = weights::save_tensors(ours, {{"result", result}});
  if (!saved.ok()) throw base::Error(saved);
  // The libraries of this program's torch are not those of Python's.
  std::vector<std::string> command = {"env",
                                      "-u",
                                      "LD_LIBRARY_PATH",
                                      "python3",
                                      options.script.string(),
                                      case_file.string(),
                                      "--modes",
                                      options.modes,
                                      "--runs",
                                      std::to_string(options.runs),
                                      "--device",
                                      options.device,
                                      "--dtype",
                                      options.dtype,
                                      "--compare",
                                      ours,
                                      "--out",
                                      report};
  if (options.exact) command.emplace_back("--exact");
  auto child = base::Child::start(command, log);
  if (!child.ok()) throw base::Error(child.status());
  while (child->running()) {
    cancel.check();
    std::this_thread::sleep_for(kPoll);
  }
  if (child->exit_code() != 0) {
    throw base::Error(base::unavailable(
        fmt::format("the peer ended with {}: {}", child->exit_code(), base::last_line(log))));
  }
  std::ifstream written(report);
  return nlohmann::json::parse(written);
}

}  // namespace zoetrope::bench
