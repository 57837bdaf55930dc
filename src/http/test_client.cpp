#include "http/test_client.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <fstream>
#include <thread>

#include "base/base64.h"
#include "http/router.h"
#include "media/write_image.h"

namespace zoetrope::http::testing {
namespace {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kPatience = std::chrono::seconds(20);
constexpr const char* kBoundary = "a-boundary-of-the-tests";

void check_status(const std::string& method, const std::string& target, int status) {
  const auto verb = beast_http::string_to_verb(method);
  const RouteMatch match = match_route(verb, target.substr(0, target.find('?')));
  if (match.route == nullptr || status == 0) return;
  EXPECT_TRUE(statuses_of(*match.route).contains(status))
      << method << " " << target << " is not documented to answer " << status;
}

}  // namespace

std::string Answer::error() const {
  const auto object = nlohmann::json::parse(body, nullptr, false);
  if (!object.is_object() || !object.contains("error")) {
    ADD_FAILURE() << "no error body: " << status << " " << body.substr(0, 200);
    return {};
  }
  const auto& error = object["error"];
  EXPECT_TRUE(error.contains("message") && error.contains("type")) << body;
  const std::string message = error.value("message", "");
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  const std::string param = error["param"].is_null() ? "-" : error["param"].get<std::string>();
  return error["code"].get<std::string>() + " " + param;
}

Client::Client(uint16_t port) : socket_(io_) {
  socket_.connect(tcp::endpoint(asio::ip::make_address("127.0.0.1"), port));
}

void Client::wait(const bool& done) {
  const auto limit = std::chrono::steady_clock::now() + kPatience;
  io_.restart();
  while (!done && std::chrono::steady_clock::now() < limit) io_.run_one_until(limit);
  if (done) return;
  ADD_FAILURE() << "the server says nothing";
  error_code ignored;
  socket_.close(ignored);
  io_.restart();
  io_.run();
}

void Client::send(const std::string& text) {
  error_code ignored;  // the server may have closed: the answer tells
  asio::write(socket_, asio::buffer(text), ignored);
}

Answer Client::read_answer(bool head) {
  beast_http::response_parser<beast_http::string_body> parser;
  parser.body_limit(boost::none);
  parser.skip(head);
  bool done = false;
  error_code failed;
  beast_http::async_read(socket_, buffer_, parser, [&](error_code error, size_t) {
    failed = error;
    done = true;
  });
  wait(done);
  Answer answer;
  if (!parser.is_header_done()) return answer;
  if (failed && failed != beast_http::error::end_of_stream) {
    return {.status = -1, .body = parser.get().body(), .fields = parser.get().base()};
  }
  answer.status = static_cast<int>(parser.get().result_int());
  answer.fields = parser.get().base();
  answer.body = std::move(parser.get().body());
  return answer;
}

Answer Client::ask(const std::string& method, const std::string& target, const std::string& body,
                   const Headers& headers) {
  send(request_text(method, target, body, headers));
  Answer answer = read_answer(method == "HEAD");
  check_status(method, target, answer.status);
  EXPECT_TRUE(answer.status == 0 || !answer.header("x-request-id").empty());
  return answer;
}

std::string Client::read_some() {
  bool done = false;
  error_code failed;
  size_t count = 0;
  buffer_.max_size(64 << 20);
  socket_.async_read_some(buffer_.prepare(64 << 10), [&](error_code error, size_t bytes) {
    failed = error;
    count = bytes;
    done = true;
  });
  wait(done);
  buffer_.commit(count);
  std::string text(static_cast<const char*>(buffer_.data().data()), buffer_.size());
  buffer_.consume(buffer_.size());
  return text;
}

std::string Client::read_until(const std::string& text) {
  std::string all;
  while (all.find(text) == std::string::npos) {
    const std::string more = read_some();
    if (more.empty()) {
      ADD_FAILURE() << "closed before '" << text << "', after: " << all;
      break;
    }
    all += more;
  }
  return all;
}

bool Client::is_closed() {
  while (!read_some().empty()) {
  }
  return !::testing::Test::HasFailure();
}

void Client::leave() {
  error_code ignored;
  socket_.close(ignored);
}

void Client::stop_sending() { socket_.shutdown(tcp::socket::shutdown_send); }

std::string request_text(const std::string& method, const std::string& target,
                         const std::string& body, const Headers& headers) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\n", method, target);
  if (!headers.contains("host")) text += "host: localhost\r\n";
  for (const auto& [name, value] : headers) text += fmt::format("{}: {}\r\n", name, value);
  const bool counted = headers.contains("content-length") || headers.contains("transfer-encoding");
  if (!counted && (!body.empty() || method == "POST")) {
    text += fmt::format("content-length: {}\r\n", body.size());
  }
  return text + "\r\n" + body;
}

Bench::~Bench() {
  if (server) server->stop(std::chrono::seconds(0));
}

void Bench::start(const std::function<void(ServerOptions&)>& adjust) {
  ServerOptions options;
  options.port = 0;
  if (adjust) adjust(options);
  auto started = Server::start(jobs, registry, options);
  ASSERT_TRUE(started.ok()) << started.status().message();
  server = std::move(*started);
}

double Bench::metric(const std::string& name, const std::string& label) const {
  double sum = 0;
  for (const auto& family : registry.Collect()) {
    if (family.name != name) continue;
    for (const auto& metric : family.metric) {
      const bool wanted =
          label.empty() || std::any_of(metric.label.begin(), metric.label.end(),
                                       [&](const auto& l) { return l.value == label; });
      if (wanted) sum += metric.counter.value + metric.gauge.value;
    }
  }
  return sum;
}

bool eventually(const std::function<bool()>& condition) {
  const auto limit = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

std::string small_png() {
  media::Image picture(24, 20, {200, 40, 40});
  const auto bytes = media::encode_image(picture, media::ImageFormat::kPng).value_or_throw();
  return {bytes.begin(), bytes.end()};
}

std::string png_of_size(uint32_t width, uint32_t height) {
  std::string png = small_png();
  for (int i = 0; i < 4; ++i) {
    png[16 + i] = static_cast<char>(width >> (24 - 8 * i));
    png[20 + i] = static_cast<char>(height >> (24 - 8 * i));
  }
  uint32_t crc = ~0u;  // of the chunk IHDR, so that its size is what is wrong with it
  for (size_t i = 12; i < 29; ++i) {
    crc ^= static_cast<uint8_t>(png[i]);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0u);
  }
  crc = ~crc;
  for (int i = 0; i < 4; ++i) png[29 + i] = static_cast<char>(crc >> (24 - 8 * i));
  return png;
}

nlohmann::json clip_request() {
  const std::string png = small_png();
  const std::span bytes(reinterpret_cast<const uint8_t*>(png.data()), png.size());
  return {{"prompt", "a red square"},
          {"input_reference", "data:image/png;base64," + base::to_base64(bytes)}};
}

const Headers& json_type() {
  static const Headers kHeaders = {{"content-type", "application/json"}};
  return kHeaders;
}

const Headers& form_type() {
  static const Headers kHeaders = {
      {"content-type", fmt::format("multipart/form-data; boundary={}", kBoundary)}};
  return kHeaders;
}

std::string form_body(const std::vector<std::pair<std::string, std::string>>& fields,
                      const std::vector<FormFile>& files) {
  std::string body;
  for (const auto& [name, value] : fields) {
    body += fmt::format("--{}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n",
                        kBoundary, name, value);
  }
  for (const FormFile& file : files) {
    body += fmt::format(
        "--{}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n"
        "Content-Type: application/octet-stream\r\n\r\n",
        kBoundary, file.name, file.filename);
    body += file.bytes + "\r\n";
  }
  return body + "--" + kBoundary + "--\r\n";
}

void TemporaryFile::write(const std::string& text) {
  std::ofstream(path(), std::ios::binary | std::ios::trunc) << text;
}

}  // namespace zoetrope::http::testing
