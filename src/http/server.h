// The HTTP API over a JobService: OpenAI's names and errors, the page of src/web, metrics.
//
// One thread does all reading and writing; whatever may block (the job store, decoding a picture)
// runs on a few workers. Requests never name a file: they reach jobs, and the pages of src/web.
// docs/serving.md describes the API, openapi.json beside this file lists it.
//
// Server-sent events of GET /v1/jobs/{id}/events, `data` being one JSON object with "id" (the job),
// "status" and "progress" (0..100):
//   queued, started      the state at that moment
//   progress             also "stage", "step", "of"
//   preview              also "image" (base64), "media_type": "image/jpeg", "step", "of".
//                        Not sent with ?previews=false
//   done, failed, cancelled, expired
//                        the last one; also "job": the object of GET /v1/videos/{id}
// A comment line every few seconds keeps proxies from closing. A reader that is slow misses
// progress and previews, never the last event.
#pragma once

#include <prometheus/registry.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/api/job_service.h"

namespace zoetrope::http {

struct ServerLimits {
  int64_t body_bytes = int64_t{32} << 20;
  int64_t picture_pixels = int64_t{40} << 20;  // of a picture sent; asked before decoding
  int side = 1024;                             // of the frames returned
  int connections = 2048;
  std::chrono::seconds deadline = std::chrono::minutes(10);  // the most a request's `timeout` asks
  // Against slow clients: for the whole header, the whole body, one piece of an answer, and until
  // the next request.
  std::chrono::milliseconds header_time = std::chrono::seconds(10);
  std::chrono::milliseconds body_time = std::chrono::seconds(60);
  std::chrono::milliseconds write_time = std::chrono::seconds(30);
  std::chrono::milliseconds idle_time = std::chrono::seconds(60);
  std::chrono::milliseconds heartbeat = std::chrono::seconds(15);  // of event streams
};

struct ServerOptions {
  std::string host = "127.0.0.1";         // a name or an address; "0.0.0.0" and "::" mean all
  uint16_t port = 8000;                   // 0 = any that is free
  std::filesystem::path tls_certificate;  // PEM, the chain; empty = plain HTTP
  std::filesystem::path tls_key;
  std::filesystem::path keys_file;        // see key_store.h; empty = nobody needs a key
  bool open = false;                      // allows a host that is not loopback without a keys file
  std::vector<std::string> cors_origins;  // "https://example.org"; empty = none
  std::string model = "animate";          // the name under which clients know the model
  ServerLimits limits;
};

class Server {
 public:
  // Listens when it returns. `jobs` and `registry` must outlive the server. kInvalidArgument: the
  // keys file, the certificate, the host, or no keys where they are needed; kNotFound: a file;
  // kUnavailable: the port is taken.
  static base::Result<std::unique_ptr<Server>> start(engine::JobService& jobs,
                                                     prometheus::Registry& registry,
                                                     ServerOptions options);
  // Breaks off what still runs.
  ~Server();

  uint16_t port() const;
  // "http://127.0.0.1:8000"
  std::string address() const;
  // Reads the keys file again, as happens by itself within a second of a change. If it is not valid
  // the old keys stay.
  base::Status reload_keys();
  // Closes the port and idle connections; returns when answers under way are finished, or after
  // `patience`. Event streams end. Ask the JobService to drain first, or at the same time.
  void stop(std::chrono::seconds patience);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace zoetrope::http
