#include "errors.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/mutex.hpp"
#include "base/utf8.hpp"

#include "handles.hpp"

namespace plimsoll::c_api {
namespace {

std::shared_ptr<plimsoll_error> made(plimsoll_code code, const std::string& message, const Error::Numbers& numbers) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [name, number] : numbers) json[name] = number;
  return std::make_shared<plimsoll_error>(
      plimsoll_error{.code = code, .message = as_utf8(message), .numbers = json.dump()});
}

// Errors that outlive every plimsoll_error_free().
class KeptErrors {
 public:
  KeptErrors() : no_memory_(kept(made(PLIMSOLL_OUT_OF_HOST_MEMORY, "the process has no memory left", {}))) {}

  [[nodiscard]] plimsoll_error* no_memory() const noexcept { return no_memory_; }
  [[nodiscard]] plimsoll_error* keep(const std::shared_ptr<plimsoll_error>& error) {
    const MutexLock lock(mutex_);
    const auto there = by_message_.find(error->message);
    return there == by_message_.end() ? kept(error) : there->second;
  }
  [[nodiscard]] bool has(const plimsoll_error* error) const {
    const MutexLock lock(mutex_);
    return std::ranges::any_of(by_message_, [&](const auto& one) { return one.second == error; });
  }

 private:
  plimsoll_error* kept(const std::shared_ptr<plimsoll_error>& error) PLIMSOLL_REQUIRES(mutex_) {
    plimsoll_error*& place = by_message_[error->message];
    return place = handle_of(error);
  }

  mutable Mutex mutex_;
  std::map<std::string, plimsoll_error*> by_message_ PLIMSOLL_GUARDED_BY(mutex_);
  plimsoll_error* no_memory_;
};

KeptErrors& kept_errors() {
  static KeptErrors& the_errors = *new KeptErrors;
  return the_errors;
}

// Made while there is memory.
[[maybe_unused]] const KeptErrors& made_at_start = kept_errors();

std::shared_ptr<plimsoll_error> of_current_exception() {
  try {
    throw;
  } catch (const CallbackFailed& error) {
    return made(PLIMSOLL_CALLBACK_FAILED, std::string("a callback let an exception out: ") + error.what(), {});
  } catch (const Error& error) {
    return made(code_of(error.code()), error.what(), error.numbers());
  } catch (const std::bad_alloc&) {
    return nullptr;
  } catch (const std::length_error&) {  // what containers throw for more than there can be
    return nullptr;
  } catch (const std::exception& error) {
    return made(PLIMSOLL_INTERNAL, error.what(), {});
  } catch (...) {
    return made(PLIMSOLL_INTERNAL, "something was thrown that says nothing of itself", {});
  }
}

std::shared_ptr<plimsoll_error> of_handle(const plimsoll_error* error) noexcept try {
  if (error == nullptr) return std::make_shared<plimsoll_error>();
  return found(error);
} catch (...) {
  return {};
}

// Codes of the C interface alone. They stand behind those that the library had when they were given out; what the
// library gets later stands behind them.
constexpr plimsoll_code kOwnCodes = PLIMSOLL_OUT_OF_HOST_MEMORY - PLIMSOLL_INTERNAL;

constexpr const char* kNoError = "this error was freed already, or never was one";

}  // namespace

plimsoll_code code_of(ErrorCode code) noexcept {
  static_assert(static_cast<int>(ErrorCode::usage) + 1 == PLIMSOLL_USAGE);
  static_assert(static_cast<int>(ErrorCode::sealed) + 1 == PLIMSOLL_SEALED);
  static_assert(static_cast<int>(ErrorCode::internal) + 1 == PLIMSOLL_INTERNAL);
  const plimsoll_code number = static_cast<plimsoll_code>(code) + 1;
  return number <= PLIMSOLL_INTERNAL ? number : number + kOwnCodes;
}

plimsoll_error* caught() noexcept {
  try {
    if (auto error = of_current_exception()) return handle_of(std::move(error));
  } catch (...) {  // no memory for the error
  }
  return kept_errors().no_memory();
}

plimsoll_error* caught_and_kept() noexcept {
  try {
    if (const auto error = of_current_exception()) return kept_errors().keep(error);
  } catch (...) {
  }
  return kept_errors().no_memory();
}

}  // namespace plimsoll::c_api

using namespace plimsoll::c_api;

extern "C" {

plimsoll_code plimsoll_error_code(const plimsoll_error* error) {
  const auto value = of_handle(error);
  return value ? value->code : PLIMSOLL_USAGE;
}

const char* plimsoll_error_name(const plimsoll_error* error) {
  const plimsoll_code code = plimsoll_error_code(error);
  if (code == PLIMSOLL_OK) return "ok";
  if (code == PLIMSOLL_CALLBACK_FAILED) return "callback_failed";
  if (code == PLIMSOLL_OUT_OF_HOST_MEMORY) return "out_of_host_memory";
  const plimsoll_code number = code <= PLIMSOLL_INTERNAL ? code : code - kOwnCodes;
  return plimsoll::to_string(static_cast<plimsoll::ErrorCode>(number - 1)).data();  // of a literal
}

const char* plimsoll_error_message(const plimsoll_error* error) {
  if (error == nullptr) return "";
  const auto value = of_handle(error);
  return value ? value->message.c_str() : kNoError;  // the table holds it until it is freed
}

const char* plimsoll_error_numbers(const plimsoll_error* error) {
  if (error == nullptr) return "{}";
  const auto value = of_handle(error);
  return value ? value->numbers.c_str() : "{}";
}

void plimsoll_error_free(plimsoll_error* error) {
  try {
    if (error == nullptr || kept_errors().has(error)) return;
    (void)handles().remove(error, Kind::error);
  } catch (...) {  // freed twice: nothing is left to say it with
  }
}

}  // extern "C"
