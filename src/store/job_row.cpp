#include "store/job_row.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "engine/api/request.h"

namespace zoetrope::store {
namespace {

using base::StatusCode;
using engine::Job;

enum Column : size_t {
  kId,
  kOwner,
  kKey,
  kFingerprint,
  kRequest,
  kState,
  kAttended,
  kCancelRequested,
  kCreated,
  kStarted,
  kFinished,
  kDeadline,
  kExpires,
  kAttempt,
  kServer,
  kLease,
  kReport,
  kErrorCode,
  kErrorMessage,
  kColumns
};

[[noreturn]] void throw_damaged(const std::string& what) {
  throw base::Error(StatusCode::kDataLoss, what);
}

const std::string& text_in(const std::optional<std::string>& cell) {
  if (!cell) throw_damaged("a text is missing");
  return *cell;
}

Job parse(const SqlRow& row) {
  Job job;
  job.id = text_in(row[kId]);
  job.owner = text_in(row[kOwner]);
  job.idempotency_key = text_in(row[kKey]);
  job.fingerprint = text_in(row[kFingerprint]);
  job.what = engine::parse_request_json(text_in(row[kRequest])).value_or_throw();
  const auto state = engine::parse_job_state(text_in(row[kState]));
  if (!state.ok()) throw_damaged(fmt::format("unknown state \"{}\"", *row[kState]));
  job.state = *state;
  job.attended = number_in(row[kAttended]) != 0;
  job.cancel_requested = number_in(row[kCancelRequested]) != 0;
  job.created_ms = number_in(row[kCreated]);
  job.started_ms = number_in(row[kStarted]);
  job.finished_ms = number_in(row[kFinished]);
  job.deadline_ms = number_in(row[kDeadline]);
  job.expires_ms = number_in(row[kExpires]);
  job.attempt = static_cast<int>(number_in(row[kAttempt]));
  job.server = text_in(row[kServer]);
  job.lease_until_ms = number_in(row[kLease]);
  if (row[kReport]) job.report = engine::parse_report_json(*row[kReport]).value_or_throw();
  if (row[kErrorCode]) {
    job.error = {.code = static_cast<StatusCode>(number_in(row[kErrorCode])),
                 .message = text_in(row[kErrorMessage])};
  }
  return job;
}

}  // namespace

const std::string& job_columns() {
  static const std::string names =
      "id, owner, idempotency_key, fingerprint, request, state, attended, cancel_requested, "
      "created_ms, started_ms, finished_ms, deadline_ms, expires_ms, attempt, server, "
      "lease_until_ms, report, error_code, error_message";
  return names;
}

std::vector<SqlValue> row_of(const Job& job) {
  std::vector<SqlValue> row(kColumns);
  row[kId] = job.id;
  row[kOwner] = job.owner;
  row[kKey] = job.idempotency_key;
  row[kFingerprint] = job.fingerprint;
  row[kRequest] = engine::request_json(job.what);
  row[kAttended] = int64_t{job.attended};
  row[kCancelRequested] = int64_t{job.cancel_requested};
  row[kCreated] = job.created_ms;
  row[kStarted] = job.started_ms;
  row[kDeadline] = job.deadline_ms;
  row[kAttempt] = int64_t{job.attempt};
  row[kServer] = job.server;
  row[kLease] = job.lease_until_ms;
  constexpr std::array kOutcome = {kState, kFinished, kExpires, kReport, kErrorCode, kErrorMessage};
  std::vector<SqlValue> outcome = outcome_of(job);
  for (size_t i = 0; i < kOutcome.size(); ++i) row[kOutcome[i]] = std::move(outcome[i]);
  return row;
}

std::vector<SqlValue> outcome_of(const Job& job) {
  std::vector<SqlValue> outcome(6);
  outcome[0] = std::string(engine::to_string(job.state));
  outcome[1] = job.finished_ms;
  outcome[2] = job.expires_ms;
  if (job.report) outcome[3] = engine::report_json(*job.report);
  if (job.error) {
    outcome[4] = static_cast<int64_t>(job.error->code);
    outcome[5] = storable(job.error->message);
  }
  return outcome;
}

Job job_of(const SqlRow& row) {
  try {
    return parse(row);
  } catch (const base::Error& error) {
    throw_damaged(fmt::format("job {}: its record in the store is damaged: {}",
                              storable(row[kId].value_or("(no id)")), error.what()));
  }
}

int64_t number_in(const std::optional<std::string>& cell) {
  const std::string& text = text_in(cell);
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw_damaged(fmt::format("\"{}\" is not a number", storable(text)));
  }
  return number;
}

bool is_storable(const std::string& text) {
  int replaced = 0;
  engine::sanitise_utf8(text, replaced);
  return replaced == 0 && text.find('\0') == std::string::npos;
}

std::string storable(const std::string& text) {
  int replaced = 0;
  std::string clean = engine::sanitise_utf8(text, replaced);
  std::replace(clean.begin(), clean.end(), '\0', ' ');
  return clean;
}

base::Status check_storable(const Job& job) {
  const std::array<std::pair<const char*, const std::string*>, 5> fields = {
      {{"id", &job.id},
       {"owner", &job.owner},
       {"idempotency_key", &job.idempotency_key},
       {"fingerprint", &job.fingerprint},
       {"server", &job.server}}};
  for (const auto& [name, text] : fields) {
    if (!is_storable(*text)) {
      return base::invalid_argument(fmt::format("{}: must be UTF-8 without NUL", name));
    }
  }
  return {};
}

}  // namespace zoetrope::store
