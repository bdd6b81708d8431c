#include "stored_items.hpp"

#include <fmt/format.h>

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

void StoredItems::put(Key key, const Json& value) {
  const auto [place, is_new] = texts_.try_emplace(std::move(key), api::to_text(value));
  if (!is_new) return;
  oldest_first_.push_back(place->first);
  held_ += size_of(place->first, place->second);
}

void StoredItems::keep(const std::string& owner, const std::string& answer, const Json& input, const Json& items) {
  if (items.empty()) return;
  Json conversation = as_list(input);
  for (const Json& item : items) conversation.push_back(item);
  const std::lock_guard lock(mutex_);
  for (const Json& item : items) put({owner, item.at("id").get<std::string>()}, item);
  put({owner, answer}, conversation);
  while (held_ > most_) drop_oldest();
  while (!charge_.resize(memory::in_steps(held_))) drop_oldest();  // what is left of nothing always fits
}

std::optional<Json> StoredItems::find(const std::string& owner, const Json& id) const {
  if (!id.is_string()) return std::nullopt;
  const auto found = texts_.find({owner, id.get<std::string>()});
  return found == texts_.end() ? std::nullopt : std::optional(Json::parse(found->second));
}

void StoredItems::complete(const std::string& owner, Json& body) const {
  const auto input = body.find("input");
  if (input == body.end()) return;
  const std::lock_guard lock(mutex_);
  if (const Json previous = body.value("previous_response_id", Json()); previous.is_string()) {
    std::optional<Json> conversation = find(owner, previous);
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
    const std::optional<Json> found = find(owner, item.value("id", Json()));
    if (found && found->is_object()) item = *found;
  }
}

}  // namespace plimsoll::server
