#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cmath>
#include <memory>

namespace zoetrope::base {
namespace {

struct Log {
  LogFormat format = LogFormat::kLogfmt;
  std::shared_ptr<spdlog::logger> logger = std::make_shared<spdlog::logger>(
      "zoetrope", std::make_shared<spdlog::sinks::stderr_sink_mt>());

  void set(LogFormat chosen, LogLevel least);
};

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

void Log::set(LogFormat chosen, LogLevel least) {
  format = chosen;
  // The message arrives as the rest of the line, `msg` included.
  logger->set_pattern(format == LogFormat::kJson
                          ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                          : "time=%Y-%m-%dT%H:%M:%S.%eZ level=%l %v",
                      spdlog::pattern_time_type::utc);
  logger->set_level(level_of(least));
  logger->flush_on(spdlog::level::trace);
}

Log& the_log() {
  static Log log = [] {
    Log made;
    made.set(LogFormat::kLogfmt, LogLevel::kWarning);
    return made;
  }();
  return log;
}

// Whatever a stranger put into it, it stays one line and one field.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::string LogField::text(LogFormat format) const {
  if (const auto* whole = std::get_if<long long>(&value_)) return fmt::format("{}", *whole);
  if (const auto* real = std::get_if<double>(&value_)) {
    return std::isfinite(*real) ? fmt::format("{:.6g}", *real) : "0";
  }
  const std::string_view words = std::get<std::string_view>(value_);
  return format == LogFormat::kLogfmt && is_plain(words) ? std::string(words) : quoted(words);
}

void set_log(LogFormat format, LogLevel least) { the_log().set(format, least); }

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  Log& log = the_log();
  if (!log.logger->should_log(level_of(level))) return;
  const bool json = log.format == LogFormat::kJson;
  std::string line = (json ? "\"msg\":" : "msg=") + LogField("", message).text(log.format);
  for (const LogField& field : fields) {
    const std::string value = field.text(log.format);
    line += json ? fmt::format(",\"{}\":{}", field.key(), value)
                 : fmt::format(" {}={}", field.key(), value);
  }
  log.logger->log(level_of(level), "{}", line);
}

}  // namespace zoetrope::base
