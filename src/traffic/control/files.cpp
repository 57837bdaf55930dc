#include "traffic/control/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace zoetrope::traffic::control {
namespace {

using base::Status;
namespace fs = std::filesystem;

constexpr std::uintmax_t kMostBytes = std::uintmax_t{256} << 20;

Status failed(const fs::path& path, const char* what) {
  return base::unavailable(fmt::format("{}: {}: {}", path.string(), what, std::strerror(errno)));
}

// A descriptor that is closed on every way out.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

Status write_all(const fs::path& path, std::string_view bytes) {
  const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (file.get() < 0) return failed(path, "cannot be opened");
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed(path, "cannot be written");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(file.get()) != 0) return failed(path, "cannot be flushed");
  return {};
}

}  // namespace

base::Result<std::string> read_small_file(const fs::path& path) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) return base::not_found(fmt::format("{}: {}", path.string(), error.message()));
  if (size > kMostBytes) {
    return base::resource_exhausted(fmt::format("{}: too large", path.string()));
  }
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file || file.bad()) return base::not_found(fmt::format("{}: cannot be read", path.string()));
  return bytes;
}

Status replace_file(const fs::path& path, std::string_view bytes) {
  fs::path beside = path;
  beside += ".new";
  Status written = write_all(beside, bytes);
  if (written.ok() && ::rename(beside.c_str(), path.c_str()) != 0) {
    written = failed(path, "cannot be renamed into place");
  }
  if (!written.ok()) ::unlink(beside.c_str());
  // So that the rename itself survives a crash of the machine.
  const File folder(::open(path.parent_path().empty() ? "." : path.parent_path().c_str(),
                           O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0) static_cast<void>(::fsync(folder.get()));
  return written;
}

}  // namespace zoetrope::traffic::control
