#include "tui/top_view.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "monitor/take_sample.hpp"
#include "monitor/thresholds.hpp"

#include "short_bytes.hpp"
#include "top_machine.hpp"

namespace plimsoll::tui {
namespace {

using namespace ftxui;
using monitor::DeviceSample;
using monitor::ModelSample;
using monitor::OwnerSample;

constexpr int kDeviceName = 10;
constexpr int kModelName = 15;
constexpr int kFewestEvents = 3;

std::string amount(const std::optional<Bytes>& bytes, const char* absent) {
  return bytes ? format_bytes(*bytes) : absent;
}

Color colour_of(monitor::Level level) {
  if (level == monitor::Level::below) return Color::Green;
  return level == monitor::Level::warn ? Color::Yellow : Color::Red;
}

// --- devices ---

std::string repeated(const char* glyph, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += glyph;
  return out;
}

// What is committed and what is left, as shares of the budget; what of that others hold already cannot be had.
Element bar_to_limit(const DeviceSample& device, Color ours_colour, int width) {
  const Bytes budget = *device.budget;
  const auto cells = [&](Bytes bytes) {
    const double share = static_cast<double>(bytes.value()) / static_cast<double>(budget.value());
    return static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * width));
  };
  const int ours = device.committed > Bytes{} ? std::max(1, cells(device.committed)) : 0;  // little is not nothing
  const Bytes untaken = saturating_sub(device.committed, device.taken);
  const Bytes left = saturating_sub(device.free.value_or(budget), untaken);
  const int free_end = std::max(ours, cells(device.committed + std::min(left, budget)));
  return hbox(text(repeated("█", ours)) | color(ours_colour), text(repeated("·", free_end - ours)) | dim,
              text(repeated("▒", width - free_end)) | color(Color::Magenta));
}

// Ours, others and free, as shares of the total, with the budget's mark between the cells.
Element bar_to_total(const DeviceSample& device, Color ours_colour, int width) {
  if (!device.total || !device.free || *device.total == Bytes{}) return text("how full it is is unknown") | dim;
  const auto cells = [&](Bytes bytes) {
    const double share = static_cast<double>(bytes.value()) / static_cast<double>(device.total->value());
    return static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * width));
  };
  const Bytes used = saturating_sub(*device.total, *device.free);
  const int others_begin = cells(saturating_sub(used, device.foreign.value_or(Bytes{})));
  const int free_begin = std::max(others_begin, cells(used));
  const int mark = device.budget ? std::min(cells(*device.budget), width - 1) : -1;
  const auto run = [&](int begin, int end, const char* glyph) {
    if (mark < begin || mark >= end) return text(repeated(glyph, end - begin));
    return hbox(text(repeated(glyph, mark - begin)), text("┃") | color(Color::Default) | bold,
                text(repeated(glyph, end - mark - 1)));
  };
  return hbox(run(0, others_begin, "█") | color(ours_colour),
              run(others_begin, free_begin, "▒") | color(Color::Magenta), run(free_begin, width, "·") | dim);
}

Element device_rows(const TopState& state, const DeviceSample& device, int width) {
  std::string share;
  Color colour = Color::Green;
  if (device.budget && *device.budget > Bytes{}) {
    monitor::ThresholdWatch watch(state.thresholds);
    (void)watch.update(device.committed, *device.budget);
    colour = colour_of(watch.level());
    share = fmt::format("{:>4.0f}% of budget", 100 * static_cast<double>(device.committed.value()) /
                                                   static_cast<double>(device.budget->value()));
  }
  const auto lowest = state.counters.lowest_free.find(device.device);
  const std::optional<Bytes> low =
      lowest == state.counters.lowest_free.end() ? std::nullopt : std::optional(lowest->second);
  const bool to_limit = is_drawn_to_limit(state.scale, device);
  const Element bar = to_limit ? bar_to_limit(device, colour, width - 26) : bar_to_total(device, colour, width - 26);
  return vbox(
      hbox(text(device.device) | bold | size(WIDTH, EQUAL, kDeviceName), bar, filler(), text(share)),
      text(fmt::format("  budget {}{}  ours {}  others {}  free {}  low {}", amount(device.budget, "none"),
                       to_limit ? " is the bar" : "", format_bytes(device.committed), amount(device.foreign, "unknown"),
                       amount(device.free, "unknown"), amount(low, "unknown"))));
}

// --- models ---

constexpr int kWideEnoughForStages = 92;

// A column is a stage; what is added to a model shares one. Whose it is tells a cache from a swapped-out conversation,
// and what a backend keeps from records. Where a screen is narrow, the smaller ones share the last.
struct StageColumn {
  const char* name;
  std::vector<memory::Stage> stages;
};
const std::vector<StageColumn>& stage_columns(int width) {
  using memory::Stage;
  static const std::vector<StageColumn> few{
      {"wts", {Stage::weights}},
      {"kv", {Stage::kv_cache, Stage::conversations}},
      {"comp", {Stage::compute}},
      {"rest", {Stage::output, Stage::adapter, Stage::projector, Stage::runtime, Stage::bookkeeping, Stage::staging}}};
  static const std::vector<StageColumn> all{{"wts", {Stage::weights}},
                                            {"kv", {Stage::kv_cache, Stage::conversations}},
                                            {"comp", {Stage::compute}},
                                            {"out", {Stage::output}},
                                            {"adapt", {Stage::adapter, Stage::projector}},
                                            {"run", {Stage::runtime, Stage::bookkeeping, Stage::staging}}};
  return width < kWideEnoughForStages ? few : all;
}

std::string stage_cells(const OwnerSample& owner, int width) {
  std::string out;
  for (const StageColumn& column : stage_columns(width)) {
    Bytes taken;
    for (const monitor::StageSample& at : owner.stages) {
      if (std::ranges::contains(column.stages, at.stage)) taken += at.taken;
    }
    out += fmt::format("{:>6}", taken == Bytes{} ? "-" : short_bytes(taken));
  }
  return out;
}

std::string short_rate(const std::optional<double>& rate) {
  return rate ? fmt::format("{:.{}f}", *rate, *rate < 100 ? 1 : 0) : "?";
}

std::string short_time(const std::optional<double>& ms) {
  if (!ms) return "?";
  if (*ms < 999.5) return fmt::format("{:.0f}ms", *ms);
  return *ms < 99'950 ? fmt::format("{:.1f}s", *ms / 1000) : fmt::format("{:.0f}s", *ms / 1000);
}

// Whole percents would call a thousand cells of a large cache none.
std::string share_of_cells(const host::ModelStatus& status) {
  if (!status.cells || *status.cells == 0) return "-";
  const double percent = 100 * static_cast<double>(status.cells_used) / static_cast<double>(*status.cells);
  return fmt::format("{:.{}f}%", percent, percent > 0 && percent < 9.95 ? 1 : 0);
}

Element owner_row(const std::string& mark, const std::string& name, const std::string& facts, const OwnerSample& owner,
                  int width) {
  return hbox(text(mark), text(name) | size(WIDTH, EQUAL, kModelName), text(facts + stage_cells(owner, width)));
}

Element model_row(const TopState& state, std::size_t index, int width) {
  const ModelSample& model = state.sample.models[index];
  const host::ModelStatus& status = model.status;
  const bool selected = index == state.selected;
  const std::string mark = fmt::format("{}{}", selected ? ">" : " ", status.pinned ? "*" : " ");
  const auto found = state.counters.paces.find(status.name);
  const monitor::Pace pace = found == state.counters.paces.end() ? monitor::Pace{} : found->second;
  const std::string facts =
      fmt::format(" {:<8}{:>6}{:>6}{:>6}{:>6}{:>6}", host::to_string(status.state),
                  fmt::format("{}/{}", status.leases, status.slots), status.waiting, short_rate(pace.tokens_per_second),
                  short_time(pace.first_token_ms), share_of_cells(status));
  Element row = owner_row(mark, status.name, facts, model.memory, width);
  if (!host::is_resident(status.state)) row = row | dim;
  return selected ? row | inverted : row;
}

Elements model_rows(const TopState& state, int room, int width) {
  Elements rows;
  for (std::size_t i = 0; i < state.sample.models.size(); ++i) rows.push_back(model_row(state, i, width));
  for (const OwnerSample& owner : state.sample.others) {
    if (monitor::taken_by(owner) > Bytes{})
      rows.push_back(owner_row("  ", owner.name, fmt::format("{:39}", ""), owner, width));
  }
  const int count = static_cast<int>(rows.size());
  if (count <= room) return rows;
  const int first = std::clamp(static_cast<int>(state.selected) - room / 2, 0, count - room);
  return {rows.begin() + first, rows.begin() + first + room};
}

Element model_header(int width) {
  std::string stages;
  for (const StageColumn& column : stage_columns(width)) stages += fmt::format("{:>6}", column.name);
  return text(fmt::format("  {:<{}} {:<8}{:>6}{:>6}{:>6}{:>6}{:>6}{}", "model", kModelName, "state", "leases", "queue",
                          "tok/s", "first", "cells", stages)) |
         underlined;
}

// Of the selected model; none where it has no presets.
Elements preset_rows(const TopState& state) {
  if (state.selected >= state.sample.models.size()) return {};
  const auto found = state.presets.find(state.sample.models[state.selected].status.name);
  if (found == state.presets.end()) return {};
  return {text("  presets: " + found->second) | dim};
}

Elements fleet_rows(const TopState& state, int room, int width) {
  Elements presets = preset_rows(state);
  const int beside = kFewestEvents + static_cast<int>(presets.size());
  Elements rows = model_rows(state, std::max(1, room - beside), width);
  std::ranges::move(presets, std::back_inserter(rows));
  return rows;
}

// --- the rest ---

Element title_row(const TopState& state) {
  const monitor::Sample& sample = state.sample;
  const std::string swapped_out = sample.swapped_conversations == 0
                                      ? ""
                                      : fmt::format("  {} swapped out ({})", sample.swapped_conversations,
                                                    format_bytes(sample.swapped_to_memory + sample.swapped_to_disk));
  return hbox(text("plimsoll top") | bold, text("  " + state.title) | flex_shrink, filler(),
              text(fmt::format("{} waiting{}  {:%T}Z", sample.waiting, swapped_out,
                               std::chrono::floor<std::chrono::seconds>(sample.at))));
}

Elements event_rows(const TopState& state, int room) {
  std::vector<Note> notes = state.notes;
  std::ranges::stable_sort(notes, {}, &Note::at);
  if (std::ssize(notes) > room) notes.erase(notes.begin(), notes.end() - room);
  Elements rows;
  for (const Note& note : notes) {
    Element row = text(fmt::format("{:%T} {}", std::chrono::floor<std::chrono::seconds>(note.at), note.text));
    rows.push_back(note.text.starts_with('!') ? row | bold : row);
  }
  return rows;
}

Element footer(const TopState& state) {
  return text(state.answer.empty() ? "up/down select  l load  u unload  p pin  t budget or total  m machine  q quit"
                                   : state.answer) |
         dim;
}

}  // namespace

Element render_top(const TopState& state, int width, int height) {
  const int devices = std::min(static_cast<int>(state.sample.devices.size()), std::max(1, (height - 12) / 2));
  const int room = height - 2 * devices - 5;  // title, two rules, header of the models, footer
  Elements models = state.machine ? machine_rows(*state.machine, room - kFewestEvents) : fleet_rows(state, room, width);
  Elements events = event_rows(state, std::max(0, room - static_cast<int>(models.size())));
  Elements rows{title_row(state)};
  for (int i = 0; i < devices; ++i)
    rows.push_back(device_rows(state, state.sample.devices[static_cast<std::size_t>(i)], width));
  rows.push_back(separator());
  rows.push_back(state.machine ? machine_header() : model_header(width));
  std::ranges::move(models, std::back_inserter(rows));
  rows.push_back(separator());
  std::ranges::move(events, std::back_inserter(rows));
  rows.push_back(filler());
  rows.push_back(footer(state));
  return vbox(std::move(rows)) | size(WIDTH, EQUAL, width) | size(HEIGHT, EQUAL, height);
}

}  // namespace plimsoll::tui
