// The files of a completed job: whole, in part, or only whether they changed.
#include <fmt/format.h>

#include "http/byte_range.h"
#include "http/handlers.h"

namespace zoetrope::http {
namespace {

namespace asio = boost::asio;
using base::Result;

struct File {
  engine::ResultFile facts;
  std::vector<uint8_t> bytes;
};

Result<File> read_file(const Exchange& exchange, size_t index) {
  engine::JobService& jobs = exchange.context->jobs;
  const std::string& owner = exchange.key.name;
  ZT_ASSIGN_OR_RETURN(const engine::Job job, jobs.get(owner, exchange.id));
  ZT_ASSIGN_OR_RETURN(std::vector<uint8_t> bytes, jobs.read(owner, exchange.id, index));
  if (!job.report || index >= job.report->files.size()) {
    return base::not_found("index: the job has no such file");
  }
  return File{.facts = job.report->files[index], .bytes = std::move(bytes)};
}

// Whether the list of tags in If-None-Match holds `etag`.
bool names_etag(std::string_view header, std::string_view etag) {
  return header == "*" || header.find(etag) != header.npos;
}

Response file_response(const Exchange& exchange, const File& file, size_t index) {
  // A file never changes: its name is as good as its content.
  const std::string etag = fmt::format("\"{}-{}\"", exchange.id, index);
  Response response{.media_type = file.facts.media_type, .cacheable = true};
  response.headers = {{"etag", etag},
                      {"accept-ranges", "bytes"},
                      {"cache-control", "private, max-age=3600, immutable"},
                      {"content-disposition",
                       fmt::format("inline; filename=\"{}-{}\"", exchange.id, file.facts.name)}};
  if (names_etag(exchange.header("if-none-match"), etag)) {
    response.status = 304;
    return response;
  }
  const auto size = static_cast<int64_t>(file.bytes.size());
  const std::string_view condition = exchange.header("if-range");
  const auto range = condition.empty() || condition == etag
                         ? parse_range(exchange.header("range"), size)
                         : std::nullopt;
  if (!range) {
    response.body.assign(file.bytes.begin(), file.bytes.end());
    return response;
  }
  if (range->length == 0) {
    response = error_response(api_error(
        416, "invalid_range", fmt::format("range: the file has {} bytes", size), "range"));
    response.headers.emplace_back("content-range", fmt::format("bytes */{}", size));
    return response;
  }
  response.status = 206;
  const int64_t end = range->first + range->length;
  response.headers.emplace_back("content-range",
                                fmt::format("bytes {}-{}/{}", range->first, end - 1, size));
  response.body.assign(file.bytes.begin() + range->first, file.bytes.begin() + end);
  return response;
}

asio::awaitable<Response> content(ExchangePtr exchange, std::string_view prefix) {
  const auto index = whole_parameter(exchange->target, "index", 0, kMaxImages - 1, 0);
  if (!index.ok()) co_return error_response(index.status());
  if (const auto variant = exchange->target.find("variant"); variant && *variant != "video") {
    co_return error_response(base::invalid_argument("variant: only video is kept"));
  }
  if (!exchange->id.starts_with(prefix)) {
    co_return error_response(base::not_found(fmt::format("id: there is no '{}'", exchange->id)));
  }
  const auto which = static_cast<size_t>(*index);
  auto work = [exchange, which] { return read_file(*exchange, which); };
  const auto file = co_await exchange->context->workers.run(std::move(work));
  if (!file.ok()) co_return error_response(file.status());
  co_return file_response(*exchange, *file, which);
}

}  // namespace

asio::awaitable<Response> video_content(ExchangePtr exchange) {
  return content(std::move(exchange), "video_");
}

asio::awaitable<Response> image_content(ExchangePtr exchange) {
  return content(std::move(exchange), "image_");
}

}  // namespace zoetrope::http
