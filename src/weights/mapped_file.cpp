#include "weights/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace zoetrope::weights {

namespace {

base::Status system_error(const std::string& path, const char* doing, int error) {
  const auto code = error == ENOENT || error == ENOTDIR ? base::StatusCode::kNotFound
                    : error == EACCES                   ? base::StatusCode::kPermissionDenied
                    : error == ENOMEM                   ? base::StatusCode::kResourceExhausted
                                                        : base::StatusCode::kUnavailable;
  return {code, fmt::format("{}: cannot {}: {}", path, doing, std::strerror(error))};
}

struct Descriptor {
  int fd;
  ~Descriptor() { ::close(fd); }
};

}  // namespace

base::Result<MappedFile> MappedFile::open(const std::string& path) {
  // Non-blocking, so that a named pipe is refused below instead of waited for.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return system_error(path, "open", errno);
  const Descriptor file{fd};

  struct stat info {};
  if (::fstat(file.fd, &info) != 0) return system_error(path, "read", errno);
  if (!S_ISREG(info.st_mode)) return base::invalid_argument(path + ": not a regular file");
  if (info.st_size == 0) return MappedFile(nullptr, 0);

  const auto size = static_cast<std::size_t>(info.st_size);
  // No swap is reserved for pages that will hardly ever be written: checkpoints may exceed memory.
  void* data =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.fd, 0);
  if (data == MAP_FAILED) return system_error(path, "map", errno);
  return MappedFile(std::shared_ptr<std::byte>(static_cast<std::byte*>(data),
                                               [size](std::byte* p) { ::munmap(p, size); }),
                    size);
}

}  // namespace zoetrope::weights
