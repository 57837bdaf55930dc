// serving_load HOST PORT: sends the same request over many connections and tells how long answers
// took. For bench/serving.py.
//
// With --rate the requests are spread over time whatever the server does, and an answer's time
// counts from when its request was due: a server that stalls does not hide that by being asked
// less.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string host, path = "/v1/videos", body;
  int port = 0;
  int connections = 200;
  double seconds = 10;
  double rate = 0;  // requests a second, of all connections; 0 = each as soon as it has its answer
};

struct Results {
  std::vector<double> milliseconds;
  std::map<int, int64_t> statuses;
  int64_t connects = 0;
  int64_t failures = 0;  // connections that broke
};

http::request<http::string_body> make_request(const Options& options) {
  http::request<http::string_body> request(
      options.body.empty() ? http::verb::get : http::verb::post, options.path, 11);
  request.set(http::field::host, options.host);
  request.body() = options.body;
  if (!options.body.empty()) request.set(http::field::content_type, "application/json");
  request.prepare_payload();
  return request;
}

// One connection after the other, until `end`. `due`: of the first request.
asio::awaitable<void> hammer(const Options& options, Results& results, Clock::time_point due,
                             Clock::time_point end) {
  const auto executor = co_await asio::this_coro::executor;
  const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(options.host),
                                         static_cast<uint16_t>(options.port));
  const http::request<http::string_body> request = make_request(options);
  const auto interval = std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(options.rate > 0 ? options.connections / options.rate : 0));
  asio::steady_timer timer(executor);
  while (due < end) {
    try {
      beast::tcp_stream stream(executor);
      co_await stream.async_connect(endpoint, asio::use_awaitable);
      stream.socket().set_option(asio::ip::tcp::no_delay(true));
      ++results.connects;
      beast::flat_buffer buffer;
      for (bool open = true; open && due < end;) {
        timer.expires_at(due);
        co_await timer.async_wait(asio::use_awaitable);
        http::response<http::string_body> response;
        co_await http::async_write(stream, request, asio::use_awaitable);
        co_await http::async_read(stream, buffer, response, asio::use_awaitable);
        const auto now = Clock::now();
        results.milliseconds.push_back(
            std::chrono::duration<double, std::milli>(now - due).count());
        ++results.statuses[response.result_int()];
        open = response.keep_alive();
        due = options.rate > 0 ? due + interval : now;
      }
    } catch (const boost::system::system_error&) {
      ++results.failures;
      due = std::max(due + interval, Clock::now());
    }
  }
}

void report(const Options& options, Results& results) {
  std::vector<double>& times = results.milliseconds;
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    return times.empty()
               ? -1
               : times[std::min(times.size() - 1,
                                static_cast<size_t>(share * static_cast<double>(times.size())))];
  };
  nlohmann::json statuses = nlohmann::json::object();
  for (const auto& [status, count] : results.statuses) statuses[std::to_string(status)] = count;
  std::cout << nlohmann::json({{"connections", options.connections},
                               {"rate_asked", options.rate},
                               {"rate", static_cast<double>(times.size()) / options.seconds},
                               {"requests", times.size()},
                               {"statuses", statuses},
                               {"connects", results.connects},
                               {"failures", results.failures},
                               {"p50_ms", at(0.50)},
                               {"p90_ms", at(0.90)},
                               {"p99_ms", at(0.99)},
                               {"p999_ms", at(0.999)},
                               {"max_ms", at(1)}})
            << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Load for a server");
  Options options;
  app.add_option("host", options.host)->required();
  app.add_option("port", options.port)->required();
  app.add_option("--path", options.path);
  app.add_option("--body", options.body, "JSON; without one the requests are GET");
  app.add_option("--connections", options.connections);
  app.add_option("--seconds", options.seconds);
  app.add_option("--rate", options.rate);
  CLI11_PARSE(app, argc, argv);

  Results results;
  asio::io_context context(1);
  const auto begin = Clock::now() + std::chrono::milliseconds(100);
  const auto end = begin + std::chrono::duration_cast<Clock::duration>(
                               std::chrono::duration<double>(options.seconds));
  for (int i = 0; i < options.connections; ++i) {
    // Evenly over one interval: not all at the same moment.
    const auto offset = std::chrono::duration<double>(options.rate > 0 ? i / options.rate : 0);
    asio::co_spawn(
        context,
        hammer(options, results, begin + std::chrono::duration_cast<Clock::duration>(offset), end),
        asio::detached);
  }
  context.run();
  report(options, results);
  return 0;
}
