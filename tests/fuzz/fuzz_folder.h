// A temporary folder for entries whose code under test opens files.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/temporary_folder.h"
#include "fuzz_check.h"
#include "weights/atomic_file.h"

namespace zoetrope::fuzz {

class Folder {
 public:
  const std::string& path() const { return folder_.path().native(); }

  void write(const std::string& name, std::string_view bytes) const {
    check(weights::write_file(path() + "/" + name, bytes).ok(), "cannot write a file");
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
  base::TemporaryFolder folder_{"zoetrope-fuzz"};
};

}  // namespace zoetrope::fuzz
