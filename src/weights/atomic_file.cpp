#include "weights/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

namespace zoetrope::weights {

namespace {

base::StatusCode code_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return base::StatusCode::kResourceExhausted;
    case EACCES:
    case EPERM:
    case EROFS:
      return base::StatusCode::kPermissionDenied;
    case ENOENT:
    case ENOTDIR:
      return base::StatusCode::kNotFound;
    default:
      return base::StatusCode::kUnavailable;
  }
}

}  // namespace

AtomicFile::AtomicFile(std::string path, std::string temporary, int fd)
    : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

base::Status AtomicFile::error(const char* doing, int error_number) const {
  return {code_of(error_number),
          fmt::format("{}: cannot {}: {}", path_, doing, std::strerror(error_number))};
}

base::Result<AtomicFile> AtomicFile::create(const std::string& path) {
  static std::atomic<unsigned> counter = 0;  // two threads may write the same path
  // open, not mkstemp: the mode follows the umask, as for any file the user makes.
  std::string temporary = fmt::format("{}.{}-{}.tmp", path, ::getpid(), counter++);
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  AtomicFile file(path, fd >= 0 ? std::move(temporary) : std::string(), fd);
  if (fd < 0) return file.error("create", errno);
  return file;
}

base::Status AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return error("write", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

base::Status AtomicFile::commit(bool sync) {
  if (sync && ::fsync(fd_) != 0) return error("write", errno);
  // Network file systems report a full disk only here.
  if (::close(std::exchange(fd_, -1)) != 0) return error("write", errno);
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) return error("create", errno);
  temporary_.clear();
  if (!sync) return {};

  const auto folder = std::filesystem::path(path_).parent_path();
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return error("sync the folder of", errno);
  const int failed = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  return failed == 0 ? base::Status() : error("sync the folder of", failed);
}

base::Status write_file(const std::string& path, std::string_view text, bool sync) {
  ZT_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  ZT_RETURN_IF_ERROR(file.write(std::as_bytes(std::span(text))));
  return file.commit(sync);
}

}  // namespace zoetrope::weights
