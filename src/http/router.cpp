#include "http/router.h"

#include <algorithm>

#include "http/handlers.h"

namespace zoetrope::http {
namespace {

using boost::beast::http::verb;

// The value of "{id}" if `path` has the form of `pattern`. Ids have no other characters than these.
std::optional<std::string> match(std::string_view pattern, std::string_view path) {
  const size_t brace = pattern.find('{');
  if (brace == pattern.npos) return pattern == path ? std::optional<std::string>("") : std::nullopt;
  const std::string_view before = pattern.substr(0, brace);
  const std::string_view after = pattern.substr(pattern.find('}') + 1);
  if (path.size() <= before.size() + after.size()) return std::nullopt;
  if (!path.starts_with(before) || !path.ends_with(after)) return std::nullopt;
  const std::string_view id =
      path.substr(before.size(), path.size() - before.size() - after.size());
  const bool is_id = id.size() <= 128 && std::all_of(id.begin(), id.end(), [](unsigned char c) {
                       return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
                     });
  return is_id ? std::optional<std::string>(id) : std::nullopt;
}

}  // namespace

std::span<const Route> all_routes() {
  static const std::vector<Route> kRoutes = {
      {.method = verb::post,
       .path = "/v1/images/generations",
       .handler = generate_image,
       .body = Body::kJson,
       .generates = true},
      {.method = verb::post,
       .path = "/v1/images/edits",
       .handler = edit_image,
       .body = Body::kForm,
       .generates = true},
      {.method = verb::get,
       .path = "/v1/images/{id}/content",
       .handler = image_content,
       .statuses = {206, 304, 400, 404, 409, 416}},
      {.method = verb::head,
       .path = "/v1/images/{id}/content",
       .handler = image_content,
       .statuses = {206, 304, 400, 404, 409, 416}},
      {.method = verb::post,
       .path = "/v1/videos",
       .handler = create_video,
       .body = Body::kForm,
       .generates = true},
      {.method = verb::post,
       .path = "/v1/videos/sync",
       .handler = create_video_sync,
       .body = Body::kForm,
       .generates = true},
      {.method = verb::get, .path = "/v1/videos", .handler = list_videos, .statuses = {400, 404}},
      {.method = verb::get, .path = "/v1/videos/{id}", .handler = get_video, .statuses = {404}},
      {.method = verb::delete_,
       .path = "/v1/videos/{id}",
       .handler = remove_video,
       .statuses = {404, 409}},
      {.method = verb::get,
       .path = "/v1/videos/{id}/content",
       .handler = video_content,
       .statuses = {206, 304, 400, 404, 409, 416}},
      {.method = verb::head,
       .path = "/v1/videos/{id}/content",
       .handler = video_content,
       .statuses = {206, 304, 400, 404, 409, 416}},
      {.method = verb::post,
       .path = "/v1/videos/{id}/cancel",
       .handler = cancel_video,
       .statuses = {404}},
      {.method = verb::get,
       .path = "/v1/jobs/{id}/events",
       .handler = job_events,
       .statuses = {400, 404}},
      {.method = verb::get, .path = "/v1/models", .handler = list_models},
      {.method = verb::get, .path = "/v1/models/{id}", .handler = get_model, .statuses = {404}},
      {.method = verb::get,
       .path = "/health/live",
       .handler = health_live,
       .open = true,
       .statuses = {503}},
      {.method = verb::get,
       .path = "/health/ready",
       .handler = health_ready,
       .open = true,
       .statuses = {503}},
      {.method = verb::get, .path = "/metrics", .handler = metrics},
      {.method = verb::get, .path = "/openapi.json", .handler = openapi, .open = true},
  };
  return kRoutes;
}

std::set<int> statuses_of(const Route& route) {
  // Bad HTTP, a foreign Host or Origin, a slow client, headers too large, a bug.
  std::set<int> statuses = {200, 400, 403, 408, 417, 431, 500};
  statuses.insert(route.statuses.begin(), route.statuses.end());
  if (!route.open) statuses.insert({401, 503});
  if (route.body != Body::kNone) statuses.insert({413, 415});
  // No such model; the idempotency key was used otherwise, or the job cancelled by somebody; busy;
  // the deadline.
  if (route.generates) statuses.insert({404, 409, 429, 504});
  return statuses;
}

RouteMatch match_route(verb method, std::string_view path) {
  const auto routes = all_routes();
  // "/v1/videos/sync" is not the id of a video.
  const bool literal = std::any_of(routes.begin(), routes.end(),
                                   [&](const Route& route) { return route.path == path; });
  RouteMatch found;
  for (const Route& route : routes) {
    if (literal && route.path != path) continue;
    const auto id = match(route.path, path);
    if (!id) continue;
    if (!found.allow.empty()) found.allow += ", ";
    found.allow += std::string_view(to_string(route.method));
    if (route.method != method) continue;
    found.route = &route;
    found.id = *id;
  }
  return found;
}

}  // namespace zoetrope::http
