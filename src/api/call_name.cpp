#include "call_name.hpp"

#include <cctype>

namespace plimsoll::api {
namespace {

constexpr std::size_t kMostBehindAName = 96;

}  // namespace

bool is_of_a_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
}

CallName::Seen CallName::push(char c) {
  if (behind_.empty() && is_of_a_name(c)) {
    name_ += c;
    return Seen::inside;
  }
  behind_ += c;
  if (name_.empty()) return Seen::no_call;
  if (behind_.ends_with(form_->between)) return Seen::end;
  return may_go_on() ? Seen::inside : Seen::no_call;
}

bool CallName::may_go_on() const {
  if (form_->follows.empty()) return form_->between.starts_with(behind_);
  if (behind_.size() > kMostBehindAName || behind_.contains('\n')) return false;
  const std::string_view id = form_->id;
  if (id.empty() || form_->between.starts_with(behind_)) return true;
  return behind_.starts_with(id) || id.starts_with(behind_);
}

std::string CallName::id() const {
  const std::string_view behind = std::string_view(behind_).substr(0, behind_.size() - form_->between.size());
  if (form_->id.empty() || !behind.starts_with(form_->id)) return {};
  if (form_->id_is_whole) return std::string(form_->prefix) + name_ + std::string(behind);
  return std::string(behind.substr(form_->id.size()));
}

}  // namespace plimsoll::api
