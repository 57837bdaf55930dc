// The captions of a data folder (prepare.h says which kinds there are).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace zoetrope::train {

struct Caption {
  std::string text;
  std::vector<std::string> keywords;
  std::string file;  // of a plain clip, relative to the data folder
};

struct Captions {
  bool sticker_pack = false;
  std::vector<Caption> clips, stills;
};

base::Result<Captions> read_captions(const std::string& folder);

}  // namespace zoetrope::train
