#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <span>

#include "base/base64.h"
#include "base/json.h"
#include "base/log.h"
#include "traffic/control/http_client.h"
#include "traffic/control/leadership.h"

namespace zoetrope::traffic::control {
namespace {

using base::Result;
using base::Status;
using nlohmann::json;

constexpr std::chrono::milliseconds kPatience(1500);

std::string encoded(std::string_view text) {
  return base::to_base64(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

// The gateway writes 64-bit numbers as strings.
int64_t number(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return 0;
  const std::string& text = found->get_ref<const std::string&>();
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// A value under a key, as etcd answers it; revisions are 0 where there is none.
struct Entry {
  std::string value;
  int64_t created = 0;
  int64_t modified = 0;
};

Entry entry_of(const json& range) {
  Entry entry;
  const auto kvs = range.find("kvs");
  if (kvs == range.end() || !kvs->is_array() || kvs->empty() || !kvs->front().is_object()) {
    return entry;
  }
  const json& kv = kvs->front();
  entry.created = number(kv, "create_revision");
  entry.modified = number(kv, "mod_revision");
  if (const auto value = kv.find("value"); value != kv.end() && value->is_string()) {
    entry.value = base::from_base64(value->get<std::string>()).value_or("");
  }
  return entry;
}

class EtcdLease : public Leadership {
 public:
  EtcdLease(const EtcdConfig& config, std::string self)
      : config_(config),
        self_(std::move(self)),
        leader_key_(encoded(config.prefix + "/leader")),
        version_key_(encoded(config.prefix + "/version")) {}
  ~EtcdLease() override { resign(); }

  Result<Standing> renew(Time now) override;
  Status commit(int64_t version, Time now) override;
  void resign() override;

 private:
  Result<json> call(const char* path, const json& body);
  Status keep_alive(Time now);
  Result<json> transaction(json compare, json success, json failure);
  json get(const std::string& key) const { return {{"requestRange", {{"key", key}}}}; }
  int64_t committed() const;
  bool leads(Time now) const { return claim_ > 0 && now < leads_until_; }

  const EtcdConfig config_;
  const std::string self_;
  const std::string leader_key_;
  const std::string version_key_;
  size_t endpoint_ = 0;  // the one that answered last
  int64_t lease_ = 0;    // 0: none
  int64_t claim_ = 0;    // revision that made the leader's key ours; 0: it is not
  Time leads_until_{};
  Entry version_;
};

Result<json> EtcdLease::call(const char* path, const json& body) {
  Status last = base::unavailable("etcd: no endpoint");
  for (size_t i = 0; i < config_.endpoints.size(); ++i) {
    const Address& to = config_.endpoints[endpoint_ % config_.endpoints.size()];
    auto text = body_of(fetch({to, path, body.dump()}, kPatience), to);
    if (text.ok()) {
      auto reply = base::parse_json(*text, "etcd");
      if (reply.ok() && reply->is_object()) return reply;
      last = base::unavailable("etcd: an answer that is no object");
    } else {
      last = text.status().with_context("etcd");
    }
    ++endpoint_;
  }
  return Status(base::StatusCode::kUnavailable, last.message());
}

Result<json> EtcdLease::transaction(json compare, json success, json failure) {
  return call("/v3/kv/txn", {{"compare", std::move(compare)},
                             {"success", std::move(success)},
                             {"failure", std::move(failure)}});
}

Status EtcdLease::keep_alive(Time now) {
  if (lease_ != 0) {
    ZT_ASSIGN_OR_RETURN(const json reply,
                        call("/v3/lease/keepalive", {{"ID", std::to_string(lease_)}}));
    const auto result = reply.find("result");
    if (result != reply.end() && result->is_object() && number(*result, "TTL") > 0) {
      // Counted from before the call, and short of what etcd grants: our clock may be slow.
      leads_until_ = now + std::chrono::nanoseconds(config_.lease) * 2 / 3;
      return {};
    }
    lease_ = claim_ = 0;  // it ran out
  }
  ZT_ASSIGN_OR_RETURN(const json reply, call("/v3/lease/grant", {{"TTL", config_.lease.count()}}));
  lease_ = number(reply, "ID");
  if (lease_ == 0) return base::unavailable("etcd: grants no lease");
  leads_until_ = now + std::chrono::nanoseconds(config_.lease) * 2 / 3;
  return {};
}

// Puts ourselves under the leader's key if nobody is there; reads who is there, and the version.
Result<Standing> EtcdLease::renew(Time now) {
  ZT_RETURN_IF_ERROR(keep_alive(now));
  json vacant = {
      {"key", leader_key_}, {"target", "CREATE"}, {"result", "EQUAL"}, {"createRevision", "0"}};
  json put = {
      {"requestPut",
       {{"key", leader_key_}, {"value", encoded(self_)}, {"lease", std::to_string(lease_)}}}};
  const json both = json::array({get(leader_key_), get(version_key_)});
  ZT_ASSIGN_OR_RETURN(const json reply,
                      transaction(json::array({std::move(vacant)}),
                                  json::array({std::move(put), both[0], both[1]}), both));
  const auto responses = reply.find("responses");
  if (responses == reply.end() || !responses->is_array() || responses->size() < 2) {
    return base::unavailable("etcd: a transaction without its answers");
  }
  const size_t count = responses->size();
  const json& leader_answer = (*responses)[count - 2];
  const json& version_answer = (*responses)[count - 1];
  const Entry leader = entry_of(leader_answer.value("response_range", json::object()));
  version_ = entry_of(version_answer.value("response_range", json::object()));
  const bool taken_over = reply.value("succeeded", false);
  if (taken_over) {
    claim_ = leader.created;
  } else if (claim_ != leader.created) {
    claim_ = 0;
  }
  return Standing{.leads = leads(now), .leader = leader.value, .version = committed()};
}

int64_t EtcdLease::committed() const {
  int64_t version = 0;
  std::from_chars(version_.value.data(), version_.value.data() + version_.value.size(), version);
  return version;
}

Status EtcdLease::commit(int64_t version, Time now) {
  if (!leads(now)) return base::aborted("etcd: the lease ran out");
  if (version <= committed()) return base::aborted("etcd: a later version has been published");
  const json compare = json::array({{{"key", leader_key_},
                                     {"target", "CREATE"},
                                     {"result", "EQUAL"},
                                     {"createRevision", std::to_string(claim_)}},
                                    {{"key", version_key_},
                                     {"target", "MOD"},
                                     {"result", "EQUAL"},
                                     {"modRevision", std::to_string(version_.modified)}}});
  const json put = {
      {"requestPut", {{"key", version_key_}, {"value", encoded(std::to_string(version))}}}};
  ZT_ASSIGN_OR_RETURN(const json reply,
                      transaction(compare, json::array({put, get(version_key_)}), json::array()));
  if (!reply.value("succeeded", false)) {
    return base::aborted("etcd: another manager has published since");
  }
  const auto responses = reply.find("responses");
  if (responses != reply.end() && responses->is_array() && responses->size() == 2) {
    version_ = entry_of((*responses)[1].value("response_range", json::object()));
  }
  return {};
}

void EtcdLease::resign() {
  if (lease_ == 0) return;
  const auto reply = call("/v3/lease/revoke", {{"ID", std::to_string(lease_)}});
  if (!reply.ok()) {
    base::log(base::LogLevel::kInfo, "lease not given back; it runs out by itself",
              {{"reason", reply.status().message()}});
  }
  lease_ = claim_ = 0;
}

class Alone : public Leadership {
 public:
  Result<Standing> renew(Time) override {
    return Standing{.leads = true, .leader = {}, .version = version_};
  }
  Status commit(int64_t version, Time) override {
    version_ = version;
    return {};
  }
  void resign() override {}

 private:
  int64_t version_ = 0;
};

}  // namespace

std::unique_ptr<Leadership> lead_alone() { return std::make_unique<Alone>(); }

std::unique_ptr<Leadership> lead_by_etcd(const EtcdConfig& config, std::string self) {
  return std::make_unique<EtcdLease>(config, std::move(self));
}

}  // namespace zoetrope::traffic::control
