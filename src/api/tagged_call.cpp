#include "tagged_call.hpp"

#include <optional>

#include "grammar/tool_opening.hpp"

#include "call_name.hpp"

namespace plimsoll::api {
namespace {

using grammar::TypeNames;

bool is_blank(char c) { return grammar::kSpaces.contains(c); }

// Takes the tag off where the text ends with it.
bool take_end(std::string& text, std::string_view tag) {
  if (!text.ends_with(tag)) return false;
  text.resize(text.size() - tag.size());
  return true;
}

std::string_view without_lines(std::string_view text) {
  if (text.starts_with('\n')) text.remove_prefix(1);
  if (text.ends_with('\n')) text.remove_suffix(1);
  return text;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// As some templates write them in the history.
std::string_view without_python(std::string_view text) {
  return text == "True" ? "true" : text == "False" ? "false" : text == "None" ? "null" : text;
}

bool is_of(const Json& value, const TypeNames& types) {
  if (types.empty()) return true;
  if (value.is_number()) return types.contains("number") || types.contains("integer");
  const char* name = value.is_object()    ? "object"
                     : value.is_array()   ? "array"
                     : value.is_boolean() ? "boolean"
                     : value.is_null()    ? "null"
                                          : "string";
  return types.contains(name);
}

bool may_be_text(const TypeNames& types) { return types.empty() || types.contains("string"); }

// More digits than a number holds.
bool is_rounded(const Json& value, std::string_view text) {
  return value.is_number_float() && text.find_first_of(".eE") == std::string_view::npos;
}

// Quotation marks of a text are its own.
Json turned(std::string_view text, const TypeNames& types) {
  if (types == TypeNames{"string"}) return std::string(text);
  const bool text_too = may_be_text(types);
  const std::string_view said = trimmed(text);
  const std::optional<Json> value = json_inside(text_too ? said : without_python(said));
  if (!value) return std::string(text);
  if (text_too && (value->is_string() || !is_of(*value, types) || is_rounded(*value, said))) return std::string(text);
  return *value;
}

}  // namespace

TaggedCall::Seen TaggedCall::push(char c) {
  switch (place_) {
    case Place::before_name:
      return before_name(c);
    case Place::name:
      return in_name(c);
    case Place::behind_name:
      return behind_name(c);
    case Place::between:
      return between(c);
    case Place::key:
      return in_key(c);
    case Place::mark:
      return in_mark(c);
    case Place::before_value:
      return read_tag(c, form_->value_begin, Place::value);
    case Place::value:
      return in_value(c);
  }
  return Seen::no_call;
}

TaggedCall::Seen TaggedCall::before_name(char c) {
  if (!form_->name_begin.empty()) return read_tag(c, form_->name_begin, Place::name);
  if (is_blank(c)) return Seen::inside;
  place_ = Place::name;
  return in_name(c);
}

TaggedCall::Seen TaggedCall::in_name(char c) {
  if (is_of_a_name(c)) {
    name_ += c;
    return Seen::inside;
  }
  if (name_.empty()) {
    tag_ = c;
    return Seen::no_call;
  }
  place_ = form_->name_end.empty() ? Place::between : Place::behind_name;
  return push(c);
}

TaggedCall::Seen TaggedCall::behind_name(char c) {
  tag_ += c;
  if (!form_->name_end.starts_with(tag_)) return Seen::no_call;
  if (tag_ == form_->name_end) {
    tag_.clear();
    place_ = Place::between;
  }
  return Seen::inside;
}

TaggedCall::Seen TaggedCall::between(char c) {
  if (tag_.empty() && is_blank(c)) return Seen::inside;
  tag_ += c;
  if (tag_ == form_->end) {
    tag_.clear();
    return Seen::end;
  }
  if (tag_ == form_->key_begin) {
    tag_.clear();
    if (arguments_.empty()) types_ = types_of_(name_);
    arguments_.emplace_back();
    place_ = Place::key;
    return Seen::inside;
  }
  return form_->end.starts_with(tag_) || form_->key_begin.starts_with(tag_) ? Seen::inside : Seen::no_call;
}

TaggedCall::Seen TaggedCall::in_key(char c) {
  Argument& argument = arguments_.back();
  argument.key += c;
  if (!take_end(argument.key, form_->key_end)) return Seen::inside;
  const auto known = types_.of.find(argument.key);
  argument.types = known == types_.of.end() ? types_.others : known->second;
  place_ = !form_->text_mark.empty() ? Place::mark : form_->value_begin.empty() ? Place::value : Place::before_value;
  return Seen::inside;
}

// What says that it is text is none of the other types that it might be.
TaggedCall::Seen TaggedCall::in_mark(char c) {
  tag_ += c;
  const bool is_text = tag_ == form_->text_mark;
  if (is_text || tag_ == form_->json_mark) {
    tag_.clear();
    place_ = Place::value;
    grammar::TypeNames& types = arguments_.back().types;
    if (is_text && may_be_text(types)) types = {"string"};
    return Seen::inside;
  }
  return form_->text_mark.starts_with(tag_) || form_->json_mark.starts_with(tag_) ? Seen::inside : Seen::no_call;
}

// An end tag in a string of JSON is text.
TaggedCall::Seen TaggedCall::in_value(char c) {
  Argument& argument = arguments_.back();
  argument.text += c;
  if (!may_be_text(argument.types)) {
    if (c == '"' && !escaped_) in_string_ = !in_string_;
    escaped_ = in_string_ && c == '\\' && !escaped_;
  }
  if (!in_string_ && take_end(argument.text, form_->value_end)) place_ = Place::between;
  return Seen::inside;
}

TaggedCall::Seen TaggedCall::read_tag(char c, std::string_view tag, Place behind) {
  if (tag_.empty() && is_blank(c)) return Seen::inside;
  tag_ += c;
  if (tag_ == tag) {
    tag_.clear();
    place_ = behind;
    return Seen::inside;
  }
  return tag.starts_with(tag_) ? Seen::inside : Seen::no_call;
}

Json TaggedCall::arguments() const {
  Json out = Json::object();
  for (const auto& [key, text, types] : arguments_)
    out[key] = turned(form_->values_have_lines ? without_lines(text) : std::string_view(text), types);
  return out;
}

}  // namespace plimsoll::api
