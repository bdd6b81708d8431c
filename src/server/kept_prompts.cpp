#include "kept_prompts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <ranges>
#include <set>

#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>
#include "base/deadline.hpp"
#include "base/log.hpp"
#include "base/whole_file.hpp"
#include "engine/file_fingerprint.hpp"
#include "memory/charge.hpp"
#include "run/state_archive.hpp"

namespace plimsoll::server {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kIndex = "index.json";
constexpr const char* kEnding = ".conversation";

memory::Charge charge_of(host::Host& host) {
  return {host.accounting().ledger(), memory::on_the_heap(KeptPrompts::kOwner, memory::Stage::conversations)};
}

// No request is at work any more, so nobody else's batch is in the way, and gigabytes come within seconds.
constexpr std::chrono::seconds kMostToSave{30};

// Who waits for it gets the tokens alone then, and so does who asks for others.
void end_what_hangs(host::Host& host, const std::string& model) {
  const std::size_t processes = host.end_processes(host::ProcessesToEnd::all);
  log::warn("server",
            "a prompt of '{}' could not be had within {} s: {} processes of models are ended, and what they "
            "had of prompts begins anew",
            model, kMostToSave.count(), processes);
}

Bytes size_of(const fs::path& file) { return Bytes{fs::file_size(file)}; }

// A name alone: the index is a file like any other.
bool is_ours(const std::string& file) {
  return file.ends_with(kEnding) && fs::path(file).filename() == fs::path(file) && !file.starts_with('.');
}

}  // namespace

std::optional<Bytes> KeptPrompts::save_one(host::Host& host, const PromptCache::Idle& prompt, Bytes left,
                                           const std::string& file) const {
  memory::Charge charge = charge_of(host);
  const auto may_take = [&](Bytes memory) { return memory < left && charge.resize(memory::in_steps(memory)); };
  std::optional<run::SequenceSnapshot> saved = [&] {
    const Deadline deadline(kMostToSave, [&] { end_what_hangs(host, prompt.model); });
    return host.save_conversation(prompt.id, may_take);
  }();
  if (!saved || saved->tokens.empty()) return std::nullopt;
  if (saved->size() >= left) {
    saved->memory = {};
    saved->decoded = 0;
  }
  if (saved->decoded == 0 && !saved->is_text()) return std::nullopt;  // its pictures could not be decoded again
  const Bytes tokens{saved->tokens.size() * (sizeof(engine::Token) + sizeof(engine::Position)) + 4096};
  if (saved->size() + tokens > left) return std::nullopt;
  run::write_archive(folder_ / file, *saved);
  return size_of(folder_ / file);
}

void KeptPrompts::save(host::Host& host, const PromptCache& prompts) const {
  if (most_ == Bytes{}) return;
  fs::create_directories(folder_);
  fs::permissions(folder_, fs::perms::owner_all);
  // Names that no earlier file has: until the new index is there, the old one says whose a file is.
  const auto begun = std::chrono::system_clock::now().time_since_epoch().count();
  std::vector<Entry> entries;
  Bytes left = most_;
  const std::vector<PromptCache::Idle> idle = prompts.idle();
  for (const PromptCache::Idle& prompt : idle | std::views::reverse) {
    const std::string file = fmt::format("{:x}-{}{}", begun, entries.size(), kEnding);
    try {
      const auto taken = save_one(host, prompt, left, file);
      if (!taken) continue;
      left = saturating_sub(left, *taken);
      entries.push_back({.file = file,
                         .model = prompt.model,
                         .key = keys_.lasting_id_of(prompt.owner),
                         .number = prompt.number,
                         .prompt = prompt.prompt});
    } catch (const std::exception& error) {
      log::warn("server", "a prompt of '{}' is not kept beyond the end: {}", prompt.model, error.what());
    }
  }
  std::ranges::reverse(entries);
  write_index(entries);
  remove_others(entries);
  log::info("server", "{} of {} prompts are kept for the next start, {}", entries.size(), idle.size(),
            format_bytes(saturating_sub(most_, left)));
}

void KeptPrompts::write_index(const std::vector<Entry>& entries) const {
  Json list = Json::array();
  for (const Entry& entry : entries) {
    list.push_back({{"file", entry.file}, {"model", entry.model}, {"key", entry.key}, {"prompt", entry.prompt}});
    if (entry.number) list.back()["number"] = *entry.number;
  }
  write_whole_file(folder_ / kIndex, Json{{"version", 1}, {"prompts", std::move(list)}}.dump());
}

void KeptPrompts::remove_others(const std::vector<Entry>& entries) const {
  std::set<std::string> kept;
  for (const Entry& entry : entries) kept.insert(entry.file);
  std::error_code ignored;
  for (const fs::directory_entry& file : fs::directory_iterator(folder_)) {
    const std::string name = file.path().filename();
    if (is_ours(name) && !kept.contains(name)) fs::remove(file.path(), ignored);
  }
}

std::vector<KeptPrompts::Entry> KeptPrompts::read_index() const {
  std::ifstream file(folder_ / kIndex);
  if (!file) return {};
  const Json index = Json::parse(file, nullptr, false);
  std::vector<Entry> entries;
  try {
    for (const Json& one : index.at("prompts")) {
      entries.push_back({.file = one.at("file"),
                         .model = one.at("model"),
                         .key = one.at("key"),
                         .prompt = one.value("prompt", std::size_t{})});
      if (one.contains("number")) entries.back().number = one.at("number").get<std::uint32_t>();
      if (!is_ours(entries.back().file)) entries.pop_back();
    }
  } catch (const Json::exception&) {
    log::warn("server", "the index of kept prompts in '{}' cannot be read; none of them comes back", folder_.string());
    return {};
  }
  return entries;
}

void KeptPrompts::restore_one(host::Host& host, PromptCache& prompts, const Entry& entry) const {
  const auto owner = keys_.owner_with(entry.key);
  const std::vector<plan::ModelPlan> plans = host.plans();
  const auto plan = std::ranges::find(plans, entry.model, &plan::ModelPlan::name);
  if (!owner || plan == plans.end() || plan->unusable) return;
  memory::Charge charge = charge_of(host);
  if (!charge.resize(memory::in_steps(size_of(folder_ / entry.file))))
    return log::info("server", "no room for a kept prompt of '{}'", entry.model);
  run::SequenceSnapshot saved = run::read_sequence_archive(folder_ / entry.file);
  if (run::model_of(saved.fingerprint) != engine::file_fingerprint(plan->request.model.path)) return;
  const std::vector<engine::Token> tokens = saved.tokens;
  const engine::AdapterScales scales = saved.adapter_scales;
  charge.clear();  // it is charged as a conversation that is swapped out
  const auto handle =
      prompts.add(entry.model, *owner, host.add_conversation(entry.model, std::move(saved)), scales, entry.number);
  handle->keep(tokens, entry.prompt);
}

void KeptPrompts::restore(host::Host& host, PromptCache& prompts) const {
  if (most_ == Bytes{}) return;
  for (const Entry& entry : read_index()) {
    try {
      restore_one(host, prompts, entry);
    } catch (const std::exception& error) {
      log::warn("server", "a kept prompt of '{}' does not come back: {}", entry.model, error.what());
    }
  }
  if (const std::size_t count = prompts.size(); count > 0)
    log::info("server", "{} prompts are known from before the start", count);
}

}  // namespace plimsoll::server
