#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zoetrope::base {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

std::string logged(LogFormat format, LogLevel least, const auto& write) {
  set_log(format, least);
  testing::internal::CaptureStderr();
  write();
  std::string text = testing::internal::GetCapturedStderr();
  set_log(LogFormat::kLogfmt, LogLevel::kWarning);
  return text;
}

TEST(LogTest, LogfmtQuotesOnlyWhatNeedsIt) {
  const std::string line = logged(LogFormat::kLogfmt, LogLevel::kInfo, [] {
    log(LogLevel::kInfo, "job completed", {{"job", "video_1"}, {"seconds", 1.25}, {"steps", 8}});
  });
  EXPECT_THAT(line, MatchesRegex("time=[^ ]+Z level=info msg=\"job completed\" job=video_1 "
                                 "seconds=1\\.25 steps=8\n"));
}

TEST(LogTest, JsonIsOneObjectALine) {
  const std::string line = logged(LogFormat::kJson, LogLevel::kInfo, [] {
    log(LogLevel::kError, "it broke", {{"reason", "a \"word\""}});
  });
  EXPECT_THAT(line, HasSubstr(R"("level":"error","msg":"it broke","reason":"a \"word\""})"));
}

TEST(LogTest, AStrangersTextCannotForgeALine) {
  const std::string line = logged(LogFormat::kLogfmt, LogLevel::kInfo, [] {
    log(LogLevel::kWarning, "refused", {{"path", "/x\nlevel=info msg=forged"}});
  });
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_THAT(line, HasSubstr("path=\"/x\\u000alevel=info msg=forged\""));
}

TEST(LogTest, BelowTheLevelNothingIsWritten) {
  EXPECT_EQ(logged(LogFormat::kLogfmt, LogLevel::kWarning, [] { log(LogLevel::kInfo, "hush"); }),
            "");
}

}  // namespace
}  // namespace zoetrope::base
