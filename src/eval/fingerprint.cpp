#include "eval/fingerprint.h"

#include <fmt/format.h>

#include <map>
#include <system_error>

#include "weights/mapped_file.h"

namespace zoetrope::eval {

std::string Fingerprint::text() const { return fmt::format("{:016x}", hash_); }

base::Result<std::string> folder_fingerprint(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  std::map<std::string, fs::path> files;  // sorted by name
  std::error_code error;
  constexpr auto kThroughLinks = fs::directory_options::follow_directory_symlink;
  for (fs::recursive_directory_iterator at(folder, kThroughLinks, error), end; !error && at != end;
       at.increment(error)) {
    if (at->is_regular_file()) files[at->path().lexically_relative(folder).string()] = at->path();
  }
  if (error) return base::not_found(folder.string() + ": " + error.message());
  Fingerprint fingerprint;
  for (const auto& [name, path] : files) {
    fingerprint.add(name);
    if (fs::file_size(path, error) == 0) continue;  // an empty file cannot be mapped
    ZT_ASSIGN_OR_RETURN(const auto file, weights::MappedFile::open(path.string()));
    fingerprint.add(file.text());
  }
  return fingerprint.text();
}

}  // namespace zoetrope::eval
