// A small HTTP client for the tests: it can also misbehave. And the server under test, on a free
// port with the fake jobs behind it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "http/fake_jobs.h"
#include "http/server.h"
#include "media/image.h"
#include "support/temporary_folder.h"

namespace zoetrope::http::testing {

using Headers = std::map<std::string, std::string>;

struct Answer {
  int status = 0;  // 0: the connection was closed without one
  std::string body;
  boost::beast::http::fields fields;

  std::string header(const std::string& name) const { return std::string(fields[name]); }
  nlohmann::json json() const { return nlohmann::json::parse(body); }
  // Of an error: "invalid_value prompt", code and param. Fails the test if it is not one.
  std::string error() const;
  std::string message() const { return json().at("error").at("message"); }
};

// One connection, blocking, with a generous limit on every wait.
class Client {
 public:
  explicit Client(uint16_t port);

  // Sends a request and reads its answer. The status must be one that the router documents.
  Answer ask(const std::string& method, const std::string& target, const std::string& body = {},
             const Headers& headers = {});
  void send(const std::string& text);  // as it is
  Answer read_answer(bool head = false);
  std::string read_some();  // empty: closed
  // Reads until `text` has come; fails the test if it does not.
  std::string read_until(const std::string& text);
  bool is_closed();  // by the server, soon
  void leave();
  void stop_sending();
  boost::asio::ip::tcp::socket& socket() { return socket_; }

 private:
  void wait(const bool& done);

  boost::asio::io_context io_;
  boost::asio::ip::tcp::socket socket_;
  boost::beast::flat_buffer buffer_;
};

std::string request_text(const std::string& method, const std::string& target,
                         const std::string& body = {}, const Headers& headers = {});

struct Bench {
  Bench() = default;
  ~Bench();
  void start(const std::function<void(ServerOptions&)>& adjust = {});
  Client client() const { return Client(server->port()); }
  Answer ask(const std::string& method, const std::string& target, const std::string& body = {},
             const Headers& headers = {}) const {
    return client().ask(method, target, body, headers);
  }
  double metric(const std::string& name, const std::string& label = "") const;

  FakeJobs jobs;
  prometheus::Registry registry;
  std::unique_ptr<Server> server;
};

bool eventually(const std::function<bool()>& condition);

// A valid request for a clip, which tests change.
nlohmann::json clip_request();
std::string small_png();
std::string png_of_size(uint32_t width, uint32_t height);  // its header says so; nothing follows
const Headers& json_type();

// The body of a form; `file` fields are (name, file name, bytes).
struct FormFile {
  std::string name, filename, bytes;
};
std::string form_body(const std::vector<std::pair<std::string, std::string>>& fields,
                      const std::vector<FormFile>& files);
const Headers& form_type();

// A file under the temporary directory that goes when this does.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) { write(text); }
  void write(const std::string& text);
  std::filesystem::path path() const { return folder_.path() / "file"; }

 private:
  test_support::TemporaryFolder folder_;
};

}  // namespace zoetrope::http::testing
