#include "http/submission.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <random>

#include "http/sha256.h"

namespace zoetrope::http {
namespace {

namespace asio = boost::asio;
using base::Result;
using base::Status;
using base::StatusCode;

constexpr size_t kMaxKey = 255;

// Another one each time; for the same idempotency key the same, so that a repeated request is the
// same request.
uint64_t seed_for(const std::string& owner, const std::string& key) {
  if (key.empty()) {
    std::random_device random;
    return (uint64_t{random()} << 32 | random()) & static_cast<uint64_t>(kMaxSeed);
  }
  const std::string hash = sha256_hex(owner + '\n' + key);
  uint64_t seed = 0;
  std::from_chars(hash.data(), hash.data() + 13, seed, 16);  // 52 bits
  return seed;
}

Result<Submitted> parse_and_submit(const Exchange& exchange, ParseRequest parse, bool attended) {
  const std::string_view content_type = exchange.header("content-type");
  ZT_ASSIGN_OR_RETURN(const std::string key, idempotency_key(exchange));
  ZT_ASSIGN_OR_RETURN(const BodyKind kind, body_kind(content_type));
  ZT_ASSIGN_OR_RETURN(const Form form, parse_form(kind, content_type, exchange.request.body()));
  const std::string& owner = exchange.key.name;
  ZT_ASSIGN_OR_RETURN(GenerationRequest request,
                      parse(form, exchange.context->rules, seed_for(owner, key)));
  engine::JobService& jobs = exchange.context->jobs;
  bool is_new = true;
  if (!key.empty()) {
    ZT_ASSIGN_OR_RETURN(const auto known, jobs.find_by_key(owner, key));
    is_new = !known.has_value();
  }
  ZT_ASSIGN_OR_RETURN(engine::Job job, jobs.submit({.what = std::move(request.what),
                                                    .owner = owner,
                                                    .idempotency_key = key,
                                                    .attended = attended,
                                                    .deadline = request.deadline,
                                                    .owner_limit = exchange.key.concurrency}));
  return Submitted{
      .job = std::move(job), .is_new = is_new, .answer_with_url = request.answer_with_url};
}

}  // namespace

Result<std::string> idempotency_key(const Exchange& exchange) {
  const std::string_view key = exchange.header("idempotency-key");
  const bool printable =
      std::all_of(key.begin(), key.end(), [](unsigned char c) { return c > 0x20 && c < 0x7F; });
  if (!printable || key.size() > kMaxKey) {
    return base::invalid_argument(fmt::format(
        "idempotency-key: must be at most {} printable characters without spaces", kMaxKey));
  }
  return std::string(key);
}

asio::awaitable<Result<Submitted>> submit(ExchangePtr exchange, ParseRequest parse, bool attended) {
  auto work = [exchange, parse, attended] { return parse_and_submit(*exchange, parse, attended); };
  co_return co_await exchange->context->workers.run(std::move(work));
}

asio::awaitable<Status> check_room(ExchangePtr exchange) {
  engine::JobService& jobs = exchange->context->jobs;
  if (jobs.has_room()) co_return Status();
  const auto key = idempotency_key(*exchange);
  if (!key.ok()) co_return key.status();
  if (!key->empty()) {
    auto look = [exchange, key = *key] {
      return exchange->context->jobs.find_by_key(exchange->key.name, key);
    };
    const auto found = co_await exchange->context->workers.run(std::move(look));
    if (!found.ok()) co_return found.status();
    if (found->has_value()) co_return Status();
  }
  co_return base::resource_exhausted("the server is busy with another request; try again shortly");
}

}  // namespace zoetrope::http
