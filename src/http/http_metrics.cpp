#include "http/http_metrics.h"

#include <string>

namespace zoetrope::http {
namespace {

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace

HttpMetrics::HttpMetrics(prometheus::Registry& registry)
    : requests_(prometheus::BuildCounter()
                    .Name("zoetrope_http_requests_total")
                    .Help("Requests answered, by route, method and status")
                    .Register(registry)),
      seconds_(prometheus::BuildHistogram()
                   .Name("zoetrope_http_request_seconds")
                   .Help("From a request's last header to the last byte of its answer")
                   .Register(registry)),
      refusals_(prometheus::BuildCounter()
                    .Name("zoetrope_http_refused_total")
                    .Help("Requests and connections refused, by reason")
                    .Register(registry)),
      connections_(gauge(registry, "zoetrope_http_connections", "Connections that are open")),
      event_streams_(gauge(registry, "zoetrope_http_event_streams", "Event streams that are open")),
      disconnects_(counter(registry, "zoetrope_http_disconnects_total",
                           "Clients that left while their generation was under way")),
      slow_clients_(counter(registry, "zoetrope_http_slow_clients_total",
                            "Connections closed because the client took too long")) {}

void HttpMetrics::answered(std::string_view route, std::string_view method, int status,
                           std::chrono::duration<double> time) {
  requests_
      .Add({{"route", std::string(route)},
            {"method", std::string(method)},
            {"status", std::to_string(status)}})
      .Increment();
  static const prometheus::Histogram::BucketBoundaries kBounds = {
      0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
  seconds_.Add({{"route", std::string(route)}}, kBounds).Observe(time.count());
}

void HttpMetrics::refused(std::string_view reason) {
  refusals_.Add({{"reason", std::string(reason)}}).Increment();
}

}  // namespace zoetrope::http
