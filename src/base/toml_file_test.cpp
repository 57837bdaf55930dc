#include "base/toml_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zoetrope::base {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

constexpr const char* kText = R"(
name = "fleet"
epoch_seconds = 5
[manager]
port = 17000
open = false
thresholds = [0.8, 0.9, 1]
[[regions]]
name = "use1"
workers = ["a", "b"]
[[regions]]
name = "euw1"
)";

TomlFile parsed(std::string_view text) {
  auto file = TomlFile::parse(text, "f.toml");
  EXPECT_TRUE(file.ok()) << file.status().message();
  return std::move(file).value_or_throw();
}

TEST(TomlFile, GivesTheFields) {
  TomlFile file = parsed(kText);
  const TomlTable root = file.root();
  EXPECT_EQ(root.text("name"), "fleet");
  EXPECT_EQ(root.number("epoch_seconds", {.least = 0}), 5);
  const TomlTable manager = root.table("manager");
  EXPECT_EQ(manager.whole("port", {.most = 65535}), 17000);
  EXPECT_FALSE(manager.flag("open"));
  EXPECT_THAT(manager.numbers("thresholds", {}), ElementsAre(0.8, 0.9, 1));
  EXPECT_EQ(manager.text("host", "localhost"), "localhost");
  const auto regions = root.tables("regions");
  ASSERT_EQ(regions.size(), 2);
  EXPECT_EQ(regions[0].text("name"), "use1");
  EXPECT_THAT(regions[0].texts("workers"), ElementsAre("a", "b"));
  EXPECT_EQ(regions[1].text("name"), "euw1");
  EXPECT_FALSE(regions[1].has("workers"));
  EXPECT_TRUE(file.finish().ok()) << file.finish().message();
}

// What reading `text` complains of.
std::string complaint(std::string_view text) {
  auto file = TomlFile::parse(text, "f.toml");
  if (!file.ok()) return file.status().message();
  const TomlTable root = file->root();
  root.text("name", "x");
  root.number("seconds", {.least = 0.5, .most = 60}, 5);
  root.whole("count", {.least = 1, .most = 9}, 1);
  root.flag("open", false);
  root.texts("words", std::vector<std::string>());
  root.numbers("figures", {.least = 0, .most = 1}, std::vector<double>());
  for (const TomlTable& region : root.tables("regions")) region.text("name");
  root.table("manager").whole("port", {.most = 65535}, 0);
  return file->finish().message();
}

TEST(TomlFile, ComplaintsNameFileLineAndField) {
  EXPECT_EQ(complaint(""), "");
  EXPECT_THAT(complaint("name = \n"), StartsWith("f.toml:1: not valid TOML"));
  EXPECT_THAT(complaint("\nname = 'a"), StartsWith("f.toml:2: not valid TOML"));
  EXPECT_EQ(complaint("\nname = 3"), "f.toml:2: name: must be a text in quotes");
  EXPECT_EQ(complaint("seconds = '5'"), "f.toml:1: seconds: must be a number");
  EXPECT_EQ(complaint("seconds = nan"), "f.toml:1: seconds: must be between 0.5 and 60");
  EXPECT_EQ(complaint("seconds = inf"), "f.toml:1: seconds: must be between 0.5 and 60");
  EXPECT_EQ(complaint("count = 10"), "f.toml:1: count: must be between 1 and 9");
  EXPECT_EQ(complaint("count = 1.5"), "f.toml:1: count: must be a whole number");
  EXPECT_EQ(complaint("open = 1"), "f.toml:1: open: must be true or false");
  EXPECT_EQ(complaint("words = 'a'"), "f.toml:1: words: must be a list");
  EXPECT_EQ(complaint("words = [1]"), "f.toml:1: words: must be a list of texts in quotes");
  EXPECT_EQ(complaint("figures = ['a']"), "f.toml:1: figures: must be a list of numbers");
  EXPECT_EQ(complaint("figures = [0.5, 2]"),
            "f.toml:1: figures: every number must be between 0 and 1");
  EXPECT_EQ(complaint("manager = 3"), "f.toml:1: manager: must be a table");
  EXPECT_EQ(complaint("regions = 3"), "f.toml:1: regions: must be a list");
  EXPECT_EQ(complaint("regions = [3]"), "f.toml:1: regions: must be a list of tables");
  EXPECT_EQ(complaint("\n[[regions]]\nname='a'\n[[regions]]\n"),
            "f.toml:4: regions[1].name: is missing");
  EXPECT_EQ(complaint("[manager]\nport = 70000"),
            "f.toml:2: manager.port: must be between 0 and 65535");
}

TEST(TomlFile, UnknownFieldsAreComplainedOf) {
  EXPECT_EQ(complaint("nam = 'x'"), "f.toml:1: 'nam': there is no such field");
  EXPECT_EQ(complaint("[manager]\nprot = 1"), "f.toml:2: 'manager.prot': there is no such field");
}

TEST(TomlFile, TheFirstComplaintInTheFileCounts) {
  EXPECT_EQ(complaint("open = 1\nname = 3"), "f.toml:1: open: must be true or false");
}

TEST(TomlFile, AMissingFileIsNotFound) {
  const auto file = TomlFile::read("/nowhere/fleet.toml");
  EXPECT_EQ(file.status().code(), StatusCode::kNotFound);
  EXPECT_EQ(file.status().message(), "/nowhere/fleet.toml: cannot be read");
}

}  // namespace
}  // namespace zoetrope::base
