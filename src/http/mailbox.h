// Carries what happens to one job from the JobService's threads to the connection's. It holds the
// newest progress and the newest preview only, so a slow reader costs no memory and delays nobody;
// changes of state are few and all kept.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "engine/api/job_service.h"
#include "http/exchange.h"

namespace zoetrope::http {

class Mailbox {
 public:
  explicit Mailbox(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

  // Any thread: wakes the connection.
  void put(const engine::JobEvent& event);
  // The connection's thread: the next to be told, oldest state first.
  std::optional<engine::JobEvent> take();

 private:
  const std::shared_ptr<Connection> connection_;
  std::mutex mutex_;
  std::deque<engine::JobEvent> states_;
  std::optional<engine::JobEvent> progress_;
  std::optional<engine::JobEvent> preview_;
  std::optional<engine::JobState> last_state_;
  bool woken_ = false;
};

// Watches the job. kNotFound.
boost::asio::awaitable<base::Result<std::shared_ptr<engine::JobWatch>>> watch_job(
    std::shared_ptr<Context> context, std::string owner, std::string id,
    engine::WatchOptions options, std::shared_ptr<Mailbox> mailbox);

// Keeps the connection's client in sight until the job is final. If the client leaves first, the
// job is cancelled where `cancel_if_gone`, and the status is kCancelled.
boost::asio::awaitable<base::Result<engine::Job>> wait_until_final(ExchangePtr exchange,
                                                                   std::string id,
                                                                   bool cancel_if_gone);

}  // namespace zoetrope::http
