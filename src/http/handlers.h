// What each route does. A handler owns its exchange; what it throws is answered with 500.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "http/exchange.h"

namespace zoetrope::http {

// videos.cpp
boost::asio::awaitable<Response> create_video(ExchangePtr exchange);
boost::asio::awaitable<Response> create_video_sync(ExchangePtr exchange);
boost::asio::awaitable<Response> list_videos(ExchangePtr exchange);
boost::asio::awaitable<Response> get_video(ExchangePtr exchange);
boost::asio::awaitable<Response> remove_video(ExchangePtr exchange);
boost::asio::awaitable<Response> cancel_video(ExchangePtr exchange);

// images.cpp
boost::asio::awaitable<Response> generate_image(ExchangePtr exchange);
boost::asio::awaitable<Response> edit_image(ExchangePtr exchange);

// content.cpp
boost::asio::awaitable<Response> video_content(ExchangePtr exchange);
boost::asio::awaitable<Response> image_content(ExchangePtr exchange);

// events.cpp
boost::asio::awaitable<Response> job_events(ExchangePtr exchange);

// service_pages.cpp
boost::asio::awaitable<Response> list_models(ExchangePtr exchange);
boost::asio::awaitable<Response> get_model(ExchangePtr exchange);
boost::asio::awaitable<Response> health_live(ExchangePtr exchange);
boost::asio::awaitable<Response> health_ready(ExchangePtr exchange);
boost::asio::awaitable<Response> metrics(ExchangePtr exchange);
boost::asio::awaitable<Response> openapi(ExchangePtr exchange);
// A file of src/web. Not a route of the API.
Response web_page(const Exchange& exchange);

}  // namespace zoetrope::http
