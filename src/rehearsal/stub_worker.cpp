#include "rehearsal/stub_worker.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cmath>
#include <future>
#include <thread>

#include "base/philox.h"
#include "rehearsal/worker_server.h"

namespace zoetrope::rehearsal {

namespace asio = boost::asio;
using std::chrono::nanoseconds;

nanoseconds service_time(const ServiceTime& time, uint64_t seed, int worker, int64_t index) {
  const double sigma2 = std::log1p(time.variation * time.variation);
  const base::Philox4 draw =
      base::philox4x32(seed, static_cast<uint64_t>(index), static_cast<uint64_t>(worker));
  const double z = base::normal_quantile(base::uniform_open(draw.word[0], draw.word[1]));
  const double factor = std::exp(std::sqrt(sigma2) * z - sigma2 / 2);  // its mean is 1
  return nanoseconds(
      static_cast<nanoseconds::rep>(static_cast<double>(time.mean.count()) * factor));
}

class StubWorkers::Impl {
 public:
  ~Impl() {
    asio::post(io_, [this] {
      for (const auto& worker : workers_) worker->close();
      work_.reset();
    });
    if (thread_.joinable()) thread_.join();
  }

  base::Status start(const std::vector<Place>& places, const WorkerOptions& options) {
    for (size_t i = 0; i < places.size(); ++i) {
      workers_.push_back(
          std::make_shared<WorkerServer>(io_, places[i], static_cast<int>(i), options));
      ZT_RETURN_IF_ERROR(workers_.back()->listen());
      places_.push_back(workers_.back()->place());
    }
    thread_ = std::thread([this] { io_.run(); });
    return {};
  }

  // Runs `what` where the workers live and waits for it.
  template <typename F>
  auto there(F what) {
    std::packaged_task<decltype(what())()> task(std::move(what));
    auto result = task.get_future();
    asio::post(io_, [&task] { task(); });
    return result.get();
  }

  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::vector<std::shared_ptr<WorkerServer>> workers_;
  std::vector<Place> places_;
  std::thread thread_;
};

StubWorkers::StubWorkers(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StubWorkers::~StubWorkers() = default;

base::Result<std::unique_ptr<StubWorkers>> StubWorkers::start(const std::vector<Place>& places,
                                                              const WorkerOptions& options) {
  auto impl = std::make_unique<Impl>();
  ZT_RETURN_IF_ERROR(impl->start(places, options));
  return std::unique_ptr<StubWorkers>(new StubWorkers(std::move(impl)));
}

int StubWorkers::size() const { return static_cast<int>(impl_->places_.size()); }

const StubWorkers::Place& StubWorkers::place(int worker) const {
  return impl_->places_[static_cast<size_t>(worker)];
}

void StubWorkers::set_fault(int worker, Fault fault) {
  impl_->there([&] { impl_->workers_[static_cast<size_t>(worker)]->set_fault(fault); });
}

void StubWorkers::set_service(const ServiceTime& service) {
  impl_->there([&] {
    for (const auto& worker : impl_->workers_) worker->set_service(service);
  });
}

WorkerCounts StubWorkers::counts(int worker) const {
  return impl_->there([&] { return impl_->workers_[static_cast<size_t>(worker)]->counts(); });
}

}  // namespace zoetrope::rehearsal
