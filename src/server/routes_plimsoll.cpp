// Our own view: where every byte is, what is planned, what happened; and loading, unloading and pinning.
#include <fmt/format.h>

#include <thread>

#include "api/fields.hpp"
#include "api/sse.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "host/fleet_file.hpp"
#include "host/fleet_plan.hpp"
#include "monitor/report.hpp"
#include "plan/plan_json.hpp"

#include "server_impl.hpp"

namespace plimsoll::server {
namespace {

using api::Json;

constexpr std::chrono::milliseconds kEventBeat{200};
constexpr std::chrono::seconds kKeepAlive{15};

Json bytes_or_null(const std::optional<Bytes>& bytes) { return bytes ? Json(bytes->value()) : Json(nullptr); }

Json history_json(const monitor::Sample& sample) {
  Json devices = Json::array();
  for (const monitor::DeviceSample& device : sample.devices) {
    devices.push_back({{"device", device.device},
                       {"taken", device.taken.value()},
                       {"committed", device.committed.value()},
                       {"free", bytes_or_null(device.free)},
                       {"foreign", bytes_or_null(device.foreign)},
                       {"budget", bytes_or_null(device.budget)}});
  }
  return {{"at", utc_text(sample.at)}, {"devices", std::move(devices)}};
}

// Names that have no entry in the ledger: a preset is its model's bytes.
Json presets_json(const host::Fleet& fleet) {
  Json out = Json::array();
  for (const host::FleetModel& model : fleet.models) {
    for (const host::Preset& preset : model.presets)
      out.push_back({{"name", preset.name}, {"model", model.request.name}, {"bytes", 0}});
  }
  return out;
}

Json entry_json(const memory::Entry& entry) {
  return {{"device", entry.tag.device.name()}, {"buffer", entry.tag.buffer},
          {"owner", entry.tag.owner},          {"stage", memory::to_string(entry.tag.stage)},
          {"planned", entry.planned.value()},  {"current", entry.taken.current.value()},
          {"peak", entry.taken.peak.value()},  {"total", entry.taken.total.value()},
          {"allocations", entry.allocations},  {"charged", entry.charged}};
}

Json event_json(const host::HostEvent& event) {
  return {{"sequence", event.sequence},
          {"at", utc_text(event.at)},
          {"kind", event.kind == host::HostEventKind::moved ? "moved" : "refused"},
          {"model", event.model},
          {"from", host::to_string(event.from)},
          {"to", host::to_string(event.to)},
          {"bytes", event.bytes.value()},
          {"ms", event.ms},
          {"why", event.why}};
}

Json alert_json(const monitor::Alert& alert) {
  Json numbers = Json::object();
  for (const auto& [name, value] : alert.numbers) numbers[name] = value;
  return {{"at", utc_text(alert.at)},
          {"kind", monitor::to_string(alert.kind)},
          {"severity", monitor::to_string(alert.severity)},
          {"device", alert.device},
          {"model", alert.model},
          {"sentence", alert.sentence},
          {"numbers", std::move(numbers)}};
}

// Host events and alerts: first those that are there already, then as they come.
class EventFeed {
 public:
  EventFeed(host::Host& host, monitor::Monitor& monitor) : host_(host), monitor_(monitor) {}

  // False: nobody listens any more. Throws nothing: the library catches no exceptions here.
  [[nodiscard]] bool write_news(httplib::DataSink& sink) noexcept {
    try {
      const std::string news = next();
      if (!news.empty() && !sink.write(news.data(), news.size())) return false;
      std::this_thread::sleep_for(kEventBeat);
      return sink.is_writable();
    } catch (const std::exception& error) {
      log::warn("server", "events broke off: {}", error.what());
      return false;
    }
  }

 private:
  // What is new, as server-sent events; now and then a comment, so that both ends know that the other is there.
  [[nodiscard]] std::string next() {
    std::string out;
    for (const host::HostEvent& event : host_.log().events(last_event_)) {
      last_event_ = event.sequence;
      out += api::event(event_json(event), event.kind == host::HostEventKind::moved ? "moved" : "refused");
    }
    for (const monitor::Alert& alert : monitor_.alerts_after(alerts_)) out += api::event(alert_json(alert), "alert");
    const auto now = std::chrono::steady_clock::now();
    if (out.empty() && now - said_ < kKeepAlive) return out;
    said_ = now;
    return out.empty() ? ":\n\n" : out;
  }

  host::Host& host_;
  monitor::Monitor& monitor_;
  std::uint64_t last_event_ = 0;
  std::uint64_t alerts_ = 0;  // that were written, or came and went before
  std::chrono::steady_clock::time_point said_{};
};

// {"ctx-size": 8192, "cache-type-k": "q8_0"} as the keys of a fleet file.
std::string keys_as_toml(const Json& keys) {
  std::string text;
  for (const auto& [key, value] : keys.items()) {
    if (key == "model") continue;
    if (!value.is_string() && !value.is_number() && !value.is_boolean())
      throw api::bad_request(fmt::format("'{}' must be a string, a number, true or false", key)).at(key);
    text += fmt::format("{} = {}\n", api::to_text(key), api::to_text(value));
  }
  return text;
}

// A model, and after it its draft where it has one.
void add_asked(std::vector<plan::Request>& requests, const host::Host& host, const Json& asked, const std::string& path,
               const std::string& suffix) {
  const auto model = asked.is_object() ? asked.find("model") : asked.end();
  if (!asked.is_object() || model == asked.end() || !model->is_string())
    throw api::bad_request(fmt::format("'{}' must be an object with the name of a 'model'", path)).at(path);
  const host::FleetModel found =
      host::with_keys(*model_asked_for(host, model->get<std::string>()), keys_as_toml(asked));
  requests.push_back(found.request);
  requests.back().name += suffix;
  if (!found.draft) return;
  requests.push_back(found.draft->request);
  requests.back().name += suffix;
}

std::vector<plan::Request> asked_requests(const host::Host& host, const Json& body) {
  std::vector<plan::Request> requests;
  const auto models = body.find("models");
  if (models == body.end()) {
    add_asked(requests, host, body, "body", "");
    return requests;
  }
  if (!models->is_array() || models->empty() || models->size() > 16)
    throw api::bad_request("'models' must be a list of 1 to 16 models").at("models");
  for (std::size_t i = 0; i < models->size(); ++i) {
    add_asked(requests, host, (*models)[i], fmt::format("models[{}]", i),
              models->size() > 1 ? fmt::format("#{}", i + 1) : "");
  }
  return requests;
}

}  // namespace

void Server::Impl::add_plimsoll_routes() {
  http->Get("/plimsoll/v1/status", answering([this](const httplib::Request&, httplib::Response& response) {
              put(response, monitor::to_json(monitor::take_sample(host), monitor.counters(), host.fleet().get()));
            }));
  http->Get("/plimsoll/v1/history", answering([this](const httplib::Request&, httplib::Response& response) {
              Json samples = Json::array();
              for (const monitor::Sample& sample : monitor.history()) samples.push_back(history_json(sample));
              put(response, {{"schema", "plimsoll.history/1"}, {"samples", std::move(samples)}});
            }));
  http->Get("/plimsoll/v1/devices", answering([this](const httplib::Request&, httplib::Response& response) {
              const Json status = monitor::to_json(monitor::take_sample(host), monitor.counters());
              put(response,
                  {{"schema", "plimsoll.device_memory/1"}, {"at", status["at"]}, {"devices", status["devices"]}});
            }));
  http->Get("/plimsoll/v1/ledger", answering([this](const httplib::Request&, httplib::Response& response) {
              Json entries = Json::array();
              for (const memory::Entry& entry : host.accounting().ledger().entries())
                entries.push_back(entry_json(entry));
              put(response, {{"schema", "plimsoll.ledger/1"},
                             {"entries", std::move(entries)},
                             {"presets", presets_json(*host.fleet())}});
            }));
  http->Get("/plimsoll/v1/plan", answering([this](const httplib::Request&, httplib::Response& response) {
              put(response, host::to_json(host.fleet_plan(), tracker::mode()));
            }));
  http->Post("/plimsoll/v1/plan", answering([this](const httplib::Request& request, httplib::Response& response) {
               const auto requests = asked_requests(host, api::parse_object(request.body));
               const auto work = begin_work(request);
               if (!plan) {
                 throw api::Problem(501, "unsupported", "this server cannot plan models");
               }
               const std::lock_guard lock(planning);
               put(response, plan::to_json(plan(requests), tracker::mode()));
             }));
  http->Get("/plimsoll/v1/events", answering([this](const httplib::Request& request, httplib::Response& response) {
              stream_events(request, response);
            }));
  http->Post(R"(/plimsoll/v1/models/(.+)/(load|unload|pin))",
             answering([this](const httplib::Request& request, httplib::Response& response) {
               operate(request.matches[2], model_asked_for(host, request.matches[1])->request.name, request, response);
             }));
}

void Server::Impl::stream_events(const httplib::Request& request, httplib::Response& response) {
  response.set_header("Cache-Control", "no-cache");
  auto feed = std::make_shared<EventFeed>(host, monitor);
  const auto record = record_of(request);
  put_stream(request, response, api::kEventStream, [this, feed, record](std::size_t, httplib::DataSink& sink) {
    if (!ending) return feed->write_news(sink);
    record->write_down(200);
    sink.done();
    return true;
  });
}

void Server::Impl::operate(const std::string& what, const std::string& name, const httplib::Request& request,
                           httplib::Response& response) {
  if (what == "load") {
    const auto work = begin_work(request);
    const auto watched = watch(request).watched;
    load_ahead(name, watched->token());
  } else if (what == "unload") {
    host.unload(name);
  } else {
    const Json body = request.body.empty() ? Json::object() : api::parse_object(request.body);
    host.pin(name, api::Fields(body).flag("pinned").value_or(true));
  }
  for (const host::ModelStatus& model : host.status().models) {
    if (model.name == name)
      put(response, {{"schema", "plimsoll.model/1"},
                     {"name", name},
                     {"state", host::to_string(model.state)},
                     {"pinned", model.pinned}});
  }
}

}  // namespace plimsoll::server
