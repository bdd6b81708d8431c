#include "vocabulary_cache.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <plimsoll/base/error.hpp>

#include "asked_model.hpp"

namespace plimsoll::server {

std::string template_of(const host::Host& host, const std::string& model) {
  const std::shared_ptr<const host::Fleet> fleet = host.fleet();
  const auto found =
      std::ranges::find(fleet->models, model, [](const host::FleetModel& one) { return one.request.name; });
  return found == fleet->models.end() ? std::string{} : found->chat_template;
}

Bytes estimated_heap(const engine::Vocab& vocab) {
  // Of llama.cpp's tables, with the usual libraries: 40 bytes by id, 72 by text, 32 of text to show, 104 of a merge,
  // and every fourth text is too long to stand inside its string.
  constexpr std::uint64_t kOfAToken = 280;
  return Bytes{kOfAToken * static_cast<std::uint64_t>(vocab.n_tokens())};
}

VocabularyCache::VocabularyCache(host::Host& host, std::size_t most)
    : host_(host),
      most_(most),
      charge_(host.accounting().ledger(), memory::on_the_heap(kOwner, memory::Stage::bookkeeping)) {}

std::shared_ptr<const PromptReader> VocabularyCache::find(const std::string& model) {
  const std::string files = host_.planned_files(model);
  if (files.empty()) {
    forget(model);
    return nullptr;
  }
  const std::string chosen = template_of(host_, model);
  Entry& entry = entry_of(model);
  look_at_the_fleet(model, entry);
  if (auto reader = known(entry, files, chosen)) return reader;
  const std::lock_guard lock(entry.loading);
  if (auto reader = known(entry, files, chosen)) return reader;
  Loaded loaded = load(model, files, chosen);
  if (!is_current(*loaded.reader)) return nullptr;  // the file was changed meanwhile
  auto reader = loaded.reader;
  keep(entry, std::move(loaded));
  return reader;
}

bool VocabularyCache::is_current(const PromptReader& reader) const {
  if (reader.files().empty() || reader.files() != host_.planned_files(reader.name())) return false;
  const Entry& entry = entry_of(reader.name());
  const std::lock_guard lock(mutex_);
  return entry.fleet == host_.fleet_number();
}

// After a reload the same file may have another context: what was read of it then is of no use.
void VocabularyCache::look_at_the_fleet(const std::string& model, Entry& entry) {
  const std::uint64_t now = host_.fleet_number();
  {
    const std::lock_guard lock(mutex_);
    if (entry.fleet == now) return;
  }
  const engine::ContextFacts context = plan_of(host_, model).dry_run.context;
  std::shared_ptr<const PromptReader> gone;  // given back after the lock
  const std::lock_guard lock(mutex_);
  entry.fleet = now;
  if (!entry.reader || entry.reader->context() == context) return;
  --kept_;
  held_ -= std::exchange(entry.size, Bytes{});
  gone = std::exchange(entry.reader, nullptr);
}

VocabularyCache::Entry& VocabularyCache::entry_of(const std::string& model) const {
  const std::lock_guard lock(mutex_);
  return entries_[model];
}

std::shared_ptr<const PromptReader> VocabularyCache::known(Entry& entry, const std::string& files,
                                                           const std::string& chosen) {
  const std::lock_guard lock(mutex_);
  if (!entry.reader || entry.reader->files() != files || entry.reader->chosen_template() != chosen) return nullptr;
  entry.last_used = ++uses_;
  return entry.reader;
}

VocabularyCache::Loaded VocabularyCache::load(const std::string& model, const std::string& files,
                                              const std::string& chosen) const {
  const std::vector<plan::ModelPlan> plans = host_.plans();
  const auto plan = std::ranges::find(plans, model, &plan::ModelPlan::name);
  if (plan == plans.end()) throw Error(ErrorCode::usage, "there is no model '" + model + "'");
  std::shared_ptr<const engine::Model> read = host_.mapped_model(model);
  const bool is_the_hosts = read != nullptr;
  if (!read) {
    engine::ModelParams params;
    params.path = plan->request.model.path;
    params.metadata_overrides = plan->request.model.metadata_overrides;
    params.devices = {"none"};  // devices are not even asked for their memory
    read = engine::Model::load(params, {.vocab_only = true});
  }
  auto reader = std::make_shared<const PromptReader>(model, std::move(read), plan->dry_run.model, plan->dry_run.context,
                                                     files, chosen);
  const Bytes size = is_the_hosts ? Bytes{} : estimated_heap(reader->vocab());
  return {.reader = std::move(reader), .size = size};
}

void VocabularyCache::keep(Entry& entry, Loaded loaded) {
  std::vector<std::shared_ptr<const PromptReader>> gone;  // given back after the lock
  const std::lock_guard lock(mutex_);
  held_ += loaded.size;
  held_ -= std::exchange(entry.size, loaded.size);
  entry.last_used = ++uses_;
  gone.push_back(std::exchange(entry.reader, std::move(loaded.reader)));
  if (!gone.back()) ++kept_;
  while (!fits()) gone.push_back(take_oldest());
}

bool VocabularyCache::fits() { return kept_ <= most_ && charge_.resize(memory::in_steps(held_)); }

std::shared_ptr<const PromptReader> VocabularyCache::take_oldest() {
  Entry* oldest = nullptr;
  for (auto& [name, entry] : entries_) {
    if (entry.reader && (oldest == nullptr || entry.last_used < oldest->last_used)) oldest = &entry;
  }
  --kept_;
  held_ -= std::exchange(oldest->size, Bytes{});
  return std::exchange(oldest->reader, nullptr);
}

void VocabularyCache::forget(const std::string& model) {
  std::shared_ptr<const PromptReader> gone;  // given back after the lock
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(model);
  if (found == entries_.end() || !found->second.reader) return;
  --kept_;
  held_ -= std::exchange(found->second.size, Bytes{});
  gone = std::exchange(found->second.reader, nullptr);
  (void)charge_.resize(memory::in_steps(held_));
}

bool VocabularyCache::clear() {
  std::vector<std::shared_ptr<const PromptReader>> gone;
  const std::lock_guard lock(mutex_);
  while (kept_ > 0) gone.push_back(take_oldest());
  charge_.clear();
  return !gone.empty();
}

std::size_t VocabularyCache::size() const {
  const std::lock_guard lock(mutex_);
  return kept_;
}

}  // namespace plimsoll::server
