// checked_lease: a lease for a request that has been read and checked, so that one that is refused takes nothing.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <plimsoll/base/error.hpp>
#include "api/problem.hpp"
#include "host/lease_request.hpp"

#include "server_context.hpp"

namespace plimsoll::server {

// One thread.
class CheckedLeaseRequest {
 public:
  using Check = std::function<void(const PromptReader&)>;
  using How = std::function<host::AcquireOptions()>;  // called once the request is checked

  // `check` reads the request, and throws what is wrong with it: before the lease is asked for, with the model's
  // vocabulary alone; nothing is loaded, evicted or waited for then. Only where the model's file is not the one that
  // was planned, it is called once the host has loaded it. Called again where the file was changed meanwhile. Throws
  // what `check` and host::LeaseRequest throw.
  CheckedLeaseRequest(const ServerContext& server, std::string model, Check check, How how);

  // Waits that long at most. True: take() does not wait. Both throw what `check` and lease_of() throw.
  [[nodiscard]] bool wait_for(std::chrono::milliseconds most);
  [[nodiscard]] host::Lease take();  // once

 private:
  void ask();
  void ask_again_or_throw(const Error& refused);

  const ServerContext server_;
  const std::string model_;
  const Check check_;
  const How how_;
  std::shared_ptr<const PromptReader> reader_;  // that it was checked with
  std::optional<host::LeaseRequest> request_;
};

// Waits for it.
[[nodiscard]] host::Lease checked_lease(const ServerContext& server, const std::string& model,
                                        const CheckedLeaseRequest::Check& check, const CheckedLeaseRequest::How& how);

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
