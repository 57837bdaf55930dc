// TLS 1.2 and 1.3 from certificate files.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <filesystem>
#include <memory>

#include "base/result.h"

namespace zoetrope::http {

// PEM files. kInvalidArgument: one line that names the file at fault.
base::Result<std::unique_ptr<boost::asio::ssl::context>> load_tls(
    const std::filesystem::path& certificate, const std::filesystem::path& key);

}  // namespace zoetrope::http
