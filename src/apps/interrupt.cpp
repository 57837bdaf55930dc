#include "apps/interrupt.h"

#include <csignal>

#include <atomic>

namespace zoetrope::apps {
namespace {

// The handler may only touch lock-free atomics; it reaches the token through this pointer.
std::atomic<const base::CancelToken*> active_token = nullptr;
static_assert(std::atomic<const base::CancelToken*>::is_always_lock_free);

struct sigaction previous_int, previous_term;

void on_signal(int) {
  if (const base::CancelToken* token = active_token.load()) token->cancel();
}

}  // namespace

InterruptGuard::InterruptGuard() {
  active_token = &token_;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  // RESETHAND: the second signal meets the default action and ends the process.
  action.sa_flags = SA_RESETHAND | SA_RESTART;
  sigaction(SIGINT, &action, &previous_int);
  sigaction(SIGTERM, &action, &previous_term);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &previous_int, nullptr);
  sigaction(SIGTERM, &previous_term, nullptr);
  active_token = nullptr;
}

}  // namespace zoetrope::apps
