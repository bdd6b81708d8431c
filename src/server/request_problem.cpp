#include "request_problem.hpp"

#include <fmt/format.h>

#include <typeinfo>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"

namespace plimsoll::server {
namespace {

bool is_internal(const std::exception& error) {
  if (dynamic_cast<const api::Problem*>(&error) != nullptr) return false;
  const auto* ours = dynamic_cast<const Error*>(&error);
  return ours == nullptr || ours->code() == ErrorCode::internal;
}

}  // namespace

api::Problem problem_of(const std::exception& error, const RequestOrigin& origin) {
  if (!is_internal(error)) return api::problem_of(error);
  log::error("server", "{}: internal error in {}: {} ({})", origin.id, origin.place, error.what(),
             typeid(error).name());
  return api::Problem(
             500, std::string(to_string(ErrorCode::internal)),
             fmt::format("an internal error in {}; the server's log says more under {}", origin.place, origin.id))
      .with("id", origin.id);
}

}  // namespace plimsoll::server
