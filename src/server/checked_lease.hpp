// checked_lease: a lease for a request that has been read and checked, so that one that is refused takes nothing.
#pragma once
#include <functional>
#include <stop_token>
#include <string>

#include <plimsoll/base/error.hpp>
#include "api/problem.hpp"
#include "host/lease.hpp"

#include "server_context.hpp"

namespace plimsoll::server {

// `check` reads the request, and throws what is wrong with it: before the lease, with the model's vocabulary alone;
// nothing is loaded, evicted or waited for then. Only where the model's file is not the one that was planned, it is
// called once the host has loaded it. Called again where the file was changed meanwhile. Throws what `check` and
// lease_of() throw.
[[nodiscard]] host::Lease checked_lease(const ServerContext& server, const std::string& model,
                                        const std::stop_token& stop,
                                        const std::function<void(const PromptReader&)>& check);

// What `work` gives. Where it is refused for want of budget, it is called once more without the vocabularies that are
// kept: a model comes before them.
template <class Work>
auto ahead_of_vocabularies(const ServerContext& server, Work work) {
  try {
    return work();
  } catch (const api::Problem& problem) {
    if (problem.code() != to_string(ErrorCode::over_budget) || !server.vocabularies.clear()) throw;
  }
  return work();
}

}  // namespace plimsoll::server
