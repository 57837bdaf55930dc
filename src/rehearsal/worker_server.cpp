#include "rehearsal/worker_server.h"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

#include "traffic/submit/job_headers.h"

namespace zoetrope::rehearsal {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace submit = traffic::submit;
using asio::ip::tcp;
using boost::system::error_code;
using engine::Entry;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr uint64_t kBodyLimit = 1 << 20;
constexpr int kSlowness = 10;
constexpr nanoseconds kHeartbeat = std::chrono::seconds(1);

std::string head(int status, std::string_view reason, std::string_view headers) {
  return fmt::format("HTTP/1.1 {} {}\r\n{}", status, reason, headers);
}

std::string whole(int status, std::string_view reason, std::string_view headers,
                  std::string_view body) {
  return head(status, reason, headers) +
         fmt::format("content-length: {}\r\n\r\n{}", body.size(), body);
}

std::string chunk(std::string_view text) {
  return fmt::format("{:x}\r\n{}\r\n", text.size(), text);
}

std::optional<std::string_view> header(const WorkerServer::Request& request,
                                       std::string_view name) {
  const auto found = request.find(boost::beast::string_view(name.data(), name.size()));
  if (found == request.end()) return std::nullopt;
  return std::string_view(found->value().data(), found->value().size());
}

nanoseconds unix_now() { return std::chrono::system_clock::now().time_since_epoch(); }

asio::awaitable<bool> write(WorkerServer::Socket& socket, std::string text) {
  const auto [error, bytes] = co_await asio::async_write(socket, asio::buffer(text), kAwait);
  co_return !error;
}

}  // namespace

WorkerServer::WorkerServer(asio::io_context& io, StubWorkers::Place place, int index,
                           const WorkerOptions& options)
    : io_(io),
      place_(std::move(place)),
      index_(index),
      options_(options),
      life_(std::make_shared<Life>(options.slots)) {}

base::Status WorkerServer::listen() {
  error_code error;
  acceptor_.emplace(io_);
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), place_.port);
  acceptor_->open(endpoint.protocol(), error);
  if (!error) acceptor_->set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_->bind(endpoint, error);
  if (!error) acceptor_->listen(1024, error);
  if (error) {
    return base::unavailable(
        fmt::format("port: {} cannot be used: {}", place_.port, error.message()));
  }
  place_.port = acceptor_->local_endpoint().port();  // also after a crash it comes back there
  asio::co_spawn(
      io_, [self = shared_from_this()] { return self->accept_all(); }, asio::detached);
  return {};
}

void WorkerServer::close() {
  error_code ignored;
  if (acceptor_) acceptor_->close(ignored);
  for (const ConnectionPtr& connection : connections_) {
    // With a reset, as the kernel does for a process that died.
    connection->socket.set_option(asio::socket_base::linger(true, 0), ignored);
    connection->socket.close(ignored);
    connection->gone = true;
    connection->timer.cancel();
  }
}

void WorkerServer::set_fault(Fault fault) {
  const Fault before = fault_;
  fault_ = fault;
  if (fault == Fault::kDrain) life_->slots.drain();
  if (fault == Fault::kCrash) close();
  const bool new_process = before == Fault::kCrash || before == Fault::kDrain;
  if (!new_process || fault == before) return;
  life_ = std::make_shared<Life>(options_.slots);
  // The port was ours a moment ago; if somebody took it, the worker stays away.
  if (before == Fault::kCrash && !listen().ok()) fault_ = Fault::kCrash;
}

asio::awaitable<void> WorkerServer::accept_all() {
  while (acceptor_->is_open()) {
    auto [error, socket] = co_await acceptor_->async_accept(kAwait);
    if (error == asio::error::operation_aborted || !acceptor_->is_open()) break;
    if (error) continue;
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto connection = std::make_shared<Connection>(std::move(socket));
    connections_.insert(connection);
    asio::co_spawn(
        io_,
        [self = shared_from_this(), connection] { return self->serve(connection, self->life_); },
        asio::detached);
  }
}

asio::awaitable<void> WorkerServer::serve(ConnectionPtr connection, std::shared_ptr<Life> life) {
  boost::beast::flat_buffer buffer;
  bool open = true;
  while (open) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(kBodyLimit);
    const auto [error, bytes] =
        co_await http::async_read(connection->socket, buffer, parser, kAwait);
    if (error) break;
    const bool keep = parser.get().keep_alive();
    open = co_await answer(connection, life, parser.release()) && keep;
  }
  error_code ignored;
  connection->socket.close(ignored);
  connections_.erase(connection);
}

asio::awaitable<bool> WorkerServer::answer(ConnectionPtr connection, std::shared_ptr<Life> life,
                                           Request request) {
  const auto reply = [&](int status, std::string_view reason, std::string_view headers,
                         std::string_view body) {
    return write(connection->socket, whole(status, reason, headers, body));
  };
  if (fault_ == Fault::kHang) {
    co_await wait_out(connection, std::chrono::hours(1));
    co_return false;
  }
  if (request.target() == "/metrics") {
    co_return co_await reply(200, "OK", "content-type: text/plain; version=0.0.4\r\n",
                             metrics_page(*life));
  }
  if (fault_ == Fault::kUnavailable) {
    co_return co_await reply(503, "Service Unavailable", "", "unavailable\n");
  }
  if (request.target() == "/healthz") {
    if (life->slots.draining())
      co_return co_await reply(503, "Service Unavailable", "", "draining\n");
    co_return co_await reply(200, "OK", "", "ok\n");
  }
  const auto job = submit::read_job(header(request, submit::kAttemptHeader),
                                    header(request, submit::kDeadlineHeader));
  if (!job.ok()) co_return co_await reply(400, "Bad Request", "", job.status().message() + "\n");
  if (job->deadline <= unix_now()) {
    co_return co_await reply(408, "Request Timeout", "", "the deadline has passed\n");
  }
  const std::string key(header(request, submit::kIdempotencyHeader).value_or(""));
  const std::string attempts(header(request, "x-envoy-attempt-count").value_or("1"));
  engine::Slots::Admission admission = life->slots.enter(key);
  switch (admission.entry) {
    case Entry::kAccepted:
      ++counts_.accepted;
      co_return co_await generate(connection, std::move(admission.hold), attempts);
    case Entry::kDone:
      co_return co_await reply(200, "OK", "", "finished before\n");
    case Entry::kRunning:
      co_return co_await reply(409, "Conflict", "", "runs already\n");
    case Entry::kDraining:
      co_return co_await reply(503, "Service Unavailable", "", "draining\n");
    case Entry::kBusy:
      break;
  }
  ++counts_.refused;
  const auto again = engine::retry_after(life->metrics, options_.slots);
  co_return co_await reply(
      429, "Too Many Requests",
      fmt::format("retry-after: {}\r\nx-zoetrope-attempts: {}\r\n", again.count(), attempts),
      "busy\n");
}

asio::awaitable<bool> WorkerServer::generate(ConnectionPtr connection, engine::Hold hold,
                                             std::string attempts) {
  counts_.most_at_once = std::max(counts_.most_at_once, ++running_);
  nanoseconds time = service_time(options_.service, options_.seed, index_, started_++);
  if (fault_ == Fault::kSlow) time *= kSlowness;
  // The headers go out before the work: a gateway's retry slot and its admission time-out end here.
  const std::string early =
      head(200, "OK",
           fmt::format("content-type: application/json\r\ntransfer-encoding: chunked\r\n"
                       "x-zoetrope-region: {}\r\nx-zoetrope-worker: {}-{}\r\n"
                       "x-zoetrope-attempts: {}\r\n\r\n",
                       place_.region, place_.region, place_.number, attempts));
  const bool done =
      co_await write(connection->socket, early) && co_await wait_out(connection, time);
  --running_;
  // Before the last byte: whoever has the whole answer finds the slot free.
  const bool first = hold.end(done ? engine::SlotEnd::kFinished : engine::SlotEnd::kDisconnected);
  if (done && first) ++counts_.finished;
  if (!done) {
    ++counts_.disconnected;
    co_return false;
  }
  const std::string body =
      fmt::format(R"({{"region":"{}","worker":{},"seconds":{:.3f}}})", place_.region, place_.number,
                  std::chrono::duration<double>(time).count());
  co_return co_await write(connection->socket, chunk(body + "\n") + "0\r\n\r\n");
}

// The passing of `time`; false when the client left first.
asio::awaitable<bool> WorkerServer::wait_out(ConnectionPtr connection, nanoseconds time) {
  const auto end = steady_clock::now() + time;
  watch_for_leaving(connection);
  auto beat = steady_clock::now();
  while (!connection->gone && steady_clock::now() < end) {
    beat += kHeartbeat;
    connection->timer.expires_at(std::min(beat, end));
    co_await connection->timer.async_wait(kAwait);
    if (connection->gone || fault_ == Fault::kHang || steady_clock::now() >= end) continue;
    if (!co_await write(connection->socket, chunk(" "))) connection->gone = true;
  }
  error_code ignored;
  connection->socket.cancel(ignored);  // the watch
  co_return !connection->gone;
}

// Waits until the socket can be read, and takes nothing: what a client sends ahead of time belongs
// to its next request.
void WorkerServer::watch_for_leaving(const ConnectionPtr& connection) {
  connection->socket.async_wait(tcp::socket::wait_read, [connection](error_code error) {
    error_code unknown;
    if (error == asio::error::operation_aborted) return;
    if (!error && connection->socket.available(unknown) > 0 && !unknown) return;
    connection->gone = true;
    connection->timer.cancel();
  });
}

std::string WorkerServer::metrics_page(const Life& life) const {
  const bool ready = fault_ == Fault::kNone || fault_ == Fault::kSlow;
  return prometheus::TextSerializer().Serialize(life.registry.Collect()) +
         fmt::format("# TYPE zoetrope_ready gauge\nzoetrope_ready {}\n", ready ? 1 : 0);
}

}  // namespace zoetrope::rehearsal
