#include "exit_status.hpp"

#include <cxxabi.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <system_error>
#include <typeinfo>

#include "base/hash.hpp"
#include "base/log.hpp"
#include "base/utf8.hpp"
#include "base/version.hpp"
#include "options/option.hpp"

namespace plimsoll::app {

ExitStatus exit_status(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::usage:
    case ErrorCode::unsupported:
      return usage;
    case ErrorCode::over_budget:
    case ErrorCode::out_of_device_memory:
      return refused;
    case ErrorCode::model_unusable:
      return unusable_model;
    case ErrorCode::cancelled:
      return interrupted;
    case ErrorCode::context_overflow:
    case ErrorCode::busy:
    case ErrorCode::sealed:
    case ErrorCode::io:
    case ErrorCode::engine_failed:
    case ErrorCode::model_crashed:
    case ErrorCode::arithmetic:
    case ErrorCode::internal:
      break;
  }
  return failed;
}

namespace {

std::string type_of(const std::exception& thrown) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(typeid(thrown).name(), nullptr, nullptr, &status), &std::free);
  return name ? name.get() : typeid(thrown).name();
}

}  // namespace

Error error_of(const std::exception& thrown, std::string_view place) {
  const auto* const ours = dynamic_cast<const Error*>(&thrown);
  if (ours != nullptr && ours->code() != ErrorCode::internal) return *ours;
  if (dynamic_cast<const std::bad_alloc*>(&thrown) != nullptr)
    return {ErrorCode::out_of_device_memory, "the system has no more host memory for this process"};
  if (dynamic_cast<const std::system_error*>(&thrown) != nullptr) return {ErrorCode::io, thrown.what()};
  const std::string what = ours != nullptr ? thrown.what() : type_of(thrown);
  Fnv1a hash;
  hash.add(fmt::format("{}|{}|{}|{}", version(), place, what, thrown.what()));
  const std::string id = hash.hex().substr(0, 8);
  log::info("plimsoll", "internal error {}: {}: {}", id, what, thrown.what());
  return {ErrorCode::internal,
          fmt::format("internal error {} in '{}' of plimsoll {}: {}. This is a fault of the program: please report it, "
                      "with what -v says",
                      id, place, version(), what)};
}

ExitStatus report(const Error& error, bool json) {
  const std::string message = options::in_flags(as_utf8(error.what()));
  fmt::print(stderr, "plimsoll: {}\n", message);
  if (json) {
    nlohmann::ordered_json numbers = nlohmann::ordered_json::object();
    for (const auto& [name, value] : error.numbers()) numbers[name] = value;
    const nlohmann::ordered_json out{
        {"schema", "plimsoll.error/1"}, {"code", to_string(error.code())}, {"message", message}, {"numbers", numbers}};
    fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  }
  return exit_status(error.code());
}

}  // namespace plimsoll::app
