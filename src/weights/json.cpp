#include "weights/json.h"

#include "weights/mapped_file.h"

namespace zoetrope::weights {

base::Result<nlohmann::json> read_json_file(const std::string& path,
                                            const base::JsonLimits& limits) {
  ZT_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::open(path));
  return base::parse_json(file.text(), path, limits);
}

}  // namespace zoetrope::weights
