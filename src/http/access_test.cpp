// Who may do what: keys, rates, other sites' pages, TLS.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <filesystem>

#include "http/key_store.h"
#include "http/rate_limiter.h"
#include "http/test_client.h"

namespace zoetrope::http::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr const char* kAlice = "alice-secret-key-0001";
constexpr const char* kBob = "bob-secret-key-000002";

std::string line(const char* name, const char* key, const char* limits = "") {
  return key_line(name, key).value_or_throw() + limits + "\n";
}

Headers with_key(const std::string& key) {
  Headers headers = json_type();
  headers["authorization"] = "Bearer " + key;
  return headers;
}

TEST(Keys, AreNeededWhereTheyAreUsed) {
  TemporaryFile keys("# ours\n\n" + line("alice", kAlice) + line("bob", kBob));
  Bench bench;
  bench.jobs.room = 5;
  bench.start([&](ServerOptions& options) { options.keys_file = keys.path(); });
  for (const char* path : {"/v1/models", "/v1/videos", "/metrics", "/v1/jobs/video_1/events"}) {
    const Answer answer = bench.ask("GET", path);
    EXPECT_EQ(answer.status, 401) << path;
    EXPECT_EQ(answer.error(), "invalid_api_key authorization");
    EXPECT_EQ(answer.header("www-authenticate"), "Bearer");
  }
  for (const char* path : {"/", "/docs", "/openapi.json", "/health/live", "/health/ready"}) {
    EXPECT_EQ(bench.ask("GET", path).status, 200) << path;
  }
  EXPECT_EQ(bench.ask("GET", "/v1/models", {}, with_key("wrong")).status, 401);
  EXPECT_EQ(bench.ask("GET", "/v1/models", {}, {{"authorization", "Basic YTpi"}}).status, 401);
  EXPECT_EQ(bench.ask("GET", "/v1/models", {}, with_key(kAlice)).status, 200);

  const std::string body = clip_request().dump();
  EXPECT_EQ(bench.ask("POST", "/v1/videos", body).status, 401);
  const std::string id = bench.ask("POST", "/v1/videos", body, with_key(kAlice)).json()["id"];
  EXPECT_EQ(bench.jobs.jobs().at(0).owner, "alice");
  EXPECT_EQ(bench.ask("GET", "/v1/videos/" + id, {}, with_key(kBob)).status, 404);
  EXPECT_EQ(bench.ask("GET", "/v1/videos", {}, with_key(kBob)).json()["data"].size(), 0u);
  EXPECT_EQ(bench.ask("GET", "/v1/videos", {}, with_key(kAlice)).json()["data"].size(), 1u);
}

TEST(Keys, FilesAreReadAgain) {
  TemporaryFile keys(line("alice", kAlice));
  Bench bench;
  bench.start([&](ServerOptions& options) { options.keys_file = keys.path(); });
  keys.write(line("bob", kBob));
  EXPECT_TRUE(bench.server->reload_keys().ok());
  EXPECT_EQ(bench.ask("GET", "/v1/models", {}, with_key(kAlice)).status, 401);
  EXPECT_EQ(bench.ask("GET", "/v1/models", {}, with_key(kBob)).status, 200);
  keys.write("not a key\n");
  EXPECT_FALSE(bench.server->reload_keys().ok());
  EXPECT_EQ(bench.ask("GET", "/v1/models", {}, with_key(kBob)).status, 200);
  // Without being told, too.
  keys.write(line("alice", kAlice));
  std::filesystem::last_write_time(keys.path(), std::filesystem::file_time_type::clock::now() + 1h);
  EXPECT_TRUE(eventually(
      [&] { return bench.ask("GET", "/v1/models", {}, with_key(kAlice)).status == 200; }));
}

TEST(Keys, HaveTheirLimits) {
  TemporaryFile keys(line("alice", kAlice, ":2") + line("bob", kBob, ":0:1"));
  Bench bench;
  bench.jobs.room = 9;
  bench.start([&](ServerOptions& options) { options.keys_file = keys.path(); });
  const std::string body = clip_request().dump();
  EXPECT_EQ(bench.ask("POST", "/v1/videos", body, with_key(kAlice)).status, 200);
  EXPECT_EQ(bench.ask("POST", "/v1/videos", body, with_key(kAlice)).status, 200);
  const Answer third = bench.ask("POST", "/v1/videos", body, with_key(kAlice));
  EXPECT_EQ(third.status, 429);
  EXPECT_EQ(third.error(), "rate_limit_exceeded -");
  EXPECT_GT(std::stoi(third.header("retry-after")), 10);
  EXPECT_EQ(bench.ask("GET", "/v1/models", {}, with_key(kAlice)).status, 200);  // looking is free
  EXPECT_EQ(bench.ask("POST", "/v1/videos", body, with_key(kBob)).status, 200);
  EXPECT_EQ(bench.ask("POST", "/v1/videos", body, with_key(kBob)).status, 429);  // one at a time
}

TEST(Keys, FilesWithMistakesAreRefused) {
  const std::string hash(64, 'a');
  for (const std::string& text :
       {std::string("alice"), "alice:" + hash.substr(1), "alice:" + hash + ":x",
        "alice:" + hash + ":1:2:3", ":" + hash, "a b:" + hash, "alice:" + hash + ":-1",
        "alice:" + hash + "\nalice:" + hash, "alice:" + std::string(64, 'G')}) {
    const auto keys = parse_keys(text, "keys");
    EXPECT_FALSE(keys.ok()) << text;
    EXPECT_THAT(keys.status().message(), HasSubstr("keys:")) << text;
  }
  EXPECT_FALSE(key_line("alice", "short").ok());
  EXPECT_FALSE(key_line("al:ice", kAlice).ok());
  EXPECT_NE(make_key(), make_key());
  EXPECT_TRUE(key_line("alice", make_key()).ok());
}

TEST(Keys, AreNeededOnOpenAddresses) {
  FakeJobs jobs;
  prometheus::Registry registry;
  ServerOptions options;
  options.port = 0;
  options.host = "0.0.0.0";
  const auto refused = Server::start(jobs, registry, options);
  EXPECT_EQ(refused.status().code(), base::StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.status().message(), HasSubstr("keys"));
  options.open = true;
  EXPECT_TRUE(Server::start(jobs, registry, options).ok());
  options.keys_file = "no such file";
  EXPECT_EQ(Server::start(jobs, registry, options).status().code(), base::StatusCode::kNotFound);
}

TEST(RateLimiter, FillsUpWithTime) {
  RateLimiter limiter;
  const auto start = RateLimiter::Clock::now();
  for (int i = 0; i < 6; ++i) EXPECT_EQ(limiter.take("a", 6, start), 0s);
  EXPECT_EQ(limiter.take("a", 6, start), 10s);
  EXPECT_EQ(limiter.take("b", 6, start), 0s);
  EXPECT_EQ(limiter.take("a", 6, start + 10s), 0s);
  EXPECT_GT(limiter.take("a", 6, start + 10s), 0s);
  EXPECT_EQ(limiter.take("c", 0, start), 0s);  // no limit
}

TEST(Sites, OthersMayNotAct) {
  Bench bench;
  bench.start();
  const std::string body = clip_request().dump();
  Headers headers = json_type();
  headers["origin"] = "https://evil.example";
  EXPECT_EQ(bench.ask("POST", "/v1/videos", body, headers).error(), "permission_denied origin");
  headers["origin"] = "null";
  EXPECT_EQ(bench.ask("POST", "/v1/videos", body, headers).status, 403);
  // A site that lets its own name point here.
  EXPECT_EQ(bench.ask("GET", "/v1/videos", {}, {{"host", "evil.example"}}).error(),
            "permission_denied host");
  EXPECT_EQ(bench.ask("GET", "/v1/videos", {}, {{"host", "127.evil.example"}}).status, 403);
  EXPECT_EQ(bench.ask("GET", "/v1/videos", {}, {{"host", "127.0.0.1:8000"}}).status, 200);
  headers["origin"] = "http://localhost";
  const Answer own = bench.ask("POST", "/v1/videos", body, headers);
  EXPECT_EQ(own.status, 200);
  EXPECT_TRUE(own.header("access-control-allow-origin").empty());
  EXPECT_EQ(bench.ask("OPTIONS", "/v1/videos", {}, headers).status, 405);
}

TEST(Sites, MayWhereTheyAreAllowed) {
  Bench bench;
  bench.start([](ServerOptions& options) { options.cors_origins = {"https://app.example"}; });
  Headers headers = json_type();
  headers["origin"] = "https://app.example";
  const Answer made = bench.ask("POST", "/v1/videos", clip_request().dump(), headers);
  EXPECT_EQ(made.status, 200);
  EXPECT_EQ(made.header("access-control-allow-origin"), "https://app.example");
  EXPECT_EQ(made.header("vary"), "origin");
  headers["access-control-request-method"] = "POST";
  const Answer asked = bench.ask("OPTIONS", "/v1/videos", {}, headers);
  EXPECT_EQ(asked.status, 204);
  EXPECT_THAT(asked.header("access-control-allow-methods"), HasSubstr("POST"));
  headers["origin"] = "https://evil.example";
  EXPECT_EQ(bench.ask("OPTIONS", "/v1/videos", {}, headers).status, 405);
}

// A key and a certificate for localhost that signs itself.
std::pair<std::string, std::string> make_certificate() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_sign(certificate, key, EVP_sha256());
  const auto text_of = [](BIO* memory) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    std::string text(data, static_cast<size_t>(size));
    BIO_free(memory);
    return text;
  };
  BIO* key_memory = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_memory, key, nullptr, nullptr, 0, nullptr, nullptr);
  BIO* certificate_memory = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate_memory, certificate);
  EVP_PKEY_free(key);
  X509_free(certificate);
  return {text_of(certificate_memory), text_of(key_memory)};
}

class SecureClient {
 public:
  explicit SecureClient(uint16_t port) : stream_(io_, tls_) {
    stream_.next_layer().connect({boost::asio::ip::make_address("127.0.0.1"), port});
    stream_.handshake(boost::asio::ssl::stream_base::client);
  }
  Answer ask(const std::string& text) {
    boost::asio::write(stream_, boost::asio::buffer(text));
    boost::beast::http::response_parser<boost::beast::http::string_body> parser;
    boost::beast::http::read(stream_, buffer_, parser);
    return {.status = static_cast<int>(parser.get().result_int()),
            .body = parser.get().body(),
            .fields = parser.get().base()};
  }
  void send(const std::string& text) { boost::asio::write(stream_, boost::asio::buffer(text)); }
  void leave() { stream_.next_layer().close(); }

 private:
  boost::asio::io_context io_;
  boost::asio::ssl::context tls_{boost::asio::ssl::context::tls_client};
  boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_;
  boost::beast::flat_buffer buffer_;
};

TEST(Tls, ServesTheSameThing) {
  const auto [certificate, key] = make_certificate();
  const TemporaryFile certificate_file(certificate), key_file(key);
  Bench bench;
  bench.jobs.content = std::string(3 << 20, 'x');
  bench.start([&](ServerOptions& options) {
    options.tls_certificate = certificate_file.path();
    options.tls_key = key_file.path();
  });
  EXPECT_THAT(bench.server->address(), HasSubstr("https://"));
  SecureClient client(bench.server->port());
  EXPECT_EQ(client.ask(request_text("GET", "/v1/models")).status, 200);
  const Answer made =
      client.ask(request_text("POST", "/v1/videos", clip_request().dump(), json_type()));
  ASSERT_EQ(made.status, 200) << made.body;
  const std::string id = made.json()["id"];
  bench.jobs.complete(id);
  EXPECT_EQ(client.ask(request_text("GET", "/v1/videos/" + id + "/content")).body,
            bench.jobs.content);

  SecureClient waiting(bench.server->port());
  waiting.send(request_text("POST", "/v1/videos/sync", clip_request().dump(), json_type()));
  ASSERT_TRUE(eventually([&] { return bench.jobs.watching() == 1; }));
  waiting.leave();
  EXPECT_TRUE(
      eventually([&] { return bench.jobs.jobs().at(1).state == engine::JobState::kCancelled; }));
  Client plain = bench.client();  // not TLS: closed, and nobody else is hurt
  plain.send(request_text("GET", "/v1/models"));
  EXPECT_TRUE(plain.is_closed());
  EXPECT_EQ(client.ask(request_text("GET", "/v1/models")).status, 200);
}

TEST(Tls, FilesThatAreWrongAreNamed) {
  FakeJobs jobs;
  prometheus::Registry registry;
  ServerOptions options;
  options.port = 0;
  const TemporaryFile nonsense("nonsense");
  options.tls_certificate = nonsense.path();
  EXPECT_FALSE(Server::start(jobs, registry, options).ok());
  options.tls_key = nonsense.path();
  EXPECT_THAT(Server::start(jobs, registry, options).status().message(),
              HasSubstr(nonsense.path().string()));
}

}  // namespace
}  // namespace zoetrope::http::testing
