#include "web/web.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "web/files.h"

namespace zoetrope::web {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string source(const std::string& path) {
  std::ifstream file(std::string(ZOETROPE_SOURCE_DIR) + "/" + path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string text_of(std::string_view path) {
  const auto file = find(path);
  return file ? std::string(file->bytes) : std::string();
}

TEST(Web, HoldsTheFilesByteForByte) {
  for (const auto& [path, name, type] :
       {std::array{"/", "src/web/page/index.html", "text/html; charset=utf-8"},
        std::array{"/docs", "src/web/page/docs.html", "text/html; charset=utf-8"},
        std::array{"/assets/app.js", "src/web/page/app.js", "text/javascript; charset=utf-8"},
        std::array{"/assets/style.css", "src/web/page/style.css", "text/css; charset=utf-8"},
        std::array{"/examples/owl.png", "examples/owl.png", "image/png"}}) {
    const auto file = find(path);
    ASSERT_TRUE(file) << path;
    const std::string expected = source(name);
    ASSERT_FALSE(expected.empty()) << name;
    EXPECT_TRUE(file->bytes == expected) << path;
    EXPECT_EQ(file->media_type, type);
  }
}

TEST(Web, KnowsNothingElse) {
  for (const char* path : {"", "//", "/index.html", "/docs/", "/assets", "/assets/", "/assets/../",
                           "/examples/owl.png/", "/../../etc/passwd", "/?"}) {
    EXPECT_FALSE(find(path)) << path;
  }
}

TEST(Web, EveryFileHasItsOwnTag) {
  std::set<std::string_view> tags;
  for (const NamedFile& named : all_files()) {
    EXPECT_TRUE(std::regex_match(std::string(named.file.etag), std::regex("\"[0-9a-f]{32}\"")))
        << named.path;
    EXPECT_TRUE(tags.insert(named.file.etag).second) << named.path;
  }
}

// A link in a page that leads nowhere, or out of the house, would only show in a browser.
TEST(Web, EveryReferenceIsServed) {
  const std::regex reference("\\b(?:src|href|from|import) ?=? ?[\"']([^\"'#\\s]+)[\"']");
  int followed = 0;
  for (const NamedFile& named : all_files()) {
    if (named.file.media_type.substr(0, 5) != "text/") continue;
    const std::string text(named.file.bytes);
    for (std::sregex_iterator match(text.begin(), text.end(), reference), end; match != end;
         ++match) {
      std::string target = (*match)[1];
      if (target.substr(0, 2) == "./") target = "/assets" + target.substr(1);
      if (target == "/openapi.json") continue;  // the server's own
      EXPECT_TRUE(find(target)) << named.path << " refers to " << target;
      ++followed;
    }
  }
  EXPECT_GT(followed, 10);
}

TEST(Web, NothingInlineAndNothingFromElsewhere) {
  for (const NamedFile& named : all_files()) {
    if (named.file.media_type.substr(0, 5) != "text/") continue;
    const std::string text(named.file.bytes);
    EXPECT_THAT(text, Not(HasSubstr("http://"))) << named.path;
    EXPECT_THAT(text, Not(HasSubstr("https://"))) << named.path;
    EXPECT_THAT(text, Not(HasSubstr("innerHTML"))) << named.path;
  }
  for (const char* path : {"/", "/docs"}) {
    const std::string text = text_of(path);
    EXPECT_FALSE(std::regex_search(text, std::regex("<style|\\sstyle=|\\son[a-z]+=|<script>")))
        << path;
  }
  EXPECT_THAT(std::string(kContentSecurityPolicy), Not(HasSubstr("unsafe")));
}

}  // namespace
}  // namespace zoetrope::web
