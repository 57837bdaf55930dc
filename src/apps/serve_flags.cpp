#include "apps/serve_flags.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdlib>
#include <map>

#include <fmt/format.h>

namespace zoetrope::apps {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDatabase = "jobs.sqlite";

// "90", "90s", "10m", "24h", "7d".
void add_duration(CLI::App& command, const char* name, int64_t& seconds, const char* group,
                  const char* help) {
  const std::map<std::string, int64_t> units = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
  command.add_option(name, seconds, help)
      ->transform(CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::CASE_SENSITIVE))
      ->check(CLI::Range(int64_t{0}, int64_t{366} * 86400))
      ->type_name("TIME")
      ->group(group);
}

void add_network_flags(CLI::App& command, ServeFlags& flags) {
  command
      .add_option("--host", flags.host,
                  "Address or name to listen on; 0.0.0.0 and :: mean every address of the machine")
      ->type_name("HOST")
      ->capture_default_str()
      ->group("Network");
  command.add_option("--port", flags.port, "Port to listen on; 0 takes any that is free")
      ->type_name("N")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str()
      ->group("Network");
  command
      .add_option("--keys", flags.keys,
                  "File of API keys, a line each, as `zoetrope key NAME` prints them; read again "
                  "when it changes. Needed where others can reach the port")
      ->type_name("FILE")
      ->group("Network");
  command
      .add_flag("--no-keys", flags.no_keys,
                "Lets everybody in who reaches the port, whatever --host is")
      ->excludes("--keys")
      ->group("Network");
  auto* certificate =
      command
          .add_option("--tls-cert", flags.tls_certificate, "Certificate chain (PEM): serves HTTPS")
          ->type_name("FILE")
          ->group("Network");
  auto* key = command.add_option("--tls-key", flags.tls_key, "Private key of --tls-cert (PEM)")
                  ->type_name("FILE")
                  ->group("Network");
  certificate->needs(key);
  key->needs(certificate);
  command
      .add_option("--cors", flags.cors,
                  "Origins whose pages may call the API, like https://example.org")
      ->type_name("ORIGIN...")
      ->group("Network");
}

void add_job_flags(CLI::App& command, ServeFlags& flags) {
  command
      .add_option("--data", flags.data,
                  "Folder of pictures, results and the database (default: zoetrope in "
                  "$XDG_DATA_HOME or ~/.local/share)")
      ->type_name("DIR")
      ->group("Jobs");
  command
      .add_option(
          "--store", flags.store,
          "Where jobs are kept: sqlite (a file in --data), sqlite:FILE, memory (lost when "
          "the server ends), or postgresql://... for several servers that share jobs; these "
          "share --data too")
      ->type_name("WHERE")
      ->capture_default_str()
      ->group("Jobs");
  command
      .add_option("--queue", flags.queue,
                  "Jobs that may wait while one runs; by default none: a busy server refuses")
      ->type_name("N")
      ->check(CLI::Range(0, 10000))
      ->capture_default_str()
      ->group("Jobs");
  add_duration(command, "--keep-results", flags.keep_results_seconds, "Jobs",
               "How long results can be fetched, like 90s, 30m, 24h or 7d (default: 24h)");
  add_duration(command, "--deadline", flags.deadline_seconds, "Jobs",
               "After this a job fails, waiting included (default: 10m)");
  add_duration(command, "--stall", flags.stall_seconds, "Jobs",
               "A job without progress for this long makes /health/live fail (default: 2m)");
  add_duration(command, "--drain", flags.drain_seconds, "Jobs",
               "When asked to stop: how long the running job may take (default: 30s)");
}

void add_log_flags(CLI::App& command, ServeFlags& flags) {
  using base::LogFormat;
  using base::LogLevel;
  command
      .add_option("--log-format", flags.log_format, "logfmt or json, a line an event, on stderr")
      ->type_name("NAME")
      ->transform(CLI::CheckedTransformer(std::map<std::string, LogFormat>{
          {"logfmt", LogFormat::kLogfmt}, {"json", LogFormat::kJson}}))
      ->default_str("logfmt")
      ->group("Log");
  command.add_option("--log-level", flags.log_level, "debug, info, warning or error")
      ->type_name("NAME")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, LogLevel>{{"debug", LogLevel::kDebug},
                                                                  {"info", LogLevel::kInfo},
                                                                  {"warning", LogLevel::kWarning},
                                                                  {"error", LogLevel::kError}}))
      ->default_str("info")
      ->group("Log");
}

bool is_shared(const std::string& store) { return store.starts_with("postgres"); }

// Of servers that share jobs each needs a name of its own, the same after a restart.
std::string server_name(const ServeFlags& flags) {
  if (!is_shared(flags.store)) return "zoetrope";
  std::array<char, 256> host = {};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return fmt::format("{}:{}", host.data(), flags.port);
}

}  // namespace

void add_serve_flags(CLI::App& command, ServeFlags& flags) {
  add_network_flags(command, flags);
  add_job_flags(command, flags);
  add_model_flags(command, flags.model);
  add_log_flags(command, flags);
}

base::Result<fs::path> data_folder(const ServeFlags& flags) {
  if (!flags.data.empty()) return fs::path(flags.data);
  const auto from = [](const char* name) {
    const char* value = std::getenv(name);
    return fs::path(value == nullptr ? "" : value);
  };
  if (const fs::path data = from("XDG_DATA_HOME"); data.is_absolute()) return data / "zoetrope";
  if (const fs::path home = from("HOME"); home.is_absolute()) {
    return home / ".local" / "share" / "zoetrope";
  }
  return base::invalid_argument("--data: must be named, there is no home folder");
}

std::string store_address(const ServeFlags& flags, const fs::path& data) {
  return flags.store == "sqlite" ? "sqlite:" + (data / kDatabase).string() : flags.store;
}

engine::JobServiceOptions job_options(const ServeFlags& flags, const fs::path& data) {
  using std::chrono::seconds;
  return {.folder = data / "jobs",
          .server = server_name(flags),
          .queue = flags.queue,
          .keep_results = seconds(flags.keep_results_seconds),
          .deadline = seconds(flags.deadline_seconds),
          .stall = seconds(flags.stall_seconds)};
}

http::ServerOptions server_options(const ServeFlags& flags, const std::string& model) {
  http::ServerOptions options;
  options.host = flags.host;
  options.port = flags.port;
  options.tls_certificate = flags.tls_certificate;
  options.tls_key = flags.tls_key;
  options.keys_file = flags.keys;
  options.open = flags.no_keys;
  options.cors_origins = flags.cors;
  options.model = model;
  options.limits.deadline = std::chrono::seconds(flags.deadline_seconds);
  return options;
}

}  // namespace zoetrope::apps
