// A file appears whole or not at all, and every way to fail gives one line.
#include "media/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "media/test_pictures.h"
#include "media/video.h"
#include "media/write_image.h"

namespace zoetrope::media {
namespace {

using base::StatusCode;
using testing::Encoded;

const Encoded kOld = {1, 2, 3};
const Encoded kNew(100000, 7);

// While it lives, files may not grow beyond `bytes`, as if the disk were full.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_ = {};
  void (*handler_)(int);
};

TEST(WriteFile, NewFileAndReplacement) {
  const testing::TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder / "a", kOld).ok());
  EXPECT_EQ(testing::read_bytes(folder / "a"), kOld);
  ASSERT_TRUE(write_file(folder / "a", kNew).ok());
  EXPECT_EQ(testing::read_bytes(folder / "a"), kNew);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

TEST(WriteFile, HasTheModeThatTheUserAsksFor) {
  const testing::TemporaryFolder folder;
  const mode_t before = ::umask(027);
  EXPECT_TRUE(write_file(folder / "a", kOld).ok());
  ::umask(before);
  struct stat info = {};
  ASSERT_EQ(::stat((folder / "a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

TEST(WriteFile, FollowsASymbolicLink) {
  const testing::TemporaryFolder folder;
  testing::write_bytes(folder / "real", kOld);
  std::filesystem::create_symlink("real", folder / "link");
  ASSERT_TRUE(write_file(folder / "link", kNew).ok());
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(testing::read_bytes(folder / "real"), kNew);
}

TEST(WriteFile, LongestNameThatFileSystemsAllow) {
  const testing::TemporaryFolder folder;
  EXPECT_TRUE(write_file(folder / std::string(255, 'n'), kOld).ok());
  EXPECT_EQ(write_file(folder / std::string(256, 'n'), kOld).code(), StatusCode::kInvalidArgument);
}

TEST(WriteFile, FullDiskLeavesTheOldFileAndNothingElse) {
  const testing::TemporaryFolder folder;
  testing::write_bytes(folder / "a.bin", kOld);
  base::Status old_file, new_file;
  {
    const FileSizeLimit limit(50000);
    old_file = write_file(folder / "a.bin", kNew);
    new_file = write_file(folder / "b.bin", kNew);
  }
  EXPECT_EQ(old_file.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(old_file.message(), (folder / "a.bin").string() + ": file too large");
  EXPECT_EQ(new_file.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(testing::read_bytes(folder / "a.bin"), kOld);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a.bin"});
}

TEST(WriteFile, NoSpaceLeft) {
  const auto status = write_file("/dev/full", kNew);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "/dev/full: no space left on device");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));  // written in place, not replaced
}

TEST(WriteFile, PlacesThatCannotBeWritten) {
  const testing::TemporaryFolder folder;
  testing::write_bytes(folder / "file", kOld);
  const auto below_file = write_file(folder / "file" / "out.png", kNew);
  EXPECT_EQ(below_file.code(), StatusCode::kNotFound);
  EXPECT_EQ(below_file.message(), (folder / "file" / "out.png").string() +
                                      ": there is no directory " + (folder / "file").string());
  EXPECT_EQ(write_file(folder / "none" / "out.png", kNew).code(), StatusCode::kNotFound);
  EXPECT_EQ(write_file(folder / "", kNew).code(), StatusCode::kInvalidArgument);
  std::filesystem::create_directory(folder / "sub");
  EXPECT_EQ(write_file(folder / "sub", kNew).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(write_file("/proc/zoetrope.png", kNew).ok(), false);  // root too may not create there
  if (::geteuid() != 0) {
    std::filesystem::permissions(folder / "sub", std::filesystem::perms::owner_read);
    EXPECT_EQ(write_file(folder / "sub" / "out", kNew).code(), StatusCode::kPermissionDenied);
  }
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"file", "sub"}));
}

TEST(WriteFile, CancelLeavesNothing) {
  const testing::TemporaryFolder folder;
  testing::write_bytes(folder / "a", kOld);
  const base::CancelToken cancel;
  cancel.cancel();
  EXPECT_EQ(write_file(folder / "a", kNew, cancel).code(), StatusCode::kCancelled);
  EXPECT_EQ(write_file(folder / "b", kNew, cancel).code(), StatusCode::kCancelled);
  EXPECT_EQ(testing::read_bytes(folder / "a"), kOld);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

// The same through the writers that people use.
TEST(WriteFile, PicturesAndClipsOnAFullDisk) {
  const testing::TemporaryFolder folder;
  const Image picture = testing::test_picture(64, 64);
  const Clip clip{.frames = {picture, testing::test_picture(64, 64, 1)}, .fps = 8};
  {
    const FileSizeLimit limit(300);
    for (const char* name : {"a.png", "a.jpg", "a.webp"}) {
      EXPECT_EQ(write_image(folder / name, picture).code(), StatusCode::kResourceExhausted) << name;
    }
    for (const char* name : {"b.mp4", "b.gif", "b.webp"}) {
      EXPECT_EQ(write_clip(folder / name, clip).code(), StatusCode::kResourceExhausted) << name;
    }
  }
  EXPECT_TRUE(folder.names().empty());
}

TEST(ReadFile, ReadsPipes) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], kOld.data(), kOld.size()), static_cast<ssize_t>(kOld.size()));
  ::close(ends[1]);
  const auto bytes = read_file("/proc/self/fd/" + std::to_string(ends[0]), 100);
  ::close(ends[0]);
  ASSERT_TRUE(bytes.ok()) << bytes.status().message();
  EXPECT_EQ(*bytes, kOld);
}

}  // namespace
}  // namespace zoetrope::media
