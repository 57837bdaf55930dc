// A few threads for what may block: the job store, files of results, decoding pictures, JSON of
// many megabytes. The server's own thread never does such work.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "base/result.h"

namespace zoetrope::http {

class Workers {
 public:
  explicit Workers(int threads) : pool_(static_cast<size_t>(threads)) {}

  // Runs `work`, which returns a Result, on a worker; the coroutine goes on where it was. What is
  // thrown becomes kInternal. Give `work` a name before: g++ 12 destroys the captures of a lambda
  // written inside a co_await twice.
  template <typename Work>
  auto run(Work work) -> boost::asio::awaitable<decltype(work())> {
    using Answer = decltype(work());
    auto start = [this](auto handler, Work task) {
      // Handlers are moved only, functions posted to a pool are copied in places: hence the
      // pointer.
      auto shared = std::make_shared<decltype(handler)>(std::move(handler));
      auto executor = boost::asio::get_associated_executor(*shared);
      auto alive = boost::asio::prefer(executor, boost::asio::execution::outstanding_work.tracked);
      boost::asio::post(pool_, [shared, alive, task = std::move(task)]() mutable {
        auto answer = std::make_shared<std::optional<Answer>>(guarded(task));
        boost::asio::post(alive, [shared, answer] { (*shared)(std::move(answer)); });
      });
    };
    auto answer =
        co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>,
                                             void(std::shared_ptr<std::optional<Answer>>)>(
            start, boost::asio::use_awaitable, std::move(work));
    co_return std::move(**answer);
  }

  void join() { pool_.join(); }

 private:
  template <typename Work>
  static auto guarded(Work& work) -> decltype(work()) {
    try {
      return work();
    } catch (const base::Error& error) {
      return error.status();
    } catch (const std::exception& error) {
      return base::internal_error(error.what());
    }
  }

  boost::asio::thread_pool pool_;
};

}  // namespace zoetrope::http
