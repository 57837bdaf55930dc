#include "apps/output_path.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>

#include "media/file.h"

namespace zoetrope::apps {
namespace {

namespace fs = std::filesystem;

fs::path with_seed(const fs::path& path, uint64_t seed) {
  return path.parent_path() /
         fmt::format("{}-{}{}", path.stem().string(), seed, path.extension().string());
}

}  // namespace

base::Status check_writable(const fs::path& path) {
  struct stat known {};
  const bool exists = stat(path.c_str(), &known) == 0;
  if (exists && S_ISDIR(known.st_mode)) return media::file_error(EISDIR, path);
  if (exists && !S_ISREG(known.st_mode)) {  // a device or a pipe is written in place
    const media::FileDescriptor device(open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    return device.get() < 0 ? media::file_error(errno, path) : base::Status();
  }
  // Permission bits do not tell (root, read-only file systems, /proc): only trying does. A file is
  // made beside the path, as the writer will do, so an older file of that name stays untouched.
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::string trial = (folder / ".zoetrope-XXXXXX").string();
  const media::FileDescriptor file(mkostemp(trial.data(), O_CLOEXEC));
  if (file.get() < 0) return media::file_error(errno, path);
  unlink(trial.c_str());
  return {};
}

base::Result<OutputPlan> plan_output(const std::string& out, const std::string& format,
                                     const std::string& stem,
                                     const std::vector<std::string>& formats,
                                     const std::vector<uint64_t>& seeds) {
  const fs::path base = out.empty()
                            ? fs::path(stem + "." + (format.empty() ? formats.front() : format))
                            : fs::path(out);
  OutputPlan plan;
  plan.extension = format.empty() ? base.extension().string() : "." + format;
  std::ranges::transform(plan.extension, plan.extension.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  if (std::ranges::find(formats, plan.extension.substr(plan.extension.empty() ? 0 : 1)) ==
      formats.end()) {
    return base::invalid_argument(
        fmt::format("{}: {}; use one of .{}", base.string(),
                    plan.extension.empty() ? "the name has no extension"
                                           : fmt::format("cannot write '{}' files", plan.extension),
                    fmt::join(formats, ", .")));
  }
  for (const uint64_t seed : seeds) {
    plan.paths.push_back(seeds.size() == 1 ? base : with_seed(base, seed));
  }
  return plan;
}

}  // namespace zoetrope::apps
