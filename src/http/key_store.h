// API keys: a file with one line a key, "name:sha256-hex[:requests-a-minute[:jobs-at-a-time]]".
// Empty lines and lines that start with # are skipped; 0 or nothing means no limit. Only hashes are
// kept, and they are compared in constant time.
//
// A KeyStore may be used from any thread. It looks every second whether the file has changed; a
// file that became invalid is refused as a whole and the old keys stay.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace zoetrope::http {

struct ApiKey {
  std::string name;    // the owner of the jobs made with it
  std::string hash;    // 64 hexadecimal digits
  int per_minute = 0;  // requests for generation
  int concurrency = 0;
};

// kInvalidArgument: `source`, the line, and what is wrong with it.
base::Result<std::vector<ApiKey>> parse_keys(std::string_view text, std::string_view source);

// The line of a keys file for `key`. kInvalidArgument: a name that is not 1 to 64 letters, digits,
// '-', '_' or '.', or a key shorter than 16 characters.
base::Result<std::string> key_line(std::string_view name, std::string_view key);

// A new key: "zt-" and 43 random characters.
std::string make_key();

class KeyStore {
 public:
  // kNotFound, kInvalidArgument: the file.
  static base::Result<std::unique_ptr<KeyStore>> open(std::filesystem::path file);

  // Nothing: no such key.
  std::optional<ApiKey> find(std::string_view key);
  base::Status reload();

 private:
  explicit KeyStore(std::filesystem::path file) : file_(std::move(file)) {}
  void reload_if_changed();

  const std::filesystem::path file_;
  std::mutex mutex_;
  std::vector<ApiKey> keys_;
  std::filesystem::file_time_type read_at_{};
  std::chrono::steady_clock::time_point looked_at_{};
};

}  // namespace zoetrope::http
