#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "api/problem.hpp"
#include "api/tool_calls.hpp"
#include "grammar/marked_form.hpp"
#include "grammar/tagged_form.hpp"
#include "grammar/tool_grammar.hpp"
#include "grammar/tool_opening.hpp"

#include "call_name.hpp"
#include "json_end.hpp"
#include "literal_text.hpp"
#include "tagged_call.hpp"

namespace plimsoll::api {
namespace {

using grammar::ToolForm;
using grammar::ToolOpening;

bool is_space(char c) { return grammar::kSpaces.contains(c); }

// Marks that may stand behind a call, in this order; each may be missing.
std::vector<std::string_view> ends_of(ToolForm form) {
  std::vector<std::string_view> out;
  if (const grammar::TaggedForm* tagged = grammar::tagged_form(form)) out = {tagged->close};
  if (const grammar::MarkedForm* marked = grammar::marked_form(form)) out = {marked->end, marked->section_end};
  std::erase(out, std::string_view{});
  return out;
}

// Some models write the arguments as JSON in a string.
std::optional<std::string> arguments_of(const Json& call) {
  for (const char* key : {"arguments", "parameters"}) {
    const auto found = call.find(key);
    if (found == call.end()) continue;
    if (found->is_object()) return to_text(*found);
    if (!found->is_string()) return std::nullopt;
    return to_text(parse_object(found->get<std::string>()));
  }
  return std::nullopt;
}

}  // namespace

class ToolCallReader::Impl {
 public:
  Impl(ToolForm form, const Json& tools)
      : form_(form),
        tagged_(grammar::tagged_form(form)),
        marked_(grammar::marked_form(form)),
        tools_(tagged_ != nullptr ? tools : Json()),
        names_(grammar::tool_names(tools)),
        opening_(grammar::tool_opening(form, names_)),
        ends_(ends_of(form)),
        state_(opening_.first) {}

  std::string push(std::string_view piece) {
    for (const char c : piece) step(c);
    return std::exchange(shown_, {});
  }

  // Half an end tag says nothing. A call that has begun is no text: the grammar lets none follow its opening. With
  // forms that are whole answers, half an opening is JSON like other JSON.
  std::string finish(bool required) {
    cut_ = phase_ == Phase::calling || phase_ == Phase::section ||
           (required && phase_ == Phase::looking && !held_.empty());
    if (phase_ != Phase::closing && !cut_) show(held_);
    held_.clear();
    if (!after_call_) shown_ += std::exchange(blank_, {});
    phase_ = Phase::plain;
    return std::exchange(shown_, {});
  }

  [[nodiscard]] bool cut() const { return cut_; }
  std::vector<ToolCall> take() { return std::exchange(calls_, {}); }

 private:
  enum class Phase { looking, section, calling, closing, plain };

  void step(char c) {
    switch (phase_) {
      case Phase::looking:
        return look(c);
      case Phase::section:
        return go_into_section(c);
      case Phase::calling:
        return call(c);
      case Phase::closing:
        return close(c);
      case Phase::plain:
        return show({&c, 1});
    }
  }

  // Whitespace waits for what comes behind it.
  void show(std::string_view text) {
    for (const char c : text) {
      if (is_space(c)) {
        blank_ += c;
        continue;
      }
      shown_ += std::exchange(blank_, {}) + c;
      after_call_ = false;
    }
  }

  void look(char c) {
    held_ += c;
    state_ = opening_.next(state_, c);
    if (state_ == ToolOpening::kPlain) {
      phase_ = Phase::plain;
      return show(std::exchange(held_, {}));
    }
    if (state_ >= ToolOpening::kBegun) return opened();
    const std::size_t keep = std::min(opening_.states[state_].held, held_.size());
    show(std::string_view(held_).substr(0, held_.size() - keep));
    held_.erase(0, held_.size() - keep);
  }

  void opened() {
    const bool is_section = marked_ != nullptr && !marked_->section.empty() && state_ == ToolOpening::kBegun;
    if (!is_section) return begin();
    phase_ = Phase::section;
    mark_.clear();
  }

  // Behind a section's mark, as far as the first call's.
  void go_into_section(char c) {
    held_ += c;
    if (mark_.empty() && is_space(c)) return;
    mark_ += c;
    if (mark_ == marked_->begin) return begin();
    if (marked_->begin.starts_with(mark_)) return;
    held_.resize(held_.size() - mark_.size());
    give_up(std::exchange(mark_, {}));
  }

  void begin() {
    phase_ = Phase::calling;
    if (marked_ != nullptr && marked_->inside == grammar::MarkedForm::Inside::arguments) call_name_.emplace(*marked_);
    if (tagged_ != nullptr) {
      tagged_call_.emplace(*tagged_, [this](const std::string& function) { return types_of(function); });
      if (state_ == ToolOpening::kBegun) return;
      for (const char c : tagged_->name_begin) (void)tagged_call_->push(c);  // its first tag was left out
      return;
    }
    json_ = JsonEnd(values());
    json_begin_ = call_name_ ? 0 : opening_.holds_json ? held_.find('{') : held_.size();
    if (call_name_) return;
    for (std::size_t i = json_begin_; i < held_.size(); ++i) (void)json_.push(held_[i]);
  }

  void call(char c) {
    if (tagged_call_) return call_in_tags(c);
    if (call_name_ && json_begin_ == 0) return call_by_name(c);
    const JsonEnd::Seen seen = json_.push(c);
    if (seen == JsonEnd::Seen::no_json) return give_up({&c, 1});
    held_ += c;
    if (seen != JsonEnd::Seen::end) return;
    if (!read_calls(held_.substr(held_.find_first_of("{[", json_begin_)))) return give_up();
    go_on_behind_call();
  }

  void call_by_name(char c) {
    held_ += c;
    const CallName::Seen seen = call_name_->push(c);
    if (seen == CallName::Seen::inside) return;
    const bool is_ours = names_.empty() || std::ranges::contains(names_, call_name_->name());
    const bool is_behind = !marked_->between.empty();  // the arguments; else their bracket is what was read
    if (seen == CallName::Seen::end && is_ours && (is_behind || c == '{')) {
      json_begin_ = held_.size() - (is_behind ? 0 : 1);
      if (!is_behind) (void)json_.push(c);
      return;
    }
    const std::size_t begin = held_.size() - call_name_->unread();
    const std::string again = held_.substr(begin);
    held_.resize(begin);
    give_up(again);
  }

  void call_in_tags(char c) {
    held_ += c;
    const TaggedCall::Seen seen = tagged_call_->push(c);
    if (seen == TaggedCall::Seen::inside) return;
    if (seen == TaggedCall::Seen::end && read_tagged_call()) return go_on_behind_call();
    const std::size_t begin = held_.size() - tagged_call_->unread();
    const std::string again = held_.substr(begin);  // half an opening tag at most
    held_.resize(begin);
    give_up(again);
  }

  void go_on_behind_call() {
    held_.clear();
    blank_.clear();
    after_call_ = true;
    seen_ends_ = 0;
    go_on(ends_.empty() ? Phase::looking : Phase::closing);
  }

  // The marks behind a call. Text between them is none of them.
  void close(char c) {
    if (held_.empty() && is_space(c)) return show({&c, 1});
    held_ += c;
    bool may_be_one = false;
    for (std::size_t i = seen_ends_; i < ends_.size(); ++i) {
      may_be_one = may_be_one || ends_[i].starts_with(held_);
      if (held_ != ends_[i]) continue;
      held_.clear();
      blank_.clear();
      seen_ends_ = i + 1;
      return go_on(seen_ends_ == ends_.size() ? Phase::looking : Phase::closing);
    }
    if (may_be_one) return;
    go_on(Phase::looking);
    for (const char again : std::exchange(held_, {})) step(again);
  }

  // It was text; a call may begin behind it, in what was read as some of its words already.
  void give_up(const std::string& again = {}) {
    show(std::exchange(held_, {}));
    call_name_.reset();
    go_on(Phase::looking);
    for (const char one : again) step(one);
  }

  // Forms that are whole answers begin nowhere else.
  void go_on(Phase phase) {
    phase_ = opening_.holds_json ? Phase::plain : phase;
    state_ = 0;
  }

  [[nodiscard]] bool read_named_call(const std::string& text) {
    ToolCall call{.id = call_name_->id(), .name = call_name_->name(), .arguments = to_text(object_in(text))};
    if (!call.id.empty() && !ids_.insert(call.id).second) call.id.clear();
    calls_.push_back(std::move(call));
    call_name_.reset();
    return true;
  }

  [[nodiscard]] grammar::MarkedForm::Values values() const {
    return marked_ == nullptr ? grammar::MarkedForm::Values::json : marked_->values;
  }

  [[nodiscard]] Json object_in(const std::string& text) const {
    if (values() != grammar::MarkedForm::Values::gemma) return parse_object(text);
    const std::optional<Json> object = gemma_object(text);
    if (!object) throw bad_request("no arguments");
    return *object;
  }

  // Lists as the only member of an object.
  [[nodiscard]] Json calls_in(const std::string& text) const {
    if (values() == grammar::MarkedForm::Values::python) {
      const std::optional<Json> calls = python_calls(text);
      if (!calls) throw bad_request("no list of calls");
      return {{"tool_calls", *calls}};
    }
    return parse_object(text.front() == '[' ? fmt::format(R"({{"tool_calls":{}}})", text) : text);
  }

  [[nodiscard]] bool read_calls(const std::string& text) {
    try {
      if (call_name_) return read_named_call(text);
      const Json json = calls_in(text);
      std::vector<ToolCall> calls;
      const auto several = json.find("tool_calls");
      if (several == json.end()) {
        if (form_ == ToolForm::listed) return false;
        calls.push_back(call_of(json));
      } else {
        for (const Json& one : *several) calls.push_back(call_of(one));
      }
      calls_.insert(calls_.end(), calls.begin(), calls.end());
      return !calls.empty();
    } catch (const Problem&) {
      return false;
    }
  }

  [[nodiscard]] grammar::ParameterTypes types_of(const std::string& function) const {
    for (const Json& tool : tools_) {
      if (tool["function"]["name"].get<std::string>() == function)
        return grammar::parameter_types(grammar::schema_of_arguments(tool["function"]));
    }
    return {};
  }

  [[nodiscard]] bool read_tagged_call() {
    const std::string& name = tagged_call_->name();
    if (!names_.empty() && !std::ranges::contains(names_, name)) return false;
    calls_.push_back({.id = "", .name = name, .arguments = to_text(tagged_call_->arguments())});
    return true;
  }

  // Throws Problem where it is not a call.
  [[nodiscard]] ToolCall call_of(const Json& json) const {
    if (!json.is_object()) throw bad_request("no object");
    const auto name = json.find(marked_ == nullptr ? "name" : marked_->name_key);
    if (name == json.end() || !name->is_string()) throw bad_request("no name");
    const auto arguments = arguments_of(json);
    const bool may_lack_them = !json.contains("arguments") && !json.contains("parameters") && form_ != ToolForm::bare;
    if (!arguments && !may_lack_them) throw bad_request("no arguments");
    ToolCall call{.id = "", .name = name->get<std::string>(), .arguments = arguments.value_or("{}")};
    if (!names_.empty() && !std::ranges::contains(names_, call.name)) throw bad_request("no function of ours");
    return call;
  }

  ToolForm form_;
  const grammar::TaggedForm* tagged_;  // null: calls are JSON
  const grammar::MarkedForm* marked_;  // null: they stand between no marks
  Json tools_;                         // of a tagged form
  std::vector<std::string> names_;
  ToolOpening opening_;
  std::vector<std::string_view> ends_;
  Phase phase_ = Phase::looking;
  std::size_t state_;  // of the opening
  std::string mark_;   // what of a first call's mark has been seen
  std::size_t seen_ends_ = 0;
  std::string shown_;
  std::string blank_;           // whitespace before held_
  std::string held_;            // may be a call's
  std::size_t json_begin_ = 0;  // in held_
  JsonEnd json_;
  std::optional<CallName> call_name_;      // of the call that is read, where it stands outside of the JSON
  std::set<std::string> ids_;              // that the model has given
  std::optional<TaggedCall> tagged_call_;  // the last one, of a tagged form
  bool after_call_ = false;                // nothing was shown since
  bool cut_ = false;
  std::vector<ToolCall> calls_;
};

ToolCallReader::ToolCallReader(ToolForm form, const Json& tools) : impl_(std::make_unique<Impl>(form, tools)) {}
ToolCallReader::~ToolCallReader() = default;
ToolCallReader::ToolCallReader(ToolCallReader&&) noexcept = default;
ToolCallReader& ToolCallReader::operator=(ToolCallReader&&) noexcept = default;

std::string ToolCallReader::push(std::string_view piece) { return impl_->push(piece); }
std::string ToolCallReader::finish(bool required) { return impl_->finish(required); }
bool ToolCallReader::cut() const noexcept { return impl_->cut(); }
std::vector<ToolCall> ToolCallReader::take() { return impl_->take(); }

}  // namespace plimsoll::api
