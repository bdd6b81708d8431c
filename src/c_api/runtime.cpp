#include <nlohmann/json.hpp>
#include <sstream>

#include "base/log.hpp"
#include "memory/event_log.hpp"
#include "tracker/tracker.hpp"

#include "allocations.hpp"
#include "call.hpp"
#include "defaults.hpp"
#include "objects.hpp"

using namespace plimsoll::c_api;

namespace {

using plimsoll::Error;
using plimsoll::ErrorCode;

plimsoll::RuntimeOptions options_of(const plimsoll_runtime_options* given) {
  const plimsoll_runtime_options options = known(given);
  require_reserved(options.reserved, "plimsoll_runtime_options");
  plimsoll::RuntimeOptions out{.store = optional_text(options.store),
                               .prefault = options.prefault != 0,
                               .require_enforcing = options.require_enforcing != 0};
  for (const std::string& text : texts_of(options.budgets, options.n_budgets, "budgets")) {
    auto budget = plimsoll::memory::parse_budget(text);
    if (!budget) throw Error(ErrorCode::usage, budget.error());
    out.budgets.push_back(*std::move(budget));
  }
  return out;
}

// The sentence of the library speaks of linking; a program that opens libraries needs another one.
plimsoll::Runtime opened(const plimsoll::RuntimeOptions& options) {
  if (options.require_enforcing && plimsoll::tracker::mode() != plimsoll::tracker::Mode::enforcing)
    throw Error(ErrorCode::unsupported, std::string("budgets cannot be enforced: ") + plimsoll_tracker_advice());
  return plimsoll::Runtime(options);
}

plimsoll::log::Level level_of(std::int32_t level) {
  if (level < PLIMSOLL_LOG_DEBUG || level > PLIMSOLL_LOG_OFF)
    throw Error(ErrorCode::usage, "there is no log level " + std::to_string(level));
  static_assert(static_cast<int>(plimsoll::log::Level::debug) == PLIMSOLL_LOG_DEBUG &&
                static_cast<int>(plimsoll::log::Level::off) == PLIMSOLL_LOG_OFF);
  return static_cast<plimsoll::log::Level>(level);
}

}  // namespace

extern "C" {

const char* plimsoll_version(void) { return plimsoll::Runtime::version().data(); }  // of literals

const char* plimsoll_engine_version(void) { return plimsoll::Runtime::engine_version().data(); }

const char* plimsoll_tracker_mode(void) { return to_string(plimsoll::tracker::mode()).data(); }

const char* plimsoll_tracker_advice(void) {
  if (plimsoll::tracker::mode() == plimsoll::tracker::Mode::enforcing) return "";
  return "libggml-base was loaded before libplimsoll, so ggml's allocations do not pass through it and cannot be "
         "refused; "
         "open libplimsoll before anything opens libllama or libggml, name it before them on the link line, or start "
         "the "
         "program with LD_PRELOAD=libplimsoll.so.0";
}

plimsoll_error* plimsoll_set_log(int32_t level, plimsoll_log_function function, void* user_data) {
  return call([&] {
    plimsoll::log::set_level(level_of(level));
    if (function == nullptr) return plimsoll::log::set_sink({});
    plimsoll::log::set_sink([function, user_data](plimsoll::log::Level at, std::string_view component,
                                                  std::string_view message) {
      std::string why;  // nobody could be told
      (void)run_quietly(
          [&] {
            function(user_data, static_cast<int32_t>(at), std::string(component).c_str(), std::string(message).c_str());
          },
          why);
    });
  });
}

plimsoll_error* plimsoll_runtime_options_init(plimsoll_runtime_options* options, size_t size) {
  return call([&] { fill_defaults(options, size); });
}

plimsoll_error* plimsoll_runtime_open(const plimsoll_runtime_options* options, plimsoll_runtime** runtime) {
  return emptying_call([&] {
    *place_of(runtime, "runtime") = nullptr;
    require_no_quiet_callback();
    handles().require_nothing_inherited();
    *runtime = handle_of(std::make_shared<plimsoll_runtime>(opened(options_of(options))));
  });
}

plimsoll_error* plimsoll_runtime_close(plimsoll_runtime* runtime) { return closed(runtime); }

plimsoll_error* plimsoll_runtime_status_json(plimsoll_runtime* runtime, char** json) {
  return emptying_call([&] {
    *place_of(json, "JSON") = nullptr;
    require_no_quiet_callback();
    plimsoll::Monitor once(found(runtime)->runtime, {.interval = std::chrono::milliseconds(0), .history = 1});
    (void)once.sample_now();
    give_text(once.json(), json);
  });
}

plimsoll_error* plimsoll_runtime_events_json(plimsoll_runtime* runtime, char** lines) {
  return emptying_call([&] {
    *place_of(lines, "lines") = nullptr;
    require_no_quiet_callback();
    std::ostringstream out;
    plimsoll::memory::write_events(out, found(runtime)->runtime.events());
    give_text(out.view(), lines);
  });
}

}  // extern "C"
