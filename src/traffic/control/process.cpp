#include "traffic/control/process.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.h"
#include "traffic/control/api.h"
#include "traffic/control/http_client.h"
#include "traffic/control/manager.h"
#include "traffic/control/scraper.h"
#include "traffic/control/server.h"

namespace zoetrope::traffic::control {
namespace {

using base::Result;

Time monotonic_now() { return std::chrono::steady_clock::now().time_since_epoch(); }

// The address in `leader` comes out of etcd.
Result<std::string> pull(const std::string& leader, std::chrono::milliseconds patience) {
  ZT_ASSIGN_OR_RETURN(const Address address, parse_address(leader));
  return body_of(fetch({address, "/v1/publication", {}}, patience), address);
}

}  // namespace

class Process::Impl {
 public:
  explicit Impl(std::unique_ptr<Manager> manager)
      : manager_(std::move(manager)), epoch_(manager_->config().manager.epoch) {}
  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
    server_.reset();
    manager_->resign();
  }

  base::Status start() {
    ZT_ASSIGN_OR_RETURN(
        server_, Server::start(manager_->config().manager.listen, [this](const Request& request) {
          return answer(request, *manager_, monotonic_now());
        }));
    thread_ = std::thread([this] { run(); });
    return {};
  }

  Address address() const { return server_->address(); }

 private:
  // An epoch that took longer than it should is followed by the next at once, never by several.
  void run() {
    auto next = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      manager_->epoch(monotonic_now());
      lock.lock();
      next = std::max(next + epoch_, std::chrono::steady_clock::now());
      wake_.wait_until(lock, next, [this] { return stopping_; });
    }
  }

  const std::unique_ptr<Manager> manager_;
  const std::chrono::milliseconds epoch_;
  std::unique_ptr<Server> server_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

Process::Process(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Process::~Process() = default;

Result<std::unique_ptr<Process>> Process::start(FleetConfig config) {
  Surroundings around;
  around.fetch = make_fetch(config);
  around.leadership = config.manager.etcd.endpoints.empty()
                          ? lead_alone()
                          : lead_by_etcd(config.manager.etcd, to_string(config.manager.address));
  const auto patience = config.manager.scrape_timeout;
  around.pull = [patience](const std::string& leader) { return pull(leader, patience); };
  ZT_ASSIGN_OR_RETURN(auto manager, Manager::make(std::move(config), std::move(around)));
  auto impl = std::make_unique<Impl>(std::move(manager));
  ZT_RETURN_IF_ERROR(impl->start());
  return std::unique_ptr<Process>(new Process(std::move(impl)));
}

Address Process::address() const { return impl_->address(); }

}  // namespace zoetrope::traffic::control
