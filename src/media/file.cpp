#include "media/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace zoetrope::media {
namespace fs = std::filesystem;
using base::StatusCode;

namespace {

constexpr size_t kChunkBytes = 1 << 20;

StatusCode code_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return StatusCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return StatusCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return StatusCode::kResourceExhausted;
    case EISDIR:
    case ENAMETOOLONG:
      return StatusCode::kInvalidArgument;
    default:
      return StatusCode::kUnavailable;
  }
}

base::Status write_all(int fd, std::span<const uint8_t> bytes, const fs::path& path,
                       const base::CancelToken& cancel) {
  while (!bytes.empty()) {
    if (cancel.cancelled()) return {StatusCode::kCancelled, path.string() + ": cancelled"};
    const ssize_t written = ::write(fd, bytes.data(), std::min(bytes.size(), kChunkBytes));
    if (written < 0) {
      if (errno == EINTR) continue;
      return file_error(errno, path);
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return {};
}

// Removes a file when it goes out of scope, unless kept.
class TemporaryName {
 public:
  explicit TemporaryName(std::string name) : name_(std::move(name)) {}
  TemporaryName(const TemporaryName&) = delete;
  TemporaryName& operator=(const TemporaryName&) = delete;
  ~TemporaryName() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  const char* c_str() const { return name_.c_str(); }
  void keep() { name_.clear(); }

 private:
  std::string name_;
};

base::Status write_in_place(const fs::path& path, std::span<const uint8_t> bytes,
                            const base::CancelToken& cancel) {
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) return file_error(errno, path);
  ZT_RETURN_IF_ERROR(write_all(file.get(), bytes, path, cancel));
  if (const int error = file.close()) return file_error(error, path);
  return {};
}

mode_t creation_mode() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

base::Status write_and_rename(const fs::path& target, const fs::path& path,
                              std::span<const uint8_t> bytes, const base::CancelToken& cancel) {
  // A short name of our own: adding a suffix to a long one could exceed the limit of 255 bytes.
  std::string pattern = (target.parent_path() / ".zoetrope-XXXXXX").string();
  FileDescriptor file(::mkostemp(pattern.data(), O_CLOEXEC));
  if (file.get() < 0) return file_error(errno, path);
  TemporaryName temporary(pattern);

  ZT_RETURN_IF_ERROR(write_all(file.get(), bytes, path, cancel));
  // mkostemp makes the file private; the result should be as any file the user creates.
  if (::fchmod(file.get(), creation_mode()) != 0) return file_error(errno, path);
  if (::fsync(file.get()) != 0) return file_error(errno, path);
  if (const int error = file.close()) return file_error(error, path);
  if (cancel.cancelled()) return {StatusCode::kCancelled, path.string() + ": cancelled"};
  if (::rename(temporary.c_str(), target.c_str()) != 0) return file_error(errno, path);
  temporary.keep();
  return {};
}

}  // namespace

int FileDescriptor::close() {
  const int fd = std::exchange(fd_, -1);
  return fd >= 0 && ::close(fd) != 0 ? errno : 0;
}

base::Status file_error(int error_number, const fs::path& path) {
  std::string reason = std::generic_category().message(error_number);
  if (!reason.empty()) reason[0] = static_cast<char>(std::tolower(reason[0]));
  return {code_of(error_number), fmt::format("{}: {}", path.string(), reason)};
}

base::Result<FileDescriptor> open_file(const fs::path& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return file_error(errno, path);
  struct stat info = {};
  if (::fstat(file.get(), &info) != 0) return file_error(errno, path);
  if (S_ISDIR(info.st_mode)) {
    return base::invalid_argument(path.string() + ": is a directory, not a file");
  }
  return file;
}

base::Result<std::vector<uint8_t>> read_file(const fs::path& path, int64_t max_bytes) {
  ZT_ASSIGN_OR_RETURN(FileDescriptor file, open_file(path));
  struct stat info = {};
  if (::fstat(file.get(), &info) != 0) return file_error(errno, path);
  const auto too_large = [&] {
    return base::resource_exhausted(
        fmt::format("{}: larger than the {} bytes that are accepted", path.string(), max_bytes));
  };
  if (info.st_size > max_bytes) return too_large();

  // The size is a hint only: a pipe has none, and a file may grow while it is read.
  std::vector<uint8_t> bytes;
  size_t used = 0;
  while (true) {
    if (used == bytes.size()) {
      bytes.resize(used == 0 ? static_cast<size_t>(info.st_size) + 1 : used + kChunkBytes);
    }
    const ssize_t got = ::read(file.get(), bytes.data() + used, bytes.size() - used);
    if (got < 0) {
      if (errno == EINTR) continue;
      return file_error(errno, path);
    }
    if (got == 0) break;
    used += static_cast<size_t>(got);
    if (used > static_cast<size_t>(max_bytes)) return too_large();
  }
  if (used == 0) return base::invalid_argument(path.string() + ": the file is empty");
  bytes.resize(used);
  return bytes;
}

base::Status write_file(const fs::path& path, std::span<const uint8_t> bytes,
                        const base::CancelToken& cancel) {
  if (!path.has_filename()) {
    return base::invalid_argument(fmt::format("'{}': not the name of a file", path.string()));
  }
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      std::error_code ignored;
      const fs::path folder = path.has_parent_path() ? path.parent_path() : ".";
      if (!fs::is_directory(folder, ignored)) {
        return base::not_found(
            fmt::format("{}: there is no directory {}", path.string(), folder.string()));
      }
    }
    return write_and_rename(path, path, bytes, cancel);
  }
  if (S_ISDIR(info.st_mode)) {
    return base::invalid_argument(path.string() + ": is a directory, not a file");
  }
  if (!S_ISREG(info.st_mode)) return write_in_place(path, bytes, cancel);
  // Through a symbolic link, the file it names is replaced, not the link.
  std::error_code error;
  const fs::path target = fs::canonical(path, error);
  if (error) return file_error(error.value(), path);
  return write_and_rename(target, path, bytes, cancel);
}

}  // namespace zoetrope::media
