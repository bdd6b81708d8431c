#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "base/clock.hpp"

#include "allocations.hpp"
#include "call.hpp"
#include "defaults.hpp"
#include "objects.hpp"

using namespace plimsoll::c_api;

namespace {

using Json = nlohmann::ordered_json;
using plimsoll::monitor::Alert;

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json json_of(const Alert& alert) {
  Json numbers = Json::object();
  for (const auto& [name, number] : alert.numbers) numbers[name] = number;
  return {{"at", plimsoll::utc_text(alert.at)},
          {"kind", to_string(alert.kind)},
          {"severity", to_string(alert.severity)},
          {"device", text_or_null(alert.device)},
          {"model", text_or_null(alert.model)},
          {"numbers", numbers},
          {"sentence", alert.sentence}};
}

// The monitor whose alert is being told on this thread.
thread_local const plimsoll_monitor* alerting = nullptr;

class AlertScope {
 public:
  explicit AlertScope(const plimsoll_monitor* monitor) noexcept : outer_(std::exchange(alerting, monitor)) {}
  ~AlertScope() { alerting = outer_; }
  AlertScope(const AlertScope&) = delete;
  AlertScope& operator=(const AlertScope&) = delete;

 private:
  const plimsoll_monitor* outer_;
};

// What the function lets out the monitor logs. `object` is made before its monitor, which holds it by this alone.
plimsoll::MonitorOptions options_of(const plimsoll_monitor_options* given, const plimsoll_monitor* object) {
  const plimsoll_monitor_options options = known(given);
  plimsoll::MonitorOptions out{.interval = std::chrono::milliseconds(options.interval_ms), .history = options.history};
  out.thresholds = {.warn = options.warn, .high = options.high};
  if (const std::string why = plimsoll::memory::contradiction(out.thresholds); !why.empty())
    throw plimsoll::Error(plimsoll::ErrorCode::usage, why);
  if (options.on_alert != nullptr) {
    out.on_alert = [options, object](const Alert& alert) {
      const AlertScope scope(object);
      const std::string text = json_of(alert).dump(-1, ' ', false, Json::error_handler_t::replace);
      options.on_alert(options.user_data, text.c_str());
    };
  }
  return out;
}

// Its end waits for its thread. Where the last to use it is its own callback, another thread waits.
void destroy(plimsoll_monitor* monitor) {
  if (alerting == monitor) {
    std::thread([monitor] { delete monitor; }).detach();
  } else {
    delete monitor;
  }
}

template <class Watched>
plimsoll_monitor* opened(const Watched& watched, const plimsoll_monitor_options* options) {
  const std::shared_ptr<plimsoll_monitor> object(new plimsoll_monitor, &destroy);
  object->monitor.emplace(watched, options_of(options, object.get()));
  return handle_of(object);
}

}  // namespace

extern "C" {

plimsoll_error* plimsoll_monitor_options_init(plimsoll_monitor_options* options, size_t size) {
  return call([&] { fill_defaults(options, size); });
}

plimsoll_error* plimsoll_monitor_open(plimsoll_host* host, const plimsoll_monitor_options* options,
                                      plimsoll_monitor** monitor) {
  return emptying_call([&] {
    *place_of(monitor, "monitor") = nullptr;
    require_no_quiet_callback();
    *monitor = opened(found(host)->host, options);
  });
}

plimsoll_error* plimsoll_monitor_open_runtime(plimsoll_runtime* runtime, const plimsoll_monitor_options* options,
                                              plimsoll_monitor** monitor) {
  return emptying_call([&] {
    *place_of(monitor, "monitor") = nullptr;
    require_no_quiet_callback();
    *monitor = opened(found(runtime)->runtime, options);
  });
}

plimsoll_error* plimsoll_monitor_close(plimsoll_monitor* monitor) {
  return closed(monitor, [](const plimsoll_monitor& object) {
    if (alerting == &object)
      throw plimsoll::Error(plimsoll::ErrorCode::usage,
                            "a monitor cannot be closed from its own callback: closing waits for that");
  });
}

plimsoll_error* plimsoll_monitor_sample(plimsoll_monitor* monitor) {
  return call([&] { (void)found(monitor)->monitor->sample_now(); });
}

plimsoll_error* plimsoll_monitor_status_json(plimsoll_monitor* monitor, char** json) {
  return emptying_call([&] {
    *place_of(json, "JSON") = nullptr;
    require_no_quiet_callback();
    give_text(found(monitor)->monitor->json(), json);
  });
}

plimsoll_error* plimsoll_monitor_alerts_json(plimsoll_monitor* monitor, char** json) {
  return emptying_call([&] {
    *place_of(json, "JSON") = nullptr;
    require_no_quiet_callback();
    Json list = Json::array();
    for (const Alert& alert : found(monitor)->monitor->alerts()) list.push_back(json_of(alert));
    give_text(list.dump(2, ' ', false, Json::error_handler_t::replace), json);
  });
}

plimsoll_error* plimsoll_monitor_prometheus(plimsoll_monitor* monitor, char** text) {
  return emptying_call([&] {
    *place_of(text, "text") = nullptr;
    require_no_quiet_callback();
    give_text(found(monitor)->monitor->prometheus(), text);
  });
}

}  // extern "C"
