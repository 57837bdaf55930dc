// What the server counts of itself, for /metrics. Any thread.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <string_view>

namespace zoetrope::http {

class HttpMetrics {
 public:
  explicit HttpMetrics(prometheus::Registry& registry);

  // `route` is a pattern of the router, so that strangers cannot make up series.
  void answered(std::string_view route, std::string_view method, int status,
                std::chrono::duration<double> time);
  // "busy", "rate", "key", "connections", "size"
  void refused(std::string_view reason);

  prometheus::Gauge& connections() { return connections_; }
  prometheus::Gauge& event_streams() { return event_streams_; }
  prometheus::Counter& disconnects() { return disconnects_; }
  prometheus::Counter& slow_clients() { return slow_clients_; }

 private:
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  prometheus::Family<prometheus::Counter>& refusals_;
  prometheus::Gauge& connections_;
  prometheus::Gauge& event_streams_;
  prometheus::Counter& disconnects_;
  prometheus::Counter& slow_clients_;
};

}  // namespace zoetrope::http
