// The numbers behind FreeCapacity: what each model takes of each device, and what is free there at this moment.
#include "host/free_capacity.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace plimsoll::host {
namespace {

std::optional<Bytes> amount(const std::vector<std::pair<device::DeviceId, Bytes>>& amounts,
                            const device::DeviceId& device) {
  const auto found = std::ranges::find(amounts, device, &std::pair<device::DeviceId, Bytes>::first);
  return found == amounts.end() ? std::nullopt : std::optional(found->second);
}

std::uint64_t less(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; }

void add(std::vector<std::uint64_t>& to, const std::vector<std::uint64_t>& amounts) {
  for (std::size_t i = 0; i < amounts.size(); ++i) to[i] += amounts[i];
}

void subtract(std::vector<std::uint64_t>& from, const std::vector<std::uint64_t>& amounts) {
  for (std::size_t i = 0; i < amounts.size(); ++i) from[i] -= amounts[i];
}

}  // namespace

std::size_t FreeCapacity::index_of(const std::string& name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) throw Error(ErrorCode::internal, fmt::format("there is no plan of '{}'", name));
  return found->second;
}

void FreeCapacity::lay_out() {
  index_.clear();
  for (std::size_t i = 0; i < models_.size(); ++i) index_.emplace(models_[i].name, i);
  group_rows_.clear();
  for (const plan::ModelPlan& group : group_plans_) {
    Amounts& row = group_rows_.emplace_back();
    for (const plan::DeviceState& device : devices_) row.push_back(plan::required_on(device.info.id, {group}).value());
  }
  rows_.assign(models_.size(), {});
  for (std::size_t i = 0; i < models_.size(); ++i) lay_out_row(i);
  memories_.clear();
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    const device::DeviceInfo& info = devices_[i].info;
    auto known = std::ranges::find_if(memories_, [&](const Memory& memory) {
      return device::share_memory(devices_[memory.stands_for_it].info, info);
    });
    if (known == memories_.end()) known = memories_.insert(memories_.end(), {.stands_for_it = i, .devices = {}});
    known->devices.push_back(i);
    if (info.id.is_host()) known->stands_for_it = i;
  }
}

// What a model computes in beyond its group's compute buffers counts as its own: it is too large to be loaded anyhow.
void FreeCapacity::lay_out_row(std::size_t model) {
  const plan::ModelPlan& plan = models_[model];
  Row& row = rows_[model];
  const auto group = std::ranges::find(group_plans_, plan.compute_group, &plan::ModelPlan::compute_group);
  const bool is_in_group = !plan.compute_group.empty() && group != group_plans_.end();
  row.group = is_in_group ? static_cast<std::size_t>(group - group_plans_.begin()) : kNone;
  if (const auto draft = drafts_.find(plan.name); draft != drafts_.end()) row.draft = index_of(draft->second);
  row.takes.clear();
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    const device::DeviceId& device = devices_[i].info.id;
    std::uint64_t takes =
        plan::required_on(device, is_in_group ? std::vector{plan, *group} : std::vector{plan}).value();
    row.takes.push_back(is_in_group ? takes - group_rows_[row.group][i] : takes);
  }
}

void FreeCapacity::look_again(std::vector<plan::DeviceState> devices, std::optional<Moment> moment) {
  const bool are_the_same = std::ranges::equal(
      devices_, devices, {}, [](const auto& one) { return one.info.id; }, [](const auto& one) { return one.info.id; });
  devices_ = std::move(devices);
  moment_ = std::move(moment);
  if (!are_the_same) lay_out();
  lay_out_moment();
}

void FreeCapacity::lay_out_moment() {
  held_.clear();
  free_.clear();
  offered_.clear();
  if (!moment_) return;
  held_.resize(models_.size() + group_plans_.size());
  for (const plan::DeviceState& device : devices_) {
    const auto free = amount(moment_->free, device.info.id);
    free_.push_back(free ? std::optional(free->value()) : std::nullopt);
  }
  for (std::size_t k = 0; k < memories_.size(); ++k) {
    memories_[k].promised = 0;
    for (const Holding& holding : moment_->holdings) {
      const bool lies_here = std::ranges::any_of(
          memories_[k].devices, [&](std::size_t device) { return devices_[device].info.id == holding.device; });
      if (!lies_here) continue;
      memories_[k].promised += holding.promised.value();
      std::size_t owner = kNone;
      if (const auto model = index_.find(holding.owner); model != index_.end()) owner = model->second;
      const auto group = std::ranges::find(group_plans_, holding.owner, &plan::ModelPlan::name);
      if (group != group_plans_.end()) owner = models_.size() + static_cast<std::size_t>(group - group_plans_.begin());
      if (owner == kNone) continue;
      Held& held = held_[owner];
      held.comes_back.resize(memories_.size());
      held.promised.resize(memories_.size());
      held.comes_back[k] += holding.comes_back.value();
      held.promised[k] += holding.promised.value();
    }
  }
  lay_out_offers();
}

void FreeCapacity::lay_out_offers() {
  for (const OfferOfOthers& offer : moment_->offers) {
    Amounts& comes_back = offered_.emplace_back(memories_.size());
    for (std::size_t k = 0; k < memories_.size(); ++k) {
      for (const auto& [device, bytes] : offer.comes_back) {
        const bool lies_here = std::ranges::any_of(
            memories_[k].devices, [&](std::size_t index) { return devices_[index].info.id == device; });
        if (lies_here) comes_back[k] += bytes.value();
      }
    }
  }
}

const std::vector<OfferOfOthers>& FreeCapacity::offers() const noexcept {
  static const std::vector<OfferOfOthers> none;
  return moment_ ? moment_->offers : none;
}

bool FreeCapacity::is_held(const Held& held) const {
  const auto is_some = [](std::uint64_t bytes) { return bytes > 0; };
  return std::ranges::any_of(held.comes_back, is_some) || std::ranges::any_of(held.promised, is_some);
}

// A card that two backends offer must hold what is wanted of both.
bool FreeCapacity::are_within_budgets(const Amounts& total) const {
  return std::ranges::all_of(devices_, [&](const plan::DeviceState& state) {
    if (!state.budget) return true;
    std::uint64_t required = 0;
    for (std::size_t i = 0; i < devices_.size(); ++i) {
      if (devices_[i].info.memory() == state.info.memory()) required += total[i];
    }
    return Bytes{required} <= saturating_sub(state.budget->bytes, state.ours);
  });
}

// Devices whose memory is the host's must find place there together.
bool FreeCapacity::are_free(const Amounts& total) const {
  std::uint64_t in_host_memory = 0;
  for (const plan::DeviceState& state : devices_) {
    std::uint64_t required = 0;
    for (std::size_t i = 0; i < devices_.size(); ++i) {
      if (devices_[i].info.memory() == state.info.memory()) required += total[i];
    }
    if (state.reading.free && Bytes{required} > *state.reading.free) return false;
    if (state.info.memory_is_hosts) in_host_memory += required;
  }
  const auto host = std::ranges::find_if(devices_, [](const auto& state) { return state.info.id.is_host(); });
  return host == devices_.end() || !host->reading.free || Bytes{in_host_memory} <= *host->reading.free;
}

bool FreeCapacity::fits(const std::vector<std::string>& names) const {
  if (!are_few_enough(names.size())) return false;
  Amounts total(devices_.size());
  std::vector<bool> counted(models_.size() + group_plans_.size());
  const auto count = [&](std::size_t model) {
    if (counted[model]) return;
    counted[model] = true;
    add(total, rows_[model].takes);
    const std::size_t group = rows_[model].group;
    if (group == kNone || counted[models_.size() + group]) return;
    counted[models_.size() + group] = true;
    add(total, group_rows_[group]);
  };
  for (const std::string& name : names) {
    const std::size_t model = index_of(name);
    count(model);
    if (rows_[model].draft != kNone) count(rows_[model].draft);
  }
  return are_within_budgets(total) && are_free(total);
}

// --- one newcomer, and who goes for it ---

FreeCapacity::Trial::Trial(const FreeCapacity& capacity, const std::string& newcomer,
                           const std::vector<std::string>& stay, const std::vector<std::string>& may_go,
                           const std::vector<std::size_t>& offers, const std::string& beside)
    : capacity_(capacity),
      offers_(offers),
      needed_(capacity.devices_.size()),
      total_(capacity.devices_.size()),
      members_(capacity.group_plans_.size()),
      comes_back_(capacity.memories_.size()) {
  for (const Memory& memory : capacity.memories_) promised_.push_back(memory.promised);
  const auto count = [&](std::size_t model) {
    add(total_, capacity.rows_[model].takes);
    const std::size_t group = capacity.rows_[model].group;
    if (group != kNone && members_[group]++ == 0) add(total_, capacity.group_rows_[group]);
  };
  const auto count_with_draft = [&](const std::string& name) {
    const std::size_t model = capacity.index_of(name);
    count(model);
    if (capacity.rows_[model].draft != kNone) count(capacity.rows_[model].draft);
    ++count_;
    return model;
  };
  const auto is_there = [&](std::size_t owner) {
    return !capacity.held_.empty() && capacity.is_held(capacity.held_[owner]);
  };
  const auto come = [&](const std::string& name) {
    const std::size_t comes = count_with_draft(name);
    for (const std::size_t model : {comes, capacity.rows_[comes].draft}) {
      if (model != kNone && !is_there(model)) add(needed_, capacity.rows_[model].takes);
    }
  };
  come(newcomer);
  if (!beside.empty()) come(beside);
  for (std::size_t group = 0; group < members_.size(); ++group) {
    if (members_[group] > 0 && !is_there(capacity.models_.size() + group)) add(needed_, capacity.group_rows_[group]);
  }
  for (const std::string& name : stay) (void)count_with_draft(name);
  for (const std::string& name : may_go) may_go_.push_back(count_with_draft(name));
}

std::vector<std::pair<device::DeviceId, Bytes>> FreeCapacity::needs_of(const std::string& model) const {
  const Trial trial(*this, model, {}, {});
  std::vector<std::pair<device::DeviceId, Bytes>> out;
  for (const Memory& memory : memories_) {
    std::uint64_t needed = 0;
    for (const std::size_t device : memory.devices) needed += trial.needed_[device];
    if (needed > 0) out.emplace_back(devices_[memory.stands_for_it].info.id, Bytes{needed});
  }
  return out;
}

void FreeCapacity::Trial::shift_candidate(std::size_t candidate, bool goes) {
  if (candidate < may_go_.size()) {
    goes ? --count_ : ++count_;
    return shift(may_go_[candidate], goes);
  }
  const Amounts& offered = capacity_.offered_[offers_[candidate - may_go_.size()]];
  goes ? add(comes_back_, offered) : subtract(comes_back_, offered);
}

void FreeCapacity::Trial::shift_group(std::size_t group, bool goes) {
  if (group == kNone) return;
  if (goes ? --members_[group] > 0 : members_[group]++ > 0) return;
  goes ? subtract(total_, capacity_.group_rows_[group]) : add(total_, capacity_.group_rows_[group]);
  if (capacity_.held_.empty()) return;
  const Held& held = capacity_.held_[capacity_.models_.size() + group];
  goes ? subtract(promised_, held.promised) : add(promised_, held.promised);
  goes ? add(comes_back_, held.comes_back) : subtract(comes_back_, held.comes_back);
}

void FreeCapacity::Trial::shift(std::size_t model, bool goes) {
  const Row& row = capacity_.rows_[model];
  if (row.draft != kNone) shift(row.draft, goes);
  goes ? subtract(total_, row.takes) : add(total_, row.takes);
  if (!capacity_.held_.empty()) {
    const Held& held = capacity_.held_[model];
    goes ? subtract(promised_, held.promised) : add(promised_, held.promised);
    goes ? add(comes_back_, held.comes_back) : subtract(comes_back_, held.comes_back);
  }
  shift_group(row.group, goes);
}

// For each memory that has too little at this moment: the device, what is needed, and what there is.
template <class Report>
void FreeCapacity::Trial::for_each_missing(Report&& report) const {
  bool is_any = false;
  for (std::size_t k = 0; k < capacity_.memories_.size(); ++k) {
    const Memory& memory = capacity_.memories_[k];
    const auto judge = [&](std::size_t device, std::uint64_t needed) {
      const auto& free = capacity_.free_[device];
      if (!free || needed == 0) return;
      const std::uint64_t available = less(*free, promised_[k]) + comes_back_[k];
      if (needed <= available) return;
      is_any = true;
      report(device, needed, available);
    };
    std::uint64_t together = 0;
    for (const std::size_t device : memory.devices) {
      judge(device, needed_[device]);
      together += needed_[device];
    }
    if (memory.devices.size() > 1 && !is_any) judge(memory.stands_for_it, together);
  }
}

bool FreeCapacity::Trial::fits() const {
  if (!capacity_.are_few_enough(count_) || !capacity_.are_within_budgets(total_)) return false;
  if (capacity_.held_.empty() && !capacity_.moment_) return capacity_.are_free(total_);
  bool is_enough = true;
  for_each_missing([&](std::size_t, std::uint64_t, std::uint64_t) { is_enough = false; });
  return is_enough;
}

bool FreeCapacity::admits(const std::string& newcomer, const std::vector<std::string>& stay,
                          const std::vector<std::string>& gone) const {
  Trial trial(*this, newcomer, stay, gone);
  for (std::size_t i = 0; i < gone.size(); ++i) trial.remove(i);
  return trial.fits();
}

std::vector<FreeCapacity::Missing> FreeCapacity::missing(const std::string& newcomer,
                                                         const std::vector<std::string>& stay,
                                                         const std::vector<std::string>& gone) const {
  std::vector<Missing> out;
  if (moment_) {
    Trial trial(*this, newcomer, stay, gone);
    for (std::size_t i = 0; i < gone.size(); ++i) trial.remove(i);
    trial.for_each_missing([&](std::size_t device, std::uint64_t needed, std::uint64_t available) {
      const device::DeviceId& id = devices_[device].info.id;
      out.push_back({.device = id, .needed = Bytes{needed}, .available = Bytes{available}});
    });
    return out;
  }
  std::vector<std::string> together{newcomer};
  together.insert(together.end(), stay.begin(), stay.end());
  for (const plan::DeviceVerdict& verdict : plan::one_of_each_memory(judge(together))) {
    if (verdict.fits()) continue;
    out.push_back({.device = verdict.state.info.id,
                   .needed = verdict.required,
                   .available = saturating_sub(verdict.required, verdict.short_by)});
  }
  return out;
}

Shortage FreeCapacity::shortage(const std::string& newcomer, const std::vector<std::string>& stay,
                                const std::vector<std::string>& gone) const {
  Shortage out;
  for (const Missing& one : missing(newcomer, stay, gone)) {
    out.sentence += fmt::format("{}{} needed on {}, where {} are free", out.sentence.empty() ? "" : "; ",
                                format_bytes(one.needed), one.device.name(), format_bytes(one.available));
    if (out.numbers.empty()) out.numbers = {{"needed", one.needed.value()}, {"available", one.available.value()}};
    if (!moment_) continue;
    const bool is_first = out.numbers.size() == 2;
    if (const auto others = amount(moment_->others, one.device)) {
      out.sentence += fmt::format(" and others hold {}", format_bytes(*others));
      if (is_first) out.numbers.emplace_back("held_by_others", others->value());
    }
    if (const auto promised = amount(moment_->promised_to_others, one.device)) {
      out.sentence +=
          fmt::format(" and {} are promised to other processes ('plimsoll ps' lists them)", format_bytes(*promised));
      if (is_first) out.numbers.emplace_back("promised_to_others", promised->value());
    }
  }
  return out;
}

}  // namespace plimsoll::host
