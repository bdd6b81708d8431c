#include "stored_items.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "api/problem.hpp"

namespace plimsoll::server {
namespace {

using api::Json;

constexpr std::size_t kNodes = 160;  // of map and deque, with the usual library

Bytes size_of(const std::pair<std::string, std::string>& key, const std::string& text) {
  return Bytes{2 * (key.first.size() + key.second.size()) + text.size() + kNodes};
}

// A text alone is what the user says.
Json as_list(const Json& input) {
  if (input.is_array()) return input;
  return Json::array({{{"role", "user"}, {"content", input}}});
}

}  // namespace

void StoredItems::drop_oldest() {
  const auto oldest = texts_.find(oldest_first_.front());
  held_ -= size_of(oldest->first, oldest->second);
  texts_.erase(oldest);
  oldest_first_.pop_front();
}

void StoredItems::drop(const Key& key) {
  const auto found = texts_.find(key);
  if (found == texts_.end()) return;
  held_ -= size_of(found->first, found->second);
  texts_.erase(found);
  std::erase(oldest_first_, key);
}

// No id of an item has a blank.
StoredItems::Key StoredItems::key_of_whole(const std::string& owner, const std::string& answer) {
  return {owner, "whole " + answer};
}

void StoredItems::put(Key key, std::string text) {
  const auto [place, is_new] = texts_.try_emplace(std::move(key), std::move(text));
  if (!is_new) return;
  oldest_first_.push_back(place->first);
  held_ += size_of(place->first, place->second);
}

void StoredItems::keep(const std::string& owner, const std::string& answer, const Json& input, const Json& items,
                       const Json& whole) {
  if (items.empty()) return;
  Json conversation = as_list(input);
  for (const Json& item : items) conversation.push_back(item);
  std::vector<std::pair<Key, std::string>> made;
  for (const Json& item : items) made.emplace_back(Key{owner, item.at("id").get<std::string>()}, api::to_text(item));
  made.emplace_back(Key{owner, answer}, api::to_text(conversation));
  if (!whole.is_null()) made.emplace_back(key_of_whole(owner, answer), api::to_text(whole));
  Bytes size;
  for (const auto& [key, text] : made) size += size_of(key, text);
  if (size > most_) return;  // all others would make way for it, and it would be gone with the last of them
  const MutexLock lock(mutex_);
  for (auto& [key, text] : made) put(std::move(key), std::move(text));
  while (held_ > most_) drop_oldest();
  while (!charge_.resize(memory::in_steps(held_))) drop_oldest();  // what is left of nothing always fits
}

const std::string* StoredItems::text_of(const std::string& owner, const Json& id) const {
  if (!id.is_string()) return nullptr;
  const auto found = texts_.find({owner, id.get<std::string>()});
  return found == texts_.end() ? nullptr : &found->second;
}

std::optional<Json> StoredItems::find(const std::string& owner, const Json& id) const {
  const std::string* text = text_of(owner, id);
  return text == nullptr ? std::nullopt : std::optional(Json::parse(*text));
}

void StoredItems::complete(const std::string& owner, Json& body, const Charge& charge) const {
  const auto input = body.find("input");
  if (input == body.end()) return;
  const MutexLock lock(mutex_);
  Bytes referred;
  const auto take = [&](const Json& id) -> std::optional<Json> {
    mutex_.assert_held();
    const std::string* text = text_of(owner, id);
    if (text == nullptr) return std::nullopt;
    referred += Bytes{text->size()};
    if (referred > most_)
      throw api::Problem(413, "invalid_request",
                         fmt::format("what 'input' refers to comes to more than {}", format_bytes(most_)))
          .at("input");
    if (charge) charge(Bytes{text->size()});
    return Json::parse(*text);
  };
  if (const Json previous = body.value("previous_response_id", Json()); previous.is_string() && previous != "") {
    std::optional<Json> conversation = take(previous);
    if (!conversation || !conversation->is_array()) {
      throw api::Problem(400, "previous_response_not_found",
                         fmt::format("the answer '{}' is not (or no more) kept here: send the whole conversation",
                                     previous.get<std::string>()))
          .at("previous_response_id");
    }
    for (const Json& item : as_list(*input)) conversation->push_back(item);
    *input = std::move(*conversation);
  }
  if (!input->is_array()) return;
  for (Json& item : *input) {
    if (!item.is_object() || item.value("type", Json()) != "item_reference") continue;
    std::optional<Json> found = take(item.value("id", Json()));
    if (found && found->is_object()) item = std::move(*found);
  }
}

std::optional<Json> StoredItems::answer(const std::string& owner, const std::string& id) const {
  const MutexLock lock(mutex_);
  return find(owner, key_of_whole(owner, id).second);
}

bool StoredItems::remove(const std::string& owner, const std::string& answer) {
  const MutexLock lock(mutex_);
  const Key whole = key_of_whole(owner, answer);
  const auto given = find(owner, whole.second);
  if (!given) return false;
  for (const Json& item : given->value("output", Json::array())) drop({owner, item.value("id", std::string())});
  drop({owner, answer});
  drop(whole);
  (void)charge_.resize(memory::in_steps(held_));
  return true;
}

void StoredItems::forget(const std::string& owner) {
  const MutexLock lock(mutex_);
  std::erase_if(oldest_first_, [&](const Key& key) { return key.first == owner; });
  std::erase_if(texts_, [&](const auto& one) {
    mutex_.assert_held();
    if (one.first.first != owner) return false;
    held_ -= size_of(one.first, one.second);
    return true;
  });
  (void)charge_.resize(memory::in_steps(held_));
}

}  // namespace plimsoll::server
