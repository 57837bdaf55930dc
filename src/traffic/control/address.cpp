#include "traffic/control/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/in_quotes.h"

namespace zoetrope::traffic::control {
namespace {

using base::Result;

constexpr size_t kLongestHost = 253;  // of a DNS name

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

bool is_host(std::string_view host, bool in_brackets) {
  if (host.empty() || host.size() > kLongestHost) return false;
  return std::all_of(host.begin(), host.end(), [in_brackets](unsigned char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return letter || c == '.' || (in_brackets ? c == ':' : (c == '-' || c == '_'));
  });
}

struct Parts {
  std::string host;
  std::string_view port;
};

std::optional<Parts> split(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool in_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (in_brackets) host = host.substr(1, host.size() - 2);
  if (!is_host(host, in_brackets)) return std::nullopt;
  return Parts{std::string(host), text.substr(colon + 1)};
}

base::Status not_an_address(std::string_view text) {
  return base::invalid_argument(
      fmt::format("{} is no address of the form HOST:PORT", base::in_quotes(text)));
}

}  // namespace

std::string to_string(const Address& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", address.host, address.port)
            : fmt::format("{}:{}", address.host, address.port);
}

Result<Address> parse_address(std::string_view text) {
  const auto parts = split(text);
  const auto port = parts ? parse_port(parts->port) : std::nullopt;
  if (!port) return not_an_address(text);
  return Address{parts->host, *port};
}

Result<Address> parse_listen_address(std::string_view text) {
  const auto parts = split(text);
  if (parts && parts->port == "0") return Address{parts->host, 0};
  return parse_address(text);
}

Result<std::vector<Address>> parse_addresses(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return not_an_address(text);
  const size_t dash = parts->port.find('-');
  const auto first = parse_port(parts->port.substr(0, dash));
  const auto last =
      dash == std::string_view::npos ? first : parse_port(parts->port.substr(dash + 1));
  if (!first || !last) return not_an_address(text);
  if (*last < *first) {
    return base::invalid_argument(
        fmt::format("{}: the ports run backwards", base::in_quotes(text)));
  }
  std::vector<Address> all;
  for (int port = *first; port <= *last; ++port) {
    all.push_back({parts->host, static_cast<uint16_t>(port)});
  }
  return all;
}

bool is_ip(const Address& address) {
  in6_addr storage;
  return inet_pton(AF_INET, address.host.c_str(), &storage) == 1 ||
         inet_pton(AF_INET6, address.host.c_str(), &storage) == 1;
}

}  // namespace zoetrope::traffic::control
