// From rows to figures with intervals: means over clips, figures of whole sets, and differences of
// configurations in pairs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "eval/bootstrap.h"
#include "eval/measure.h"

namespace zoetrope::eval {

using Figures = std::map<std::string, Interval>;  // by FigureInfo::name

struct Summary {
  struct Column {
    std::string name;
    bool baseline;
    Figures figures;
  };
  struct Difference {  // a's figures less b's
    std::string a, b;
    Figures figures;
  };
  std::vector<Column> columns;          // as Measurements::sources
  std::vector<Difference> differences;  // of every two configurations but the reference

  int64_t components = 0;      // of the feature space
  int64_t fitted_on = 0;       // clips
  bool fitted_on_set = false;  // on the set's own real clips, for want of others
  // What the Fréchet distance shows where there is nothing to find: real clips of half of the
  // concepts against those of the other half, mean over splits; NaN with fewer than four concepts.
  double frechet_halves = 0;
  double frechet_others = 0;  // clips outside the set against the set's; NaN without
};

struct SummaryOptions {
  int replicates = 2000;
  uint64_t seed = 0;
  int64_t components = 32;
};

Summary summarise(const EvalSet& set, const Measurements& measurements, size_t reference,
                  const SummaryOptions& options);

}  // namespace zoetrope::eval
