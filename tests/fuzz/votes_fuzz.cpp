// What a rater's browser hands back: parse_votes, and the seal inside.
#include <cstdint>

#include "eval/votes.h"

#include "fuzz_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace zoetrope;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = eval::parse_votes(text, "votes");
  if (!file.ok()) {
    fuzz::check_refusal(file.status());
    fuzz::check(file.status().message().starts_with("votes"), "a refusal does not name the file");
    return 0;
  }
  for (const eval::Vote& vote : file->votes) {
    fuzz::check(vote.trial >= 0 && static_cast<std::size_t>(vote.trial) < file->key.trials.size(),
                "a vote on no pair");
  }
  const std::string name = "votes";
  const auto counted = eval::tally({&*file, 1}, {&name, 1}, 2, 0);
  fuzz::check(counted.ok() == !file->votes.empty(), "votes that cannot be counted");
  // What was read can be written, and read again.
  const auto again = eval::unseal(eval::seal(file->key), "seal");
  fuzz::check(again.ok() && again->trials.size() == file->key.trials.size(),
              "the seal has changed");
  return 0;
}
