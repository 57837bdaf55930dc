// What raters' browsers hand back, read as what it is: a file from anywhere. Free of torch.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "eval/bootstrap.h"

namespace zoetrope::eval {

// One pair of clips on a page (page.h), and on which side which was.
struct Trial {
  bool a_left = false;
  int64_t clip = 0;
  int64_t seed = 0;
  int concept_id = 0;
};

// What a page knows and does not show before the end; travels with the votes.
struct PageKey {
  std::string a, b;  // the configurations
  std::vector<Trial> trials;
};

std::string seal(const PageKey& key);  // base64 of JSON
base::Result<PageKey> unseal(std::string_view sealed, const std::string& source);

enum class Choice { kLeft, kSame, kRight };

struct Vote {
  int trial = 0;
  Choice choice = Choice::kSame;
};

struct VoteFile {
  std::string page;
  PageKey key;
  std::vector<Vote> votes;  // of different trials; not all need one
};

// kDataLoss, one line that starts with `source` and names the field.
base::Result<VoteFile> parse_votes(std::string_view text, const std::string& source);
base::Result<VoteFile> read_votes(const std::string& path);

struct Tally {
  std::string a, b;
  int64_t a_better = 0, same = 0, b_better = 0;
  int64_t raters = 0;  // files

  int64_t votes() const { return a_better + same + b_better; }
  int64_t decided() const { return a_better + b_better; }

  // Mean over votes of 1 for a, 1/2 for "the same", 0 for b; bootstrap over concepts.
  Interval score;
};

// Votes of one pair of configurations, from any number of pages and raters. kInvalidArgument naming
// a file whose pair is another one, or when there is no vote at all.
base::Result<Tally> tally(std::span<const VoteFile> files, std::span<const std::string> names,
                          int replicates, uint64_t seed);

// Wilson's score interval at 95 % for the share k / n: Wilson, "Probable inference, the law of
// succession, and statistical inference" (1927). [0, 1] for n = 0.
Interval wilson(int64_t k, int64_t n);

}  // namespace zoetrope::eval
