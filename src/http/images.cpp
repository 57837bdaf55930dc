// Pictures: the client waits for them on its connection.
#include <fmt/format.h>

#include "base/base64.h"
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

// "http://host:port", as the client itself called us.
std::string base_url(const Exchange& exchange) {
  return fmt::format("{}://{}", exchange.connection->is_tls() ? "https" : "http",
                     exchange.header("host"));
}

// The pictures of a completed job as the API's JSON. On a worker: base64 of megabytes.
Result<std::string> pictures_json(const Exchange& exchange, const Job& job, bool as_url) {
  nlohmann::json data = nlohmann::json::array();
  const size_t count = job.report ? job.report->files.size() : 0;
  for (size_t i = 0; i < count; ++i) {
    nlohmann::json picture = {{"seed", job.report->files[i].seed}, {"revised_prompt", nullptr}};
    if (as_url) {
      picture["url"] =
          fmt::format("{}/v1/images/{}/content?index={}", base_url(exchange), job.id, i);
    } else {
      ZT_ASSIGN_OR_RETURN(const auto bytes,
                          exchange.context->jobs.read(exchange.key.name, job.id, i));
      picture["b64_json"] = base::to_base64(bytes);
    }
    data.push_back(std::move(picture));
  }
  return dump(images_json(job, std::move(data)));
}

asio::awaitable<Response> make_pictures(ExchangePtr exchange, ParseRequest parse) {
  const auto submitted = co_await submit(exchange, parse, true);
  if (!submitted.ok()) co_return error_response(submitted.status());
  const auto job = co_await wait_until_final(exchange, submitted->job.id, submitted->is_new);
  if (!job.ok()) co_return error_response(job.status());
  if (job->state != JobState::kCompleted) {
    const base::Status cancelled(base::StatusCode::kCancelled, "the job was cancelled");
    co_return error_response(job->error ? base::Status(job->error->code, job->error->message)
                                        : cancelled);
  }
  auto work = [exchange, job = *job, as_url = submitted->answer_with_url] {
    return pictures_json(*exchange, job, as_url);
  };
  auto body = co_await exchange->context->workers.run(std::move(work));
  if (!body.ok()) co_return error_response(body.status());
  Response response = json_response(std::move(*body));
  response.headers.emplace_back("x-job-id", job->id);
  co_return response;
}

}  // namespace

asio::awaitable<Response> generate_image(ExchangePtr exchange) {
  return make_pictures(std::move(exchange), parse_image_generation);
}

asio::awaitable<Response> edit_image(ExchangePtr exchange) {
  return make_pictures(std::move(exchange), parse_image_edit);
}

}  // namespace zoetrope::http
