#include "api/reasoning.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::api {
namespace {

constexpr std::string_view kSpaces = " \t\n\r";
constexpr std::array kForms{
    ReasoningForm{.begin = "<think>",
                  .end = "</think>",
                  .instead = "<response>",
                  .answer_begin = "<response>",
                  .answer_end = "</response>"},
    ReasoningForm{.begin = "Here are my reasoning steps:",
                  .end = "[BEGIN FINAL RESPONSE]",
                  .instead = "[BEGIN FINAL RESPONSE]",
                  .answer_end = "[END FINAL RESPONSE]"},
    ReasoningForm{.begin = "<|START_THINKING|>",
                  .end = "<|END_THINKING|>",
                  .instead = "<|START_RESPONSE|>",
                  .answer_begin = "<|START_RESPONSE|>",
                  .answer_end = "<|END_RESPONSE|>"},
    ReasoningForm{.begin = "<|START_THINKING|>",
                  .end = "<|END_THINKING|>",
                  .instead = "<|START_TEXT|>",
                  .answer_begin = "<|START_TEXT|>",
                  .answer_end = "<|END_TEXT|>"},
    ReasoningForm{.begin = "<think>", .end = "</think>"},
    ReasoningForm{.begin = "[THINK]", .end = "[/THINK]"},
    ReasoningForm{.begin = "<|channel|>analysis<|message|>",
                  .end = "<|end|><|start|>assistant<|channel|>final<|message|>",
                  .instead = "<|channel|>final<|message|>",
                  .has_channels = true},
    ReasoningForm{.begin = "<|channel>thought", .end = "<channel|>"},
    ReasoningForm{.begin = "<seed:think>", .end = "</seed:think>"},
};
// A word of each form that only its templates have, or those behind it in the list as well.
constexpr std::array<std::string_view, kForms.size()> kSigns{
    "<response></response>", "[BEGIN FINAL RESPONSE]", "<|START_RESPONSE|>", "<|START_THINKING|>", "<think>", "[THINK]",
    "<|channel|>analysis",   "<|channel>thought",      "<seed:think>"};

std::string_view without_spaces_before(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  return text;
}

std::string_view without_spaces_behind(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kSpaces) + 1);
}

// The longest end of the text that is a beginning of the mark.
std::size_t begun(std::string_view text, std::string_view mark) {
  for (std::size_t length = std::min(text.size(), mark.size() - 1); length > 0; --length) {
    if (text.ends_with(mark.substr(0, length))) return length;
  }
  return 0;
}

}  // namespace

std::optional<ReasoningForm> reasoning_form(std::string_view template_source) {
  for (std::size_t i = 0; i < kForms.size(); ++i) {
    if (template_source.contains(kSigns[i])) return kForms[i];
  }
  return std::nullopt;
}

bool ends_in_a_thought(std::string_view prompt, const ReasoningForm& form) {
  return without_spaces_behind(prompt).ends_with(form.begin);
}

ReasoningReader::ReasoningReader(const ReasoningForm& form, bool inside)
    : form_(form), place_(inside ? Place::thought : Place::before) {
  if (form.has_channels) channels_.emplace(inside);
}

// Each of these answers whether there is more to read in what is held.
bool ReasoningReader::begin(bool last) {
  blanks_ = std::min(held_.find_first_not_of(kSpaces, blanks_), held_.size());
  const std::string_view text = std::string_view(held_).substr(blanks_);
  const auto is_mark = [&](std::string_view mark) { return !mark.empty() && text.starts_with(mark); };
  const auto may_become = [&](std::string_view mark) { return text.size() < mark.size() && mark.starts_with(text); };
  if (is_mark(form_.begin)) {
    place_ = Place::thought;
    held_ = text.substr(form_.begin.size());
  } else if (is_mark(form_.instead)) {
    place_ = Place::after;
    is_framed_ = true;
    held_ = text.substr(form_.instead.size());
  } else if (last || !(may_become(form_.begin) || may_become(form_.instead))) {
    place_ = Place::answer;
  } else {
    return false;
  }
  blanks_ = 0;
  return true;
}

std::string_view ReasoningReader::spoken(std::string_view text) const {
  const std::size_t blanks = std::min(blanks_, text.size());
  const std::size_t behind = without_spaces_behind(text.substr(blanks)).size();
  return text.substr(0, behind == 0 ? 0 : blanks + behind);
}

bool ReasoningReader::think(Read& out, bool last) {
  const std::size_t end = held_.find(form_.end, blanks_);  // no mark begins with a space
  const bool ended = end != std::string::npos;
  std::string_view text = std::string_view(held_).substr(0, end);
  if (!ended && !last) text.remove_suffix(begun(text, form_.end));
  std::string_view told = spoken(text);
  blanks_ = ended || last ? 0 : text.size() - told.size();
  if (!any_thoughts_) told = without_spaces_before(told);
  any_thoughts_ = any_thoughts_ || !told.empty();
  out.thoughts += told;
  if (ended) {
    held_.erase(0, end + form_.end.size());
    place_ = Place::after;
    is_framed_ = form_.answer_begin.empty();
    return true;
  }
  const std::size_t behind = last ? held_.size() : static_cast<std::size_t>(told.data() - held_.data()) + told.size();
  held_.erase(0, behind);
  return false;
}

bool ReasoningReader::begin_answer(bool last) {
  held_ = without_spaces_before(held_);
  if (held_.empty()) return false;
  const std::string_view mark = is_framed_ ? std::string_view{} : form_.answer_begin;
  if (!mark.empty() && held_.starts_with(mark)) {
    held_.erase(0, mark.size());
    is_framed_ = true;
    return true;
  }
  if (!last && held_.size() < mark.size() && mark.starts_with(held_)) return false;
  place_ = Place::answer;
  return true;
}

bool ReasoningReader::answer(Read& out, bool last) {
  const std::string_view mark = is_framed_ ? form_.answer_end : std::string_view{};
  const std::size_t end = mark.empty() ? std::string::npos : held_.find(mark, blanks_);
  const bool ended = end != std::string::npos;
  std::string_view text = std::string_view(held_).substr(0, end);
  if (!mark.empty() && !ended && !last) text.remove_suffix(begun(text, mark));
  const std::size_t whole = text.size();
  if (!mark.empty() && (ended || !last)) text = spoken(text);
  blanks_ = ended ? 0 : whole - text.size();
  out.answer += text;
  held_.erase(0, ended ? end + mark.size() : text.size());
  if (!ended) return false;
  place_ = Place::after;
  is_framed_ = false;
  return true;
}

bool ReasoningReader::step(Read& out, bool last) {
  switch (place_) {
    case Place::before:
      return begin(last);
    case Place::thought:
      return think(out, last);
    case Place::after:
      return begin_answer(last);
    case Place::answer:
      return answer(out, last);
  }
  return false;
}

ReasoningReader::Read ReasoningReader::push(std::string_view piece) {
  if (channels_) return channels_->push(piece);
  Read out;
  held_ += piece;
  while (step(out, false)) {
  }
  return out;
}

ReasoningReader::Read ReasoningReader::finish() {
  if (channels_) return channels_->finish();
  Read out;
  while (step(out, true)) {
  }
  return out;
}

}  // namespace plimsoll::api
