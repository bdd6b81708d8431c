#include "template_calls.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plimsoll::engine {
namespace {

using Json = nlohmann::ordered_json;

bool is_result(const Json& entry) { return entry["role"] == "tool"; }

std::string text_at(const Json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string name_of(const Json& call) {
  return call.is_object() && call.contains("function") ? text_at(call["function"], "name") : std::string();
}

// The results behind a message that calls; each is taken once.
class Results {
 public:
  explicit Results(std::vector<Json> results) : results_(std::move(results)) {
    for (std::size_t i = 0; i < results_.size(); ++i) places_.emplace(text_at(results_[i], "tool_call_id"), i);
  }

  // Those without an id come in the order of the calls.
  void move_to(Json& out, const std::string& id) {
    auto found = places_.find(id);
    if (found == places_.end()) found = places_.find("");
    if (found == places_.end()) return;
    out.push_back(std::move(results_[found->second]));
    places_.erase(found);
  }

  void move_rest_to(Json& out) {
    std::set<std::size_t> rest;
    for (const auto& [id, place] : places_) rest.insert(place);
    for (const std::size_t place : rest) out.push_back(std::move(results_[place]));
  }

 private:
  std::vector<Json> results_;
  std::multimap<std::string, std::size_t> places_;
};

constexpr std::size_t kShort = 9;

std::string shortened(const std::string& id) {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const auto is_plain = [](unsigned char c) { return std::isalnum(c) != 0; };
  if (id.size() == kShort && std::ranges::all_of(id, is_plain)) return id;
  std::uint64_t hash = 14'695'981'039'346'656'037U;  // FNV-1a
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211U;
  std::string out;
  for (; out.size() < kShort; hash /= kDigits.size()) out += kDigits[hash % kDigits.size()];
  return out;
}

class ShortIds {
 public:
  void give_to_call(Json& call) {
    if (!call.is_object()) return;
    const std::string given = text_at(call, "id");
    const std::string id = given.empty() ? fmt::format("call{:05}", ++made_) : shortened(given);
    call["id"] = id;
    of_name_[name_of(call)].push_back(id);
    all_.push_back(id);
  }

  void give_to_result(Json& entry) {
    const std::string given = text_at(entry, "tool_call_id");
    std::string id = given.empty() ? next_of(of_name_[text_at(entry, "name")]) : shortened(given);
    if (id.empty()) id = next_of(all_);
    if (id.empty()) id = fmt::format("call{:05}", ++made_);
    entry["tool_call_id"] = id;
    answered_.insert(std::move(id));
  }

 private:
  // Empty: there is none without a result.
  std::string next_of(std::deque<std::string>& ids) {
    while (!ids.empty()) {
      std::string id = std::move(ids.front());
      ids.pop_front();
      if (!answered_.contains(id)) return id;
    }
    return {};
  }

  std::size_t made_ = 0;
  std::map<std::string, std::deque<std::string>> of_name_;
  std::deque<std::string> all_;
  std::set<std::string> answered_;
};

}  // namespace

bool has_calls(const Json& entry) {
  const auto calls = entry.find("tool_calls");
  return calls != entry.end() && calls->is_array() && !calls->empty();
}

Json one_call_each(const Json& entries) {
  Json out = Json::array();
  for (std::size_t i = 0; i < entries.size();) {
    Json entry = entries[i++];
    if (!has_calls(entry) || entry["tool_calls"].size() == 1) {
      out.push_back(std::move(entry));
      continue;
    }
    std::vector<Json> behind;
    for (; i < entries.size() && is_result(entries[i]); ++i) behind.push_back(entries[i]);
    Results results(std::move(behind));
    const Json calls = std::exchange(entry["tool_calls"], Json::array());
    for (const Json& call : calls) {
      entry["tool_calls"] = Json::array({call});
      out.push_back(std::move(entry));
      results.move_to(out, text_at(call, "id"));
      entry = {{"role", "assistant"}, {"content", ""}};
    }
    results.move_rest_to(out);
  }
  return out;
}

void give_short_ids(Json& entries) {
  ShortIds ids;
  for (Json& entry : entries) {
    if (has_calls(entry)) {
      for (Json& call : entry["tool_calls"]) ids.give_to_call(call);
    } else if (is_result(entry)) {
      ids.give_to_result(entry);
    }
  }
}

}  // namespace plimsoll::engine
