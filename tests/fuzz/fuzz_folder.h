// A temporary folder for entries whose code under test opens files.
#pragma once

#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz_check.h"
#include "weights/atomic_file.h"

namespace zoetrope::fuzz {

// Removed with everything in it at the end.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / "zoetrope-fuzz-XXXXXX") {
    check(mkdtemp(path_.data()) != nullptr, "no temporary folder");
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }

  void write(const std::string& name, std::string_view bytes) const {
    check(weights::write_file(path_ + "/" + name, bytes).ok(), "cannot write a file");
  }

  // `bytes` as several files, divided by NUL.
  void write_parts(const std::vector<std::string>& names, std::string_view bytes) const {
    for (const std::string& name : names) {
      const std::string_view part = bytes.substr(0, bytes.find('\0'));
      bytes.remove_prefix(std::min(part.size() + 1, bytes.size()));
      write(name, part);
    }
  }

 private:
  std::string path_;
};

}  // namespace zoetrope::fuzz
