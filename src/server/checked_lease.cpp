#include "checked_lease.hpp"

#include <utility>

#include "asked_model.hpp"

namespace plimsoll::server {

using Moment = std::chrono::steady_clock::time_point;

CheckedLeaseRequest::CheckedLeaseRequest(const ServerContext& server, std::string model, Check check, How how)
    : server_(server),
      model_(std::move(model)),
      check_(std::move(check)),
      how_(std::move(how)),
      reader_(server_.vocabularies.find(model_)) {
  if (reader_) check_(*reader_);
  if (!server_.options.autoload) require_loaded(server_.host, model_);
  ask();
}

void CheckedLeaseRequest::ask() {
  host::AcquireOptions how = how_();
  try {
    request_.emplace(server_.host, model_, std::move(how));
  } catch (const Error& refused) {
    throw_with_plan(refused, server_.host, model_, server_.options);  // it may have left the fleet
  }
}

// Once more without the vocabularies that are kept, where it is the budget that is short: a model comes before them.
void CheckedLeaseRequest::ask_again_or_throw(const Error& refused) {
  if (refused.code() != ErrorCode::over_budget || !server_.vocabularies.clear())
    throw_with_plan(refused, server_.host, model_, server_.options);
  ask();
}

bool CheckedLeaseRequest::wait_for(std::chrono::milliseconds most) {
  const Moment until = std::chrono::steady_clock::now() + most;
  for (;;) {
    try {
      return request_->wait_for(std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()));
    } catch (const Error& refused) {
      ask_again_or_throw(refused);
    }
  }
}

host::Lease CheckedLeaseRequest::take() {
  for (;;) {
    try {
      host::Lease lease = request_->take();
      request_.reset();
      if (!reader_ || !server_.vocabularies.is_current(*reader_))
        check_(PromptReader(lease, template_of(server_.host, model_)));
      return lease;
    } catch (const Error& refused) {
      if (!request_) throw;  // it is the request's own check that failed
      ask_again_or_throw(refused);
    }
  }
}

host::Lease checked_lease(const ServerContext& server, const std::string& model,
                          const CheckedLeaseRequest::Check& check, const CheckedLeaseRequest::How& how) {
  return CheckedLeaseRequest(server, model, check, how).take();
}

}  // namespace plimsoll::server
