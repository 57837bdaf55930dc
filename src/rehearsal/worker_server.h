// One stub worker: its port, its slots, its connections. See stub_worker.h. Everything happens on
// the thread of the io_context.
#pragma once

#include <prometheus/registry.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <set>
#include <string>

#include "engine/api/slot.h"
#include "rehearsal/stub_worker.h"

namespace zoetrope::rehearsal {

class WorkerServer : public std::enable_shared_from_this<WorkerServer> {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using Request = boost::beast::http::request<boost::beast::http::string_body>;

  WorkerServer(boost::asio::io_context& io, StubWorkers::Place place, int index,
               const WorkerOptions& options);

  base::Status listen();
  void set_fault(Fault fault);
  void set_service(const ServiceTime& service) { options_.service = service; }
  // Breaks off everything.
  void close();

  const StubWorkers::Place& place() const { return place_; }
  const WorkerCounts& counts() const { return counts_; }

 private:
  // What a process has and loses with a crash.
  struct Life {
    explicit Life(int slots_there) : metrics(registry, slots_there), slots(slots_there, metrics) {}
    prometheus::Registry registry;
    engine::SlotMetrics metrics;
    engine::Slots slots;
  };
  struct Connection {
    explicit Connection(Socket accepted)
        : socket(std::move(accepted)), timer(socket.get_executor()) {}
    Socket socket;
    boost::asio::steady_timer timer;
    bool gone = false;  // the client, while it waited for the body
  };
  using ConnectionPtr = std::shared_ptr<Connection>;

  boost::asio::awaitable<void> accept_all();
  boost::asio::awaitable<void> serve(ConnectionPtr connection, std::shared_ptr<Life> life);
  // False: the connection is of no more use. What the slots are of (`life`) must outlive the holds,
  // so whoever awaits generate() has it.
  boost::asio::awaitable<bool> answer(ConnectionPtr connection, std::shared_ptr<Life> life,
                                      Request request);
  boost::asio::awaitable<bool> generate(ConnectionPtr connection, engine::Hold hold,
                                        std::string attempts);
  boost::asio::awaitable<bool> wait_out(ConnectionPtr connection, std::chrono::nanoseconds time);
  void watch_for_leaving(const ConnectionPtr& connection);
  std::string metrics_page(const Life& life) const;

  boost::asio::io_context& io_;
  StubWorkers::Place place_;
  const int index_;
  WorkerOptions options_;
  Fault fault_ = Fault::kNone;
  std::optional<boost::asio::ip::tcp::acceptor> acceptor_;
  std::set<ConnectionPtr> connections_;
  std::shared_ptr<Life> life_;
  WorkerCounts counts_;
  int running_ = 0;
  int64_t started_ = 0;  // jobs: which service time is next
};

}  // namespace zoetrope::rehearsal
