#include "tui/top_control.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "broker/machine_ledger.hpp"

namespace plimsoll::tui {

namespace {

constexpr std::uint64_t kEvents = 50;  // more than a screen shows

}  // namespace

TopControl::TopControl(host::Host& host, monitor::Monitor& monitor, std::string title)
    : host_(host), monitor_(monitor), title_(std::move(title)) {}

TopControl::~TopControl() = default;

void TopControl::press(TopKey key) {
  const std::shared_ptr<const host::Fleet> fleet = host_.fleet();
  const auto& models = fleet->models;
  switch (key) {
    case TopKey::up:
      if (selected_ > 0) --selected_;
      return answer({});
    case TopKey::down:
      if (selected_ + 1 < models.size()) ++selected_;
      return answer({});
    case TopKey::quit:
      quit_ = true;
      return;
    case TopKey::scale:
      return switch_scale();
    case TopKey::machine:
      shows_machine_ = !shows_machine_;
      return answer({});
    case TopKey::load:
    case TopKey::unload:
    case TopKey::pin:
      act(key, models.at(selected_).request.name);
  }
}

void TopControl::act(TopKey key, const std::string& model) {
  try {
    if (key == TopKey::load) return load(model);
    if (key == TopKey::unload) {
      host_.unload(model);
      return answer(fmt::format("'{}' goes as soon as nobody uses it", model));
    }
    const bool pinned = host_.status().models.at(selected_).pinned;
    host_.pin(model, !pinned);
    answer(fmt::format("'{}' {}", model, pinned ? "may be evicted again" : "is pinned"));
  } catch (const Error& error) {
    answer(error.what());
  }
}

// From what the first device with a budget shows now to the other picture.
void TopControl::switch_scale() {
  const std::vector<monitor::Sample> samples = monitor_.history(1);
  if (samples.empty()) return;
  const auto& devices = samples.front().devices;
  const auto device =
      std::ranges::find_if(devices, [](const monitor::DeviceSample& at) { return at.budget.has_value(); });
  if (device == devices.end()) return answer("no device has a budget to be drawn to");
  scale_ = other_scale(scale_, *device);
  answer(scale_ == BarScale::limit ? "bars are drawn to the budgets" : "bars are drawn to all of a device's memory");
}

MachineView TopControl::machine() const {
  const broker::MachineLedger& ledger = host_.machine();
  MachineView out{.picture = {}, .now = broker::boot_time(), .why_off = ledger.why_off()};
  if (const std::string path = ledger.path(); !path.empty()) {
    auto seen = broker::picture_of_machine(path);
    if (seen)
      out.picture = std::move(*seen);
    else
      out.why_off = std::move(seen.error());
  }
  return out;
}

void TopControl::load(const std::string& model) {
  loads_.remove_if([](const Loading& load) { return load.over.load(); });
  answer(fmt::format("'{}' is being loaded", model));
  Loading& load = loads_.emplace_back();
  load.thread = std::jthread([this, model, &load](const std::stop_token& stop) {
    try {
      host_.load(model, stop);
      answer(fmt::format("'{}' is ready", model));
    } catch (const std::exception& error) {
      answer(error.what());
    }
    load.over = true;
  });
}

void TopControl::answer(std::string text) {
  const std::lock_guard lock(answer_.mutex);
  answer_.text = std::move(text);
}

void TopControl::note(std::string text) {
  const std::lock_guard lock(notes_mutex_);
  notes_.push_back({.at = SystemClock().now(), .text = std::move(text)});
  if (notes_.size() > kMostNotes) notes_.pop_front();
}

TopState TopControl::state() {
  TopState out;
  const std::optional<monitor::Sample> latest = monitor_.latest();
  out.title = title_;
  out.sample = latest ? *latest : monitor_.sample_now();
  out.scale = scale_;
  out.counters = monitor_.counters();
  const std::shared_ptr<const host::Fleet> fleet = host_.fleet();
  out.thresholds = fleet->thresholds;
  for (const host::FleetModel& model : fleet->models) {
    if (!model.presets.empty()) out.presets[model.request.name] = presets_in_words(model.presets);
  }
  out.selected = selected_;
  if (shows_machine_) out.machine = machine();
  std::vector<host::HostEvent> events = host_.log().events();
  if (events.size() > kEvents) events.erase(events.begin(), events.end() - kEvents);
  for (const host::HostEvent& event : events) out.notes.push_back(note_of(event));
  for (const monitor::Alert& alert : monitor_.alerts()) out.notes.push_back(note_of(alert));
  {
    const std::lock_guard lock(notes_mutex_);
    out.notes.insert(out.notes.end(), notes_.begin(), notes_.end());
  }
  const std::lock_guard lock(answer_.mutex);
  out.answer = answer_.text;
  return out;
}

}  // namespace plimsoll::tui
