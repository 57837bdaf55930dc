// Clips: making, listing, looking, cancelling, deleting.
#include <fmt/format.h>

#include <future>
#include <mutex>

#include "http/handlers.h"
#include "http/job_json.h"
#include "http/mailbox.h"
#include "http/submission.h"

namespace zoetrope::http {
namespace {

namespace asio = boost::asio;
using base::Result;
using engine::Job;
using engine::JobState;

constexpr std::string_view kPrefix = "video_";
constexpr auto kProgressPatience = std::chrono::milliseconds(50);

base::Status no_such_video(const std::string& id) {
  return base::not_found(fmt::format("id: there is no video '{}'", id));
}

// Jobs of pictures are not shown here.
bool is_video_id(const std::string& id) { return id.starts_with(kPrefix); }

struct ListParameters {
  engine::JobQuery query;
};

Result<ListParameters> parse_list(const Exchange& exchange) {
  const Target& target = exchange.target;
  ListParameters list;
  list.query.owner = exchange.key.name;
  ZT_ASSIGN_OR_RETURN(const int64_t limit, whole_parameter(target, "limit", 1, 100, 20));
  list.query.limit = static_cast<int>(limit);
  list.query.after = std::string(target.find("after").value_or(""));
  const std::string_view order = target.find("order").value_or("desc");
  if (order != "asc" && order != "desc") {
    return base::invalid_argument("order: must be asc or desc");
  }
  list.query.newest_first = order == "desc";
  return list;
}

// Pages of the store hold pictures too: reads on until the page is full of clips.
Result<engine::JobPage> list_clips(engine::JobService& jobs, engine::JobQuery query) {
  const auto wanted = static_cast<size_t>(query.limit);
  engine::JobPage clips;
  query.limit = 100;
  while (true) {
    ZT_ASSIGN_OR_RETURN(engine::JobPage page, jobs.list(query));
    for (Job& job : page.jobs) {
      query.after = job.id;
      if (!is_video_id(job.id)) continue;
      if (clips.jobs.size() == wanted) {
        clips.has_more = true;
        return clips;
      }
      clips.jobs.push_back(std::move(job));
    }
    if (!page.has_more || page.jobs.empty()) return clips;
  }
}

// How far a running job is: what its watchers are told first.
int progress_now(engine::JobService& jobs, const Job& job) {
  if (job.state != JobState::kInProgress) return 0;
  const auto first = std::make_shared<std::promise<int>>();
  const auto told = std::make_shared<std::once_flag>();
  auto told_once = [first, told](const engine::JobEvent& event) {
    std::call_once(*told, [&] { first->set_value(progress_of(event)); });
  };
  std::future<int> progress = first->get_future();
  const auto watch = jobs.watch(job.owner, job.id, {}, told_once);
  const bool came = watch.ok() && progress.wait_for(kProgressPatience) == std::future_status::ready;
  return came ? progress.get() : 0;
}

Response shown(const Result<Job>& job) {
  return job.ok() ? json_response(dump(video_json(*job))) : error_response(job.status());
}

// What is said when a job that somebody waited for did not end well.
base::Status failure_of(const Job& job) {
  if (job.error) return {job.error->code, job.error->message};
  return {base::StatusCode::kCancelled, "the job was cancelled"};
}

}  // namespace

asio::awaitable<Response> create_video(ExchangePtr exchange) {
  const auto submitted = co_await submit(exchange, parse_video_request, false);
  if (!submitted.ok()) co_return error_response(submitted.status());
  co_return json_response(dump(video_json(submitted->job)));
}

asio::awaitable<Response> create_video_sync(ExchangePtr exchange) {
  const auto submitted = co_await submit(exchange, parse_video_request, true);
  if (!submitted.ok()) co_return error_response(submitted.status());
  const Job& accepted = submitted->job;
  Response head{.media_type = std::string(engine::media_type(accepted.what.format))};
  head.headers.emplace_back("x-job-id", accepted.id);
  head.headers.emplace_back("x-seed", std::to_string(accepted.what.request.seed));
  // HTTP/1.0 knows no chunks: its answer comes when it is whole.
  const bool early = exchange->request.version() >= 11;
  if (early) co_await begin_stream(exchange, head);

  const auto job = co_await wait_until_final(exchange, accepted.id, submitted->is_new);
  Response broken_off{.status = 200, .close = true, .sent = true};
  base::Status failure = job.ok() ? base::Status() : job.status();
  if (job.ok() && job->state != JobState::kCompleted) failure = failure_of(*job);
  std::string clip;
  if (failure.ok()) {
    auto read = [exchange, id = accepted.id] {
      return exchange->context->jobs.read(exchange->key.name, id, 0);
    };
    const auto bytes = co_await exchange->context->workers.run(std::move(read));
    if (bytes.ok()) clip.assign(bytes->begin(), bytes->end());
    failure = bytes.status();
  }
  // After the headers there is no other way to tell than to end in the middle.
  if (!failure.ok()) co_return early ? broken_off : error_response(failure);
  if (!early) {
    head.body = std::move(clip);
    co_return head;
  }
  if (!co_await stream(exchange, std::move(clip))) co_return broken_off;
  if (!co_await end_stream(exchange)) co_return broken_off;
  co_return Response{.sent = true};
}

asio::awaitable<Response> list_videos(ExchangePtr exchange) {
  const auto list = parse_list(*exchange);
  if (!list.ok()) co_return error_response(list.status());
  auto work = [exchange, query = list->query] {
    return list_clips(exchange->context->jobs, query);
  };
  const auto page = co_await exchange->context->workers.run(std::move(work));
  if (!page.ok()) {
    const bool unknown = page.status().code() == base::StatusCode::kNotFound;
    co_return error_response(unknown ? base::not_found("after: there is no such video")
                                     : page.status());
  }
  nlohmann::json data = nlohmann::json::array();
  for (const Job& job : page->jobs) data.push_back(video_json(job));
  nlohmann::json object = {{"object", "list"},
                           {"first_id", nullptr},
                           {"last_id", nullptr},
                           {"has_more", page->has_more}};
  if (!page->jobs.empty()) {
    object["first_id"] = page->jobs.front().id;
    object["last_id"] = page->jobs.back().id;
  }
  object["data"] = std::move(data);
  co_return json_response(dump(object));
}

asio::awaitable<Response> get_video(ExchangePtr exchange) {
  if (!is_video_id(exchange->id)) co_return error_response(no_such_video(exchange->id));
  auto work = [exchange]() -> Result<std::string> {
    engine::JobService& jobs = exchange->context->jobs;
    ZT_ASSIGN_OR_RETURN(const Job job, jobs.get(exchange->key.name, exchange->id));
    return dump(video_json(job, progress_now(jobs, job)));
  };
  auto body = co_await exchange->context->workers.run(std::move(work));
  co_return body.ok() ? json_response(std::move(*body)) : error_response(body.status());
}

asio::awaitable<Response> cancel_video(ExchangePtr exchange) {
  if (!is_video_id(exchange->id)) co_return error_response(no_such_video(exchange->id));
  auto work = [exchange] {
    return exchange->context->jobs.cancel(exchange->key.name, exchange->id);
  };
  const auto job = co_await exchange->context->workers.run(std::move(work));
  co_return shown(job);
}

asio::awaitable<Response> remove_video(ExchangePtr exchange) {
  if (!is_video_id(exchange->id)) co_return error_response(no_such_video(exchange->id));
  auto work = [exchange] {
    return exchange->context->jobs.remove(exchange->key.name, exchange->id);
  };
  const base::Status removed = co_await exchange->context->workers.run(std::move(work));
  if (!removed.ok()) co_return error_response(removed);
  co_return json_response(
      dump({{"id", exchange->id}, {"object", "video.deleted"}, {"deleted", true}}));
}

}  // namespace zoetrope::http
