// Structured log lines on stderr: an event, then fields. For services; commands that end print
// their one line themselves.
//
//   base::log(LogLevel::kInfo, "job completed", {{"job", id}, {"seconds", 1.3}});
//
//   logfmt: time=2026-11-23T11:40:00.123Z level=info msg="job completed" job=video_0a seconds=1.3
//   json:   {"time":"2026-...","level":"info","msg":"job completed","job":"video_0a","seconds":1.3}
//
// Any thread may log; a line is written whole. Fields never hold pictures, prompts or keys.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace zoetrope::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kLogfmt, kJson };

class LogField {
 public:
  LogField(std::string_view key, std::string_view value) : key_(key), value_(value) {}
  LogField(std::string_view key, const char* value) : key_(key), value_(std::string_view(value)) {}
  LogField(std::string_view key, const std::string& value)
      : key_(key), value_(std::string_view(value)) {}
  LogField(std::string_view key, std::integral auto value)
      : key_(key), value_(static_cast<long long>(value)) {}
  LogField(std::string_view key, double value) : key_(key), value_(value) {}

  std::string_view key() const { return key_; }
  // Quoted where the format wants it.
  std::string text(LogFormat format) const;

 private:
  std::string_view key_;
  std::variant<std::string_view, long long, double> value_;
};

// Before any thread logs. Until then: logfmt from kWarning on, so that tests and commands are
// quiet.
void set_log(LogFormat format, LogLevel least);

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

}  // namespace zoetrope::base
