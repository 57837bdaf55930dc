#include <gtest/gtest.h>

#include "apps/flags.h"
#include "apps/progress_view.h"

namespace zoetrope::apps {
namespace {

TEST(FlagsTest, NearestFindsTypingMistakesOnly) {
  const std::vector<std::string> known = {"--steps", "--seed", "--size", "--prompt"};
  EXPECT_EQ(nearest("--step", known), "--steps");
  EXPECT_EQ(nearest("--promt", known), "--prompt");
  EXPECT_EQ(nearest("--elephants", known), "");
}

TEST(ProgressViewTest, HalfBlocksPutTwoRowsInOneLine) {
  media::Image image(2, 4, {10, 20, 30});
  image.at(0, 1)[0] = 99;
  const std::string text = half_blocks(image, 80);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_NE(text.find("38;2;10;20;30;48;2;99;20;30m"), std::string::npos);
}

TEST(ProgressViewTest, HalfBlocksShrinkToTheTerminal) {
  const std::string text = half_blocks(media::Image(64, 64), 8);
  const std::string block = "\u2580";
  size_t blocks = 0;
  for (size_t at = 0; (at = text.find(block, at)) != std::string::npos; at += block.size())
    ++blocks;
  EXPECT_EQ(blocks, 8u * 4u);
}

}  // namespace
}  // namespace zoetrope::apps
