// GET /v1/jobs/{id}/events: server-sent events (the names are in server.h).
#include <fmt/format.h>

#include "base/base64.h"
#include "http/handlers.h"
#include "http/job_json.h"
#include "http/mailbox.h"

namespace zoetrope::http {
namespace {

namespace asio = boost::asio;
using engine::JobEvent;
using engine::JobState;

std::string_view event_name(const JobEvent& event) {
  if (!event.preview.empty()) return "preview";
  if (!event.stage.empty()) return "progress";
  switch (event.job.state) {
    case JobState::kQueued:
      return "queued";
    case JobState::kInProgress:
      return "started";
    case JobState::kCompleted:
      return "done";
    case JobState::kFailed:
      return "failed";
    case JobState::kCancelled:
      return "cancelled";
    case JobState::kExpired:
      return "expired";
  }
  return "failed";
}

std::string event_text(const JobEvent& event, int64_t number) {
  nlohmann::json data = {{"id", event.job.id},
                         {"status", engine::to_string(event.job.state)},
                         {"progress", progress_of(event)}};
  if (!event.stage.empty()) {
    data["stage"] = event.stage;
    data["step"] = event.step;
    data["of"] = event.of;
  }
  if (!event.preview.empty()) {
    data["image"] = base::to_base64(event.preview);
    data["media_type"] = "image/jpeg";
  }
  if (engine::is_final(event.job.state)) data["job"] = video_json(event.job);
  return fmt::format("id: {}\nevent: {}\ndata: {}\n\n", number, event_name(event), dump(data));
}

// Writes what the mailbox gets until the job is final, the client leaves, or the server stops.
// Whether the stream was ended properly.
asio::awaitable<bool> relay(ExchangePtr exchange, std::shared_ptr<Mailbox> mailbox) {
  const auto connection = exchange->connection;
  const auto heartbeat = exchange->context->options.limits.heartbeat;
  auto next_beat = Connection::Clock::now() + heartbeat;
  int64_t number = 0;
  while (!connection->gone() && !exchange->context->stopping) {
    while (auto event = mailbox->take()) {
      const bool is_last = engine::is_final(event->job.state);
      if (!co_await stream(exchange, event_text(*event, ++number))) co_return false;
      next_beat = Connection::Clock::now() + heartbeat;
      if (is_last) co_return co_await end_stream(exchange);
    }
    if (Connection::Clock::now() >= next_beat) {
      if (!co_await stream(exchange, ": still here\n\n")) co_return false;
      next_beat += heartbeat;
    }
    co_await connection->wait(next_beat);
  }
  co_return !connection->gone() && co_await end_stream(exchange);
}

}  // namespace

asio::awaitable<Response> job_events(ExchangePtr exchange) {
  const std::string_view previews = exchange->target.find("previews").value_or("true");
  if (previews != "true" && previews != "false") {
    co_return error_response(base::invalid_argument("previews: must be true or false"));
  }
  const auto mailbox = std::make_shared<Mailbox>(exchange->connection);
  const auto watch = co_await watch_job(exchange->context, exchange->key.name, exchange->id,
                                        {.previews = previews == "true"}, mailbox);
  if (!watch.ok()) co_return error_response(watch.status());
  Response head{.media_type = "text/event-stream"};
  head.headers.emplace_back("x-accel-buffering", "no");  // nginx would hold events back
  prometheus::Gauge& streams = exchange->context->metrics.event_streams();
  streams.Increment();
  bool whole = co_await begin_stream(exchange, std::move(head));
  exchange->connection->watch();
  if (whole) whole = co_await relay(exchange, mailbox);
  streams.Decrement();
  co_return Response{.close = !whole, .sent = true};
}

}  // namespace zoetrope::http
