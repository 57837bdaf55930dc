// zoetrope serve: the HTTP API and the web page over one model.
#include <CLI/CLI.hpp>

#include <fmt/format.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <future>
#include <memory>
#include <string>

#include "apps/build_info.h"
#include "apps/command.h"
#include "apps/exit_code.h"
#include "apps/model_folder.h"
#include "apps/open_files.h"
#include "apps/serve_flags.h"
#include "apps/stop_signals.h"
#include "base/thread_priority.h"
#include "store/open_store.h"

namespace zoetrope::apps {
namespace {

using std::chrono::seconds;

constexpr int kFilesForJobs = 128;  // libraries, the store, pictures and results being written

constexpr const char* kFooter = R"(
Prints its address when it is ready. The page is at /, the API's own description
at /docs and /openapi.json; health at /health/live and /health/ready, metrics at
/metrics. An OpenAI client works with base_url = ADDRESS/v1.

A job that was accepted survives a crash: the next start runs it again. One
client's request at a time is made; others are refused with 429 unless --queue
lets them wait.

SIGTERM or Ctrl-C: takes nothing new, lets the running job end (--drain), then
leaves; what still waits is done by the next start. A second one ends the process
at once. SIGHUP reads the keys file again.

Examples:
  zoetrope serve
  zoetrope serve --port 9000 --queue 4 --keep-results 7d
  zoetrope key anna >> keys && zoetrope serve --host 0.0.0.0 --keys keys \
      --tls-cert chain.pem --tls-key key.pem

Exit status: 0 stopped as asked, 1 failed, 2 wrong usage.)";

// Made in this order, taken down in the other.
struct Server {
  prometheus::Registry registry;
  std::unique_ptr<engine::JobStore> store;
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<engine::JobService> jobs;
  std::unique_ptr<http::Server> http;
};

// The engine's threads give way to those that answer.
base::Result<std::unique_ptr<engine::Engine>> open_below(const std::filesystem::path& model,
                                                         const engine::EngineOptions& options) {
  return std::async(std::launch::async,
                    [&] {
                      base::prefer_throughput();
                      return engine::Engine::open(model, options);
                    })
      .get();
}

// From the cheapest to the dearest: a wrong flag is told before the model is read.
base::Status start(Server& server, const ServeFlags& flags) {
  ZT_ASSIGN_OR_RETURN(const engine::EngineOptions engine_flags, engine_options(flags.model));
  ZT_ASSIGN_OR_RETURN(const std::filesystem::path data, data_folder(flags));
  ZT_ASSIGN_OR_RETURN(const std::filesystem::path model, find_model(flags.model.model));
  ZT_ASSIGN_OR_RETURN(server.store, store::open_store(store_address(flags, data)));
  ZT_ASSIGN_OR_RETURN(server.engine, open_below(model, engine_flags));
  ZT_ASSIGN_OR_RETURN(server.jobs,
                      engine::JobService::start(*server.engine, *server.store, server.registry,
                                                job_options(flags, data)));
  const std::string name = std::filesystem::canonical(model).filename().string();
  http::ServerOptions http_options = server_options(flags, name);
  // However many connect, there must be files left for jobs and the store.
  http_options.limits.connections =
      std::clamp(raise_open_file_limit() - kFilesForJobs, 1, http_options.limits.connections);
  ZT_ASSIGN_OR_RETURN(server.http,
                      http::Server::start(*server.jobs, server.registry, http_options));
  base::log(base::LogLevel::kInfo, "ready",
            {{"version", build_info().version},
             {"address", server.http->address()},
             {"model", name},
             {"device", server.engine->device()},
             {"dtype", server.engine->dtype()},
             {"data", data.string()}});
  return {};
}

void wait_for_stop(StopSignals& signals, http::Server& server) {
  while (signals.wait() == SIGHUP) {
    const base::Status read = server.reload_keys();
    if (read.ok()) {
      base::log(base::LogLevel::kInfo, "keys read again");
    } else {
      base::log(base::LogLevel::kError, "keys not read; the old ones hold",
                {{"reason", read.message()}});
    }
  }
}

int run(const ServeFlags& flags) {
  StopSignals signals;  // before the first thread
  base::set_log(flags.log_format, flags.log_level);
  Server server;
  const base::Status started = start(server, flags);
  if (!started.ok()) {
    const bool usage = started.code() == base::StatusCode::kInvalidArgument;
    return usage ? fail_usage(started, Output::kText) : fail(started, Output::kText);
  }
  std::printf("Zoetrope is at %s (Ctrl-C stops it)\n", server.http->address().c_str());
  std::fflush(stdout);

  wait_for_stop(signals, *server.http);
  signals.let_go();
  base::log(base::LogLevel::kInfo, "stopping", {{"patience_seconds", flags.drain_seconds}});
  // While the last job runs its client is still answered.
  server.jobs->drain(seconds(flags.drain_seconds));
  constexpr seconds kLastAnswers(10);
  server.http->stop(kLastAnswers);
  base::log(base::LogLevel::kInfo, "stopped");
  return kExitFine;
}

}  // namespace

Command add_serve(CLI::App& root) {
  CLI::App* command =
      root.add_subcommand("serve", "Serve a model: an OpenAI-compatible API and a web page");
  command->footer(kFooter);
  const auto flags = std::make_shared<ServeFlags>();
  add_serve_flags(*command, *flags);
  return {command, [flags] { return run(*flags); }};
}

}  // namespace zoetrope::apps
