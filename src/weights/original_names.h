// Checkpoints as their authors publish them in one file, read by the names of the diffusers layout,
// which the networks ask for. Some of those weights are parts of a larger one there, or its halves
// the other way round.
//
// A format is data: a table of names (original_names.cpp). The tables say what diffusers'
// converters do (loaders/single_file_utils.py), and tests/oracles/make_original_names.py compares.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <string>
#include <string_view>

#include "weights/checkpoint.h"
#include "weights/parameters.h"

namespace zoetrope::weights {

// Which rows (of the first dimension) of the original weight a parameter is.
enum class Rows {
  kAll,
  kFirst,   // as many as it has itself, from the start: the queries of [q, k, v, ...]
  kSecond,  // as many behind those
  kThird,
  kLast,     // as many before the end
  kSwapped,  // all, the second half first: [shift, scale] become [scale, shift]
};

// A name stands for itself and all names that begin with it and a dot, whose rest is kept; the `*`
// is the number of a block.
struct NameRule {
  std::string_view name, original;
  Rows rows = Rows::kAll;
};

struct OriginalFormat {
  std::string_view mark;            // a weight that only files of the format have
  std::span<const NameRule> rules;  // names without a rule are the same in both
};

// The format of a checkpoint, FLUX's or Wan's; null: none of them, its names are diffusers'.
const OriginalFormat* original_format(const Checkpoint& checkpoint);

// A source whose checkpoint is of an original format. One thread at a time.
class OriginalSource final : public ParameterSource {
 public:
  // `source` must outlive this; what it finds unused are original names.
  OriginalSource(CheckpointSource& source, const OriginalFormat& format);

  // Throws as CheckpointSource does; the message has the original name.
  at::Tensor take(const std::string& name, at::IntArrayRef shape, const Init& init) override;
  bool has(const std::string& name) const override;

 private:
  struct Place {
    std::string name;
    Rows rows;
  };
  Place place_of(std::string_view name) const;

  CheckpointSource& source_;
  const OriginalFormat& format_;
  std::string prefix_;  // of all names in the file
};

}  // namespace zoetrope::weights
