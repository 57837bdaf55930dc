#include "engine/jobs/job_folders.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "engine/jobs/job_id.h"
#include "media/file.h"
#include "media/write_image.h"

namespace zoetrope::engine::jobs {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPicture = "picture.png";
// Whose job it is: with it the store can say whether it knows the job at all.
constexpr const char* kOwner = "owner";
constexpr int64_t kMaxResultBytes = int64_t{4} << 30;
constexpr int64_t kMaxOwnerBytes = 1 << 16;

std::string without_path(const base::Status& status, const char* what) {
  return std::string(what) + ": " + std::string(to_string(status.code()));
}

}  // namespace

base::Result<JobFolders> JobFolders::open(const fs::path& root) {
  std::error_code error;
  fs::create_directories(root, error);
  if (error) return media::file_error(error.value(), root);
  if (access(root.c_str(), R_OK | W_OK | X_OK) != 0) return media::file_error(errno, root);
  return JobFolders(fs::absolute(root));
}

base::Status JobFolders::create(const std::string& id, const std::string& owner,
                                const media::Image& picture) const {
  const fs::path folder = root_ / id;
  // Pictures are private: other users of the machine have no business here.
  if (mkdir(folder.c_str(), S_IRWXU) != 0) return media::file_error(errno, folder);
  const std::span<const uint8_t> name(reinterpret_cast<const uint8_t*>(owner.data()), owner.size());
  ZT_RETURN_IF_ERROR(media::write_file(folder / kOwner, name));
  if (picture.empty()) return {};
  ZT_ASSIGN_OR_RETURN(const auto png, media::encode_png_quickly(picture));
  return media::write_file(folder / kPicture, png);
}

base::Result<media::Image> JobFolders::read_picture(const std::string& id) const {
  media::ReadOptions options;
  // The picture was within the limits of whoever took it in; as PNG it may be larger.
  options.limits.max_bytes = kMaxResultBytes;
  auto picture = media::read_image(root_ / id / kPicture, options);
  if (!picture.ok()) {
    return base::Status(picture.status().code(), without_path(picture.status(), "picture"));
  }
  return std::move(picture->image);
}

void JobFolders::remove_picture(const std::string& id) const {
  std::error_code ignored;
  fs::remove(root_ / id / kPicture, ignored);
}

base::Status JobFolders::write(const std::string& id, const std::string& name,
                               std::span<const uint8_t> bytes) const {
  const base::Status written = media::write_file(root_ / id / name, bytes);
  if (written.ok()) return {};
  return {written.code(), without_path(written, "result")};
}

base::Result<std::vector<uint8_t>> JobFolders::read(const std::string& id,
                                                    const std::string& name) const {
  auto bytes = media::read_file(root_ / id / name, kMaxResultBytes);
  if (!bytes.ok())
    return base::Status(bytes.status().code(), without_path(bytes.status(), "result"));
  return bytes;
}

void JobFolders::remove(const std::string& id) const {
  std::error_code ignored;
  fs::remove_all(root_ / id, ignored);
}

std::vector<JobFolders::Found> JobFolders::list() const {
  std::vector<Found> found;
  std::error_code error;
  for (fs::directory_iterator at(root_, error), end; !error && at != end; at.increment(error)) {
    const std::string id = at->path().filename().string();
    const auto made_ms = job_id_time_ms(id);
    if (!made_ms) continue;
    const auto owner = media::read_file(at->path() / kOwner, kMaxOwnerBytes);
    found.push_back({id, owner.ok() ? std::string(owner->begin(), owner->end()) : "", *made_ms});
  }
  return found;
}

}  // namespace zoetrope::engine::jobs
