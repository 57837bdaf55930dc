#include "http/server.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>
#include <set>
#include <thread>

#include "base/thread_priority.h"
#include "http/session.h"
#include "http/tls_context.h"

namespace zoetrope::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using base::Result;
using base::Status;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

Result<tcp::endpoint> resolve(asio::io_context& io, const std::string& host, uint16_t port) {
  tcp::resolver resolver(io);
  error_code error;
  const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, error);
  if (error || found.empty()) {
    return base::invalid_argument(
        fmt::format("host: '{}' is not known: {}", host, error.message()));
  }
  return found.begin()->endpoint();
}

Result<tcp::acceptor> listen(asio::io_context& io, const tcp::endpoint& endpoint) {
  tcp::acceptor acceptor(io);
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(1024, error);
  if (error) {
    return base::unavailable(
        fmt::format("port: {} cannot be used: {}", endpoint.port(), error.message()));
  }
  return acceptor;
}

}  // namespace

// All but the constructor, run() and what waits for it happens on the thread of `io_`.
class Server::Impl {
 public:
  Impl(std::shared_ptr<Context> context, std::unique_ptr<asio::ssl::context> tls,
       std::unique_ptr<asio::io_context> io, tcp::acceptor acceptor)
      : context_(std::move(context)),
        tls_(std::move(tls)),
        io_(std::move(io)),
        acceptor_(std::move(acceptor)),
        local_(acceptor_.local_endpoint()) {
    asio::co_spawn(*io_, accept_all(), asio::detached);
    thread_ = std::thread([this] {
      base::prefer_latency();
      io_->run();
    });
  }
  ~Impl() { stop(std::chrono::seconds(0)); }

  uint16_t port() const { return local_.port(); }
  std::string address() const;
  Status reload_keys() { return context_->keys ? context_->keys->reload() : Status(); }
  void stop(std::chrono::seconds patience);

 private:
  asio::awaitable<void> accept_all();
  asio::awaitable<void> run(std::shared_ptr<Connection> connection);
  void begin_stop();

  const std::shared_ptr<Context> context_;
  const std::unique_ptr<asio::ssl::context> tls_;
  const std::unique_ptr<asio::io_context> io_;
  tcp::acceptor acceptor_;
  const tcp::endpoint local_;
  std::set<std::shared_ptr<Connection>> connections_;
  std::promise<void> all_closed_;
  std::thread thread_;
};

std::string Server::Impl::address() const {
  const bool any = local_.address().is_unspecified();
  std::string host = any ? "127.0.0.1" : local_.address().to_string();
  if (!any && local_.address().is_v6()) host = "[" + host + "]";
  return fmt::format("{}://{}:{}", tls_ ? "https" : "http", host, local_.port());
}

asio::awaitable<void> Server::Impl::accept_all() {
  while (acceptor_.is_open()) {
    auto [error, socket] = co_await acceptor_.async_accept(kAwait);
    if (error == asio::error::operation_aborted || context_->stopping) break;
    if (error) {  // out of descriptors, most likely: others have to leave first
      asio::steady_timer pause(*io_, std::chrono::milliseconds(50));
      co_await pause.async_wait(kAwait);
      continue;
    }
    if (static_cast<int>(connections_.size()) >= context_->options.limits.connections) {
      context_->metrics.refused("connections");
      continue;  // closes it
    }
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto connection = std::make_shared<Connection>(std::move(socket), tls_.get());
    connections_.insert(connection);
    context_->metrics.connections().Increment();
    asio::co_spawn(*io_, run(std::move(connection)), asio::detached);
  }
}

asio::awaitable<void> Server::Impl::run(std::shared_ptr<Connection> connection) {
  try {
    co_await serve(context_, connection);
  } catch (const std::exception&) {
    connection->close();  // out of memory: the others go on
  }
  connections_.erase(connection);
  context_->metrics.connections().Decrement();
  if (context_->stopping && connections_.empty()) all_closed_.set_value();
}

void Server::Impl::begin_stop() {
  context_->stopping = true;
  error_code ignored;
  acceptor_.close(ignored);
  for (const auto& connection : connections_) connection->stop_if_idle();
  if (connections_.empty()) all_closed_.set_value();
}

void Server::Impl::stop(std::chrono::seconds patience) {
  if (!thread_.joinable()) return;
  asio::post(*io_, [this] { begin_stop(); });
  auto closed = all_closed_.get_future();
  if (closed.wait_for(patience) != std::future_status::ready) {
    asio::post(*io_, [this] {
      for (const auto& connection : connections_) connection->close();
    });
    closed.wait();
  }
  thread_.join();  // nothing is left for run() to do
  context_->workers.join();
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(engine::JobService& jobs,
                                              prometheus::Registry& registry,
                                              ServerOptions options) {
  auto io = std::make_unique<asio::io_context>(1);
  std::unique_ptr<asio::ssl::context> tls;
  if (!options.tls_certificate.empty() || !options.tls_key.empty()) {
    ZT_ASSIGN_OR_RETURN(tls, load_tls(options.tls_certificate, options.tls_key));
  }
  ZT_ASSIGN_OR_RETURN(const tcp::endpoint endpoint, resolve(*io, options.host, options.port));
  std::unique_ptr<KeyStore> keys;
  if (!options.keys_file.empty()) {
    ZT_ASSIGN_OR_RETURN(keys, KeyStore::open(options.keys_file));
  } else if (!endpoint.address().is_loopback() && !options.open) {
    return base::invalid_argument(
        fmt::format("keys: {} can be reached from other machines, which needs a file of API keys",
                    options.host));
  }
  ZT_ASSIGN_OR_RETURN(tcp::acceptor acceptor, listen(*io, endpoint));
  const RequestRules rules{.model = options.model,
                           .defaults = jobs.engine().defaults(),
                           .picture_bytes = options.limits.body_bytes,
                           .picture_pixels = options.limits.picture_pixels,
                           .max_side = options.limits.side,
                           .max_deadline = options.limits.deadline};
  std::shared_ptr<Context> context(new Context{.jobs = jobs,
                                               .registry = registry,
                                               .options = std::move(options),
                                               .rules = rules,
                                               .started = std::time(nullptr),
                                               .keys = std::move(keys),
                                               .metrics = HttpMetrics(registry)});
  return std::unique_ptr<Server>(new Server(std::make_unique<Impl>(
      std::move(context), std::move(tls), std::move(io), std::move(acceptor))));
}

uint16_t Server::port() const { return impl_->port(); }
std::string Server::address() const { return impl_->address(); }
Status Server::reload_keys() { return impl_->reload_keys(); }
void Server::stop(std::chrono::seconds patience) { impl_->stop(patience); }

}  // namespace zoetrope::http
