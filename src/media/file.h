// Files, with one-line errors: reading whole files up to a limit, and writing a file so that it
// either appears complete under its name or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"

namespace zoetrope::media {

// Owns a file descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() { close(); }

  int get() const { return fd_; }
  // 0, or the errno of closing (where some file systems report a failed write).
  int close();

 private:
  int fd_ = -1;
};

// The status of a failed system call on `path`: "out.png: no space left on device".
base::Status file_error(int error_number, const std::filesystem::path& path);

// Opens for reading. A directory is refused.
base::Result<FileDescriptor> open_file(const std::filesystem::path& path);

// The whole file. kResourceExhausted if it has more than max_bytes, kInvalidArgument if empty.
base::Result<std::vector<uint8_t>> read_file(const std::filesystem::path& path, int64_t max_bytes);

// Writes through a temporary file in the same directory and a rename; whatever fails, or if
// `cancel` is set before the rename, the temporary file is removed and an older file of that name
// stays as it was. Something that is not a regular file (/dev/stdout, a pipe) is written in place.
base::Status write_file(const std::filesystem::path& path, std::span<const uint8_t> bytes,
                        const base::CancelToken& cancel = {});

}  // namespace zoetrope::media
