// A file that appears whole or not at all: written under a temporary name in the same folder, then
// renamed over its final name. The temporary is removed when the object goes without a commit.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace zoetrope::weights {

class AtomicFile {
 public:
  static base::Result<AtomicFile> create(const std::string& path);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  // Appends. kResourceExhausted when the disk or a quota is full.
  base::Status write(std::span<const std::byte> bytes);

  // Makes the file visible. With `sync`, only once its bytes and its name are on the disk.
  base::Status commit(bool sync);

 private:
  AtomicFile(std::string path, std::string temporary, int fd);
  base::Status error(const char* doing, int error_number) const;

  std::string path_;
  std::string temporary_;  // empty once renamed or moved from
  int fd_;
};

// The common case of a text file: create, write, commit.
base::Status write_file(const std::string& path, std::string_view text, bool sync = false);

}  // namespace zoetrope::weights
