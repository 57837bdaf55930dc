#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "apps/command_line.h"
#include "apps/progress_view.h"
#include "apps/serve_flags.h"

namespace zoetrope::apps {
namespace {

TEST(FlagsTest, NearestFindsTypingMistakesOnly) {
  const std::vector<std::string> known = {"--steps", "--seed", "--size", "--prompt"};
  EXPECT_EQ(nearest("--step", known), "--steps");
  EXPECT_EQ(nearest("--promt", known), "--prompt");
  EXPECT_EQ(nearest("--elephants", known), "");
}

ServeFlags parsed(const std::string& line) {
  CLI::App command;
  ServeFlags flags;
  add_serve_flags(command, flags);
  command.parse(line);
  return flags;
}

TEST(ServeFlagsTest, TimesHaveUnits) {
  const ServeFlags flags = parsed("--keep-results 7d --deadline 90s --stall 3 --drain 2m");
  const auto options = job_options(flags, "/data");
  EXPECT_EQ(options.keep_results, std::chrono::hours(7 * 24));
  EXPECT_EQ(options.deadline, std::chrono::seconds(90));
  EXPECT_EQ(options.stall, std::chrono::seconds(3));
  EXPECT_EQ(flags.drain_seconds, 120);
  EXPECT_EQ(options.folder, "/data/jobs");
  for (const char* wrong : {"--deadline soon", "--deadline -1s", "--deadline 5y"}) {
    EXPECT_THROW(parsed(wrong), CLI::ParseError) << wrong;
  }
}

TEST(ServeFlagsTest, TheStoreIsAFileInTheDataFolderUnlessNamed) {
  EXPECT_EQ(store_address(parsed(""), "/data"), "sqlite:/data/jobs.sqlite");
  EXPECT_EQ(store_address(parsed("--store memory"), "/data"), "memory");
  EXPECT_EQ(job_options(parsed(""), "/data").server, "zoetrope");
  const ServeFlags shared = parsed("--store postgresql://db/jobs --port 9000");
  EXPECT_EQ(store_address(shared, "/data"), "postgresql://db/jobs");
  EXPECT_TRUE(job_options(shared, "/data").server.ends_with(":9000"));
}

TEST(ServeFlagsTest, DataIsWhereTheUserKeepsIt) {
  EXPECT_EQ(data_folder(parsed("--data here")).value_or_throw(), "here");
  setenv("XDG_DATA_HOME", "/somewhere", 1);
  EXPECT_EQ(data_folder(parsed("")).value_or_throw(), "/somewhere/zoetrope");
  unsetenv("XDG_DATA_HOME");
}

TEST(ServeFlagsTest, KeysOrTheirAbsenceAreSaidOnce) {
  EXPECT_THROW(parsed("--keys file --no-keys"), CLI::ParseError);
  EXPECT_THROW(parsed("--tls-cert file"), CLI::ParseError);
  const http::ServerOptions options = server_options(parsed("--no-keys --host ::"), "animate");
  EXPECT_TRUE(options.open);
  EXPECT_EQ(options.host, "::");
  EXPECT_EQ(options.model, "animate");
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
