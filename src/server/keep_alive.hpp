// keep_alive: how long a model stays once a request for it is answered, where the request says so.
#pragma once
#include <optional>
#include <string>

#include "api/text_request.hpp"
#include "host/host.hpp"

namespace plimsoll::server {

// In the place of the fleet's own rule, until another request says something else. A pinned model stays.
void keep_alive(host::Host& host, const std::string& model, const std::optional<api::KeepAlive>& asked) noexcept;

}  // namespace plimsoll::server
