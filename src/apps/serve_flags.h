// The flags of `zoetrope serve`, and what they mean to the parts it is made of.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/flags.h"
#include "base/log.h"
#include "base/result.h"
#include "engine/api/job_service.h"
#include "http/server.h"

namespace zoetrope::apps {

struct ServeFlags {
  ModelFlags model;

  std::string host = "127.0.0.1";
  uint16_t port = 8080;
  std::string keys, tls_certificate, tls_key;
  bool no_keys = false;
  std::vector<std::string> cors;

  std::string data;  // empty: the user's data folder
  std::string store = "sqlite";
  int64_t keep_results_seconds = 24 * 3600;

  int queue = 0;
  int64_t deadline_seconds = 600;
  int64_t stall_seconds = 120;
  int64_t drain_seconds = 30;

  base::LogFormat log_format = base::LogFormat::kLogfmt;
  base::LogLevel log_level = base::LogLevel::kInfo;
};

void add_serve_flags(CLI::App& command, ServeFlags& flags);

// Where pictures, results and the database are: --data, or zoetrope in $XDG_DATA_HOME or
// ~/.local/share. kInvalidArgument if there is no home.
base::Result<std::filesystem::path> data_folder(const ServeFlags& flags);

// What store::open_store() is told: "sqlite" is a file in the data folder.
std::string store_address(const ServeFlags& flags, const std::filesystem::path& data);

engine::JobServiceOptions job_options(const ServeFlags& flags, const std::filesystem::path& data);

// `model`: the name under which clients know it.
http::ServerOptions server_options(const ServeFlags& flags, const std::string& model);

}  // namespace zoetrope::apps
