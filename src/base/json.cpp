#include "base/json.h"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "base/in_quotes.h"

namespace zoetrope::base {

namespace {

// Thrown out of nlohmann's callback, which has no other way to stop the parser.
struct LimitReached {
  std::string reason;
};

class LimitCheck {
 public:
  explicit LimitCheck(const JsonLimits& limits) : limits_(limits) {}

  void operator()(int depth, nlohmann::json::parse_event_t event, const nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    switch (event) {
      case Event::object_start:
        keys_.emplace_back();
        [[fallthrough]];
      case Event::array_start:
        if (depth >= limits_.max_depth) {
          throw LimitReached{fmt::format("nested deeper than {} levels", limits_.max_depth)};
        }
        count_value();
        break;
      case Event::object_end:
        keys_.pop_back();
        break;
      case Event::key:
        if (!keys_.back().insert(value.get_ref<const std::string&>()).second) {
          throw LimitReached{"duplicate key " + in_quotes(value.get_ref<const std::string&>())};
        }
        break;
      case Event::value:
        count_value();
        break;
      case Event::array_end:
        break;
    }
  }

 private:
  void count_value() {
    if (++values_ > limits_.max_values) {
      throw LimitReached{fmt::format("more than {} values", limits_.max_values)};
    }
  }

  const JsonLimits& limits_;
  std::vector<std::set<std::string>> keys_;  // of the objects that are open
  std::size_t values_ = 0;
};

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text, std::string_view source,
                                  const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return data_loss(fmt::format("{}: JSON of {} bytes exceeds the limit of {}", source,
                                 text.size(), limits.max_bytes));
  }
  LimitCheck check(limits);
  const auto callback = [&check](int depth, nlohmann::json::parse_event_t event,
                                 nlohmann::json& value) {
    check(depth, event, value);
    return true;
  };
  try {
    return nlohmann::json::parse(text, callback);
  } catch (const LimitReached& limit) {
    return data_loss(fmt::format("{}: JSON refused: {}", source, limit.reason));
  } catch (const nlohmann::json::parse_error& error) {
    return data_loss(fmt::format("{}: not valid JSON at byte {}", source, error.byte));
  } catch (const nlohmann::json::exception&) {  // a number beyond the range of double
    return data_loss(fmt::format("{}: JSON with a value out of range", source));
  }
}

}  // namespace zoetrope::base
