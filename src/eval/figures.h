// The figures a comparison reports: their names in JSON, their titles for people, and which way is
// better. docs/evaluation.md defines each.
#pragma once

#include <span>
#include <string_view>

namespace zoetrope::eval {

enum class Better { kHigher, kLower, kNeither };

enum class Kind {
  kToReference,  // of a clip beside the reference configuration's at the same seed
  kOfClip,       // of a clip, or beside the real one
  kOfSet,        // of all clips together
};

struct FigureInfo {
  std::string_view name;
  std::string_view title;  // with the unit
  Kind kind;
  Better better;
  double scale;  // what a person reads is the value times this
  int decimals;
};

// In the order of the report. Those of a clip are averaged over clips.
std::span<const FigureInfo> all_figures();

}  // namespace zoetrope::eval
