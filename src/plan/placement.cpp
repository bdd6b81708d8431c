#include "placement.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <ranges>

#include "split.hpp"

namespace plimsoll::plan {
namespace {

// Cards whose free capacity differs by less than this part count as equal: a few MiB more or less free move no model.
constexpr std::uint64_t kParts = 32;

class Placement {
 public:
  Placement(const std::vector<ModelPlan>& beside, const std::vector<DeviceState>& states, const PlanModel& plan_model)
      : placed_(beside), states_(states), plan_model_(plan_model) {}

  [[nodiscard]] ModelPlan as_asked(const Request& request) { return placed(plan_model_(request)); }

  // On the card with the most free capacity; what it takes there is taken for its size.
  [[nodiscard]] ModelPlan measured(const Request& request, const std::vector<std::string>& cards) const {
    return plan_model_(on({most_free_first(cards).front()}, request));
  }

  [[nodiscard]] ModelPlan best(const Request& request, const std::vector<std::string>& cards) {
    std::optional<ModelPlan> alone;
    for (const std::string& card : most_free_first(cards)) {
      ModelPlan whole = plan_model_(on({card}, request));
      if (holds(card, placed_, whole)) return placed(std::move(whole));
      if (!alone && holds(card, {}, whole)) alone = std::move(whole);
    }
    Request split = request;
    split.dry_run.model = with_fixed_split(std::move(split.dry_run.model), left());
    ModelPlan shared = plan_model_(split);
    const bool fits = std::ranges::all_of(cards, [&](const std::string& card) { return holds(card, placed_, shared); });
    return placed(!fits && alone ? std::move(*alone) : std::move(shared));
  }

 private:
  [[nodiscard]] static Request on(std::vector<std::string> devices, Request request) {
    request.dry_run.model.devices = std::move(devices);
    return request;
  }

  [[nodiscard]] ModelPlan placed(ModelPlan model) {
    placed_.push_back(model);
    return model;
  }

  // The host's memory behind several cards is one: another card would not help there.
  [[nodiscard]] bool holds(const std::string& card, std::vector<ModelPlan> others, const ModelPlan& model) const {
    others.push_back(model);
    const auto verdicts = admit(others, states_);
    const auto verdict =
        std::ranges::find(verdicts, card, [](const DeviceVerdict& one) { return one.state.info.id.name(); });
    return verdict->fits() || verdict->limit == Limit::host;
  }

  // What is left where this plan's models are placed already.
  [[nodiscard]] std::vector<DeviceState> left() const {
    std::vector<DeviceState> states = states_;
    for (DeviceState& state : states) {
      const Bytes required = required_in_memory_of(state.info, states_, placed_);
      state.ours += required;
      if (state.reading.free) state.reading.free = saturating_sub(*state.reading.free, required);
    }
    return states;
  }

  // Among cards that have about as much as the best, the engine's order decides.
  [[nodiscard]] std::vector<std::string> most_free_first(std::vector<std::string> cards) const {
    std::map<std::string, Bytes> capacity;
    for (const DeviceState& state : left()) capacity[state.info.id.name()] = free_capacity(state);
    std::vector<std::string> sorted;
    while (!cards.empty()) {
      const Bytes most =
          std::ranges::max(cards | std::views::transform([&](const auto& card) { return capacity[card]; }));
      const Bytes about = most - Bytes{most.value() / kParts};
      const auto next = std::ranges::find_if(cards, [&](const std::string& card) { return capacity[card] >= about; });
      sorted.push_back(*next);
      cards.erase(next);
    }
    return sorted;
  }

  std::vector<ModelPlan> placed_;
  const std::vector<DeviceState>& states_;
  const PlanModel& plan_model_;
};

// Where the weights lie that it computes with, if they are planned here.
std::optional<std::size_t> whose_weights(const Request& request, const std::vector<Request>& requests) {
  const auto found = std::ranges::find(requests, request.weights_of, &Request::name);
  if (request.weights_of.empty() || found == requests.end() || !found->weights_of.empty()) return std::nullopt;
  return static_cast<std::size_t>(found - requests.begin());
}

Bytes charged(const ModelPlan& model) {
  Bytes sum;
  for (const Entry& entry : model.entries) {
    if (entry.charged && !entry.device.is_host()) sum += entry.bytes;
  }
  return sum;
}

}  // namespace

std::vector<ModelPlan> place(const std::vector<Request>& requests, const std::vector<ModelPlan>& beside,
                             const std::vector<DeviceState>& states, const PlanModel& plan_model) {
  Placement placement(beside, states, plan_model);
  std::vector<std::optional<ModelPlan>> plans(requests.size());
  struct Open {
    std::size_t request;
    std::vector<std::string> cards;
    Bytes size;
  };
  std::vector<Open> open;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (whose_weights(requests[i], requests)) continue;
    auto cards = cards_to_choose_from(requests[i].dry_run.model, states);
    if (cards.empty())
      plans[i] = placement.as_asked(requests[i]);
    else
      open.push_back({.request = i, .cards = std::move(cards), .size = {}});
  }
  if (open.size() > 1) {
    for (Open& one : open) one.size = charged(placement.measured(requests[one.request], one.cards));
    std::ranges::stable_sort(open, std::ranges::greater{}, &Open::size);
  }
  for (const Open& one : open) plans[one.request] = placement.best(requests[one.request], one.cards);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto whose = whose_weights(requests[i], requests);
    if (!whose) continue;
    Request beside_them = requests[i];
    beside_them.dry_run.model = plans[*whose]->request.model;
    plans[i] = placement.as_asked(beside_them);
  }
  std::vector<ModelPlan> out;
  for (auto& plan : plans) out.push_back(std::move(*plan));
  return out;
}

}  // namespace plimsoll::plan
