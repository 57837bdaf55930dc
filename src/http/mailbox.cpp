#include "http/mailbox.h"

#include <boost/asio/post.hpp>

#include "base/log.h"

namespace zoetrope::http {

namespace asio = boost::asio;
using base::Result;
using engine::Job;
using engine::JobEvent;

void Mailbox::put(const JobEvent& event) {
  const std::scoped_lock lock(mutex_);
  if (last_state_ != event.job.state) {
    last_state_ = event.job.state;
    states_.push_back(event);
    states_.back().stage.clear();
    states_.back().preview.clear();
  }
  if (!event.stage.empty() && !engine::is_final(event.job.state)) {
    progress_ = event;
    progress_->preview.clear();
    if (!event.preview.empty()) preview_ = event;
  }
  if (woken_) return;
  woken_ = true;
  asio::post(connection_->executor(), [connection = connection_] { connection->notify(); });
}

std::optional<JobEvent> Mailbox::take() {
  const std::scoped_lock lock(mutex_);
  woken_ = false;
  std::optional<JobEvent> event;
  if (!states_.empty()) {
    // What was reported before the end is of no interest after it.
    event = std::move(states_.front());
    states_.pop_front();
    if (engine::is_final(event->job.state)) progress_.reset(), preview_.reset();
  } else if (progress_) {
    event.swap(progress_);
  } else {
    event.swap(preview_);
  }
  return event;
}

asio::awaitable<Result<std::shared_ptr<engine::JobWatch>>> watch_job(
    std::shared_ptr<Context> context, std::string owner, std::string id,
    engine::WatchOptions options, std::shared_ptr<Mailbox> mailbox) {
  auto start = [context, owner, id, options,
                mailbox]() -> Result<std::shared_ptr<engine::JobWatch>> {
    ZT_ASSIGN_OR_RETURN(
        auto watch,
        context->jobs.watch(owner, id, options, [mailbox](const JobEvent& e) { mailbox->put(e); }));
    return std::shared_ptr<engine::JobWatch>(std::move(watch));
  };
  co_return co_await context->workers.run(std::move(start));
}

asio::awaitable<Result<Job>> wait_until_final(ExchangePtr exchange, std::string id,
                                              bool cancel_if_gone) {
  const auto context = exchange->context;
  const auto connection = exchange->connection;
  const std::string owner = exchange->key.name;
  const auto mailbox = std::make_shared<Mailbox>(connection);
  const auto watch = co_await watch_job(context, owner, id, {}, mailbox);
  if (!watch.ok()) co_return watch.status();

  connection->watch();
  while (!connection->gone()) {
    while (auto event = mailbox->take()) {
      if (engine::is_final(event->job.state)) co_return std::move(event->job);
    }
    co_await connection->wait(Connection::Clock::time_point::max());
  }
  context->metrics.disconnects().Increment();
  if (cancel_if_gone) {
    auto cancel = [context, owner, id] { return context->jobs.cancel(owner, id); };
    const auto cancelled = co_await context->workers.run(std::move(cancel));
    if (!cancelled.ok()) {
      base::log(base::LogLevel::kWarning, "the job of a client that left could not be cancelled",
                {{"job", id}, {"problem", cancelled.status().message()}});
    }
  }
  co_return base::Status(base::StatusCode::kCancelled, "the client left");
}

}  // namespace zoetrope::http
