// The files of jobs: one folder a job, named by its id, with its picture while it is open and its
// results once it is completed. Files appear whole or not at all. Nothing in here is named by a
// client: ids and file names come from the store. Any thread may call, also of several processes
// that share the folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "media/image.h"

namespace zoetrope::engine::jobs {

class JobFolders {
 public:
  // Makes the root if it is not there. kInvalidArgument, kPermissionDenied.
  static base::Result<JobFolders> open(const std::filesystem::path& root);

  // A job's folder with its picture.
  base::Status create(const std::string& id, const std::string& owner,
                      const media::Image& picture) const;
  base::Result<media::Image> read_picture(const std::string& id) const;
  void remove_picture(const std::string& id) const;

  base::Status write(const std::string& id, const std::string& name,
                     std::span<const uint8_t> bytes) const;
  base::Result<std::vector<uint8_t>> read(const std::string& id, const std::string& name) const;

  void remove(const std::string& id) const;

  struct Found {
    std::string id, owner;
    int64_t made_ms = 0;
  };
  // What looks like a job's folder.
  std::vector<Found> list() const;

 private:
  explicit JobFolders(std::filesystem::path root) : root_(std::move(root)) {}

  std::filesystem::path root_;
};

}  // namespace zoetrope::engine::jobs
