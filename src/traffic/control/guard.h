// What the manager refuses to publish until an operator says otherwise. Envoy accepts an empty
// endpoint list and answers everything with 503 from then on; only we can refuse one.
//
// Pure; owned by one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "traffic/control/publication.h"

namespace zoetrope::traffic::control {

struct Refusal {
  std::string id;    // names this very change, for override
  std::string what;  // one line for a person
};

struct Guarded {
  // What may go out. Nothing when there is no last publication to take the place of what is held
  // back.
  std::optional<Publication> publication;
  std::vector<Refusal> refusals;  // what was held back
};

class Guard {
 public:
  // Share of a region's endpoints whose loss at once is refused.
  static constexpr double kMostLoss = 0.30;

  // `next` with everything dangerous replaced by what `last` (nothing: there is none) has. Refused:
  // - a table that is not valid: rows that do not sum up, negative weights. No override helps.
  // - a region without any endpoint, and one that lost more than kMostLoss of them.
  Guarded check(Publication next, const std::optional<Publication>& last) const;

  // Lets the change of this id through from now on.
  void override_refusal(std::string id);
  // Overrides hold for one publication.
  void published();

 private:
  std::vector<std::string> overridden_;
};

}  // namespace zoetrope::traffic::control
