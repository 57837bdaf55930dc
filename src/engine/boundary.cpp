#include "engine/boundary.h"

#include <c10/util/Exception.h>

#include <new>
#include <string>

namespace zoetrope::engine {
namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// Torch's CPU allocator reports an exhausted machine as a plain c10::Error.
bool says_out_of_memory(const std::string& message) {
  return message.find("DefaultCPUAllocator") != std::string::npos;
}

}  // namespace

base::Status status_of(std::exception_ptr exception) {
  try {
    std::rethrow_exception(std::move(exception));
  } catch (const base::Error& error) {
    return error.status();
  } catch (const c10::OutOfMemoryError& error) {
    return base::resource_exhausted("out of GPU memory: " +
                                    first_line(error.what_without_backtrace()));
  } catch (const c10::Error& error) {
    const std::string message = first_line(error.what_without_backtrace());
    return says_out_of_memory(message) ? base::resource_exhausted("out of memory")
                                       : base::internal_error(message);
  } catch (const std::bad_alloc&) {
    return base::resource_exhausted("out of memory");
  } catch (const std::exception& error) {
    return base::internal_error(first_line(error.what()));
  } catch (...) {
    return base::internal_error("an exception of unknown type");
  }
}

}  // namespace zoetrope::engine
