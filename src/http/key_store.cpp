#include "http/key_store.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/base64.h"
#include "http/sha256.h"
#include "media/file.h"

namespace zoetrope::http {
namespace {

using base::Result;

constexpr int64_t kMaxFileBytes = 4 << 20;
constexpr size_t kHashDigits = 64;
constexpr size_t kMinKeyLength = 16;
constexpr int kMaxLimit = 1'000'000;

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
         });
}

bool is_hash(std::string_view hash) {
  return hash.size() == kHashDigits &&
         hash.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::optional<int> parse_limit(std::string_view text) {
  if (text.empty()) return 0;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value >= 0 && value <= kMaxLimit ? std::optional(value) : std::nullopt;
}

// What is wrong with the line, or nothing.
std::string_view parse_line(std::string_view line, ApiKey& key) {
  std::array<std::string_view, 4> parts;
  size_t count = 0;
  while (true) {
    if (count == parts.size()) return "has more than four parts";
    const size_t colon = line.find(':');
    parts[count++] = line.substr(0, colon);
    if (colon == line.npos) break;
    line.remove_prefix(colon + 1);
  }
  if (count < 2) return "must be name:sha256-hex[:requests-a-minute[:jobs-at-a-time]]";
  if (!is_name(parts[0])) return "the name must be 1 to 64 letters, digits, '-', '_' or '.'";
  if (!is_hash(parts[1])) return "the hash must be 64 lower-case hexadecimal digits";
  const auto per_minute = parse_limit(parts[2]), concurrency = parse_limit(parts[3]);
  if (!per_minute || !concurrency) return "a limit is not a whole number";
  key = {.name = std::string(parts[0]),
         .hash = std::string(parts[1]),
         .per_minute = *per_minute,
         .concurrency = *concurrency};
  return {};
}

std::string_view without_spaces(std::string_view line) {
  const size_t first = line.find_first_not_of(" \t\r");
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

Result<std::vector<ApiKey>> parse_keys(std::string_view text, std::string_view source) {
  std::vector<ApiKey> keys;
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view whole_line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), whole_line.size() + 1));
    const std::string_view line = without_spaces(whole_line);
    if (line.empty() || line.starts_with('#')) continue;
    ApiKey key;
    std::string_view wrong = parse_line(line, key);
    const bool known = std::any_of(keys.begin(), keys.end(),
                                   [&](const ApiKey& other) { return other.name == key.name; });
    if (wrong.empty() && known) wrong = "the name stands in an earlier line too";
    if (!wrong.empty()) {
      return base::invalid_argument(fmt::format("{}:{}: {}", source, number, wrong));
    }
    keys.push_back(std::move(key));
  }
  return keys;
}

Result<std::string> key_line(std::string_view name, std::string_view key) {
  if (!is_name(name)) {
    return base::invalid_argument("name: must be 1 to 64 letters, digits, '-', '_' or '.'");
  }
  if (key.size() < kMinKeyLength) {
    return base::invalid_argument(
        fmt::format("key: must have at least {} characters", kMinKeyLength));
  }
  return fmt::format("{}:{}", name, sha256_hex(key));
}

std::string make_key() {
  std::array<unsigned char, 32> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    throw base::Error(base::StatusCode::kInternal, "no random numbers for a key");
  }
  std::string text = base::to_base64(bytes);
  text.resize(text.find('='));
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return "zt-" + text;
}

Result<std::unique_ptr<KeyStore>> KeyStore::open(std::filesystem::path file) {
  std::unique_ptr<KeyStore> store(new KeyStore(std::move(file)));
  ZT_RETURN_IF_ERROR(store->reload());
  return store;
}

base::Status KeyStore::reload() {
  std::error_code ignored;  // a file that is gone is found out by reading it
  const auto changed_at = std::filesystem::last_write_time(file_, ignored);
  ZT_ASSIGN_OR_RETURN(const auto bytes, media::read_file(file_, kMaxFileBytes));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  ZT_ASSIGN_OR_RETURN(auto keys, parse_keys(text, file_.string()));
  if (keys.empty()) {
    return base::invalid_argument(fmt::format("{}: holds no key", file_.string()));
  }
  const std::scoped_lock lock(mutex_);
  keys_ = std::move(keys);
  read_at_ = changed_at;
  return {};
}

void KeyStore::reload_if_changed() {
  {
    const std::scoped_lock lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (now - looked_at_ < std::chrono::seconds(1)) return;
    looked_at_ = now;
    std::error_code gone;
    const auto changed_at = std::filesystem::last_write_time(file_, gone);
    if (gone || changed_at == read_at_) return;
  }
  // A file that is being written, or is wrong: the old keys stay, the next look tries again.
  (void)reload();
}

std::optional<ApiKey> KeyStore::find(std::string_view key) {
  reload_if_changed();
  const std::string hash = sha256_hex(key);
  std::optional<ApiKey> found;
  const std::scoped_lock lock(mutex_);
  for (const ApiKey& known : keys_) {
    if (CRYPTO_memcmp(known.hash.data(), hash.data(), kHashDigits) == 0) found = known;
  }
  return found;
}

}  // namespace zoetrope::http
