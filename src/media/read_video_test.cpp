#include "media/read_video.h"

#include <gtest/gtest.h>

#include <fstream>

namespace zoetrope::media {
namespace {

const std::filesystem::path kExamples = std::filesystem::path(ZOETROPE_SOURCE_DIR) / "examples";

TEST(VideoReader, StreamsTheWholeSampleAndEndsOnce) {
  auto opened = VideoReader::open(kExamples / "stickers/animations-128px.mkv");
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  VideoReader reader = std::move(opened).value();
  EXPECT_EQ(reader.info().width, 128);
  EXPECT_EQ(reader.info().height, 128);
  EXPECT_EQ(reader.info().fps, 8);
  EXPECT_EQ(reader.info().codec, "h264");
  int frames = 0;
  while (true) {
    auto frame = reader.next();
    ASSERT_TRUE(frame.ok()) << frame.status().message();
    if (!*frame) break;
    ASSERT_EQ((*frame)->rgb.size(), 128u * 128 * 3);
    ++frames;
  }
  EXPECT_EQ(frames, 40 * 16);
  auto after = reader.next();
  ASSERT_TRUE(after.ok());
  EXPECT_FALSE(after->has_value());
}

}  // namespace
}  // namespace zoetrope::media
