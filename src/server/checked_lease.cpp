#include "checked_lease.hpp"

#include "asked_model.hpp"

namespace plimsoll::server {

host::Lease checked_lease(const ServerContext& server, const std::string& model, const std::stop_token& stop,
                          const std::function<void(const PromptReader&)>& check) {
  const auto reader = server.vocabularies.find(model);
  if (reader) check(*reader);
  host::Lease lease = ahead_of_vocabularies(server, [&] { return lease_of(server.host, model, server.options, stop); });
  if (!reader || !server.vocabularies.is_current(*reader)) check(PromptReader(lease, template_of(server.host, model)));
  return lease;
}

}  // namespace plimsoll::server
