#include "keep_alive.hpp"

#include "base/log.hpp"

namespace plimsoll::server {

void keep_alive(host::Host& host, const std::string& model, const std::optional<api::KeepAlive>& asked) noexcept {
  if (!asked) return;
  try {
    if (asked->idle && asked->idle->count() == 0) return host.unload(model);
    host.set_time_to_live(model, asked->idle);
  } catch (const std::exception& error) {
    log::info("server", "keep_alive of '{}': {}", model, error.what());
  }
}

}  // namespace plimsoll::server
