#include "jinja/marked_text.hpp"

#include <algorithm>

namespace plimsoll::jinja {
namespace {

void add(Ranges& ranges, std::size_t begin, std::size_t end) {
  if (begin >= end) return;
  if (!ranges.empty() && ranges.back().end == begin)
    ranges.back().end = end;
  else
    ranges.push_back({begin, end});
}

}  // namespace

void MarkedText::append(const MarkedText& from, std::size_t begin, std::size_t size) {
  const std::size_t end = begin + size;
  const std::size_t at = text.size();
  auto range = std::ranges::lower_bound(from.input, begin + 1, {}, &Range::end);  // the first that ends behind `begin`
  for (; range != from.input.end() && range->begin < end; ++range)
    add(input, at + std::max(range->begin, begin) - begin, at + std::min(range->end, end) - begin);
  text.append(from.text, begin, size);
}

void MarkedText::append_input(std::string_view more) {
  add(input, text.size(), text.size() + more.size());
  text += more;
}

void MarkedText::cut(std::size_t size) {
  if (size >= text.size()) return;
  text.resize(size);
  while (!input.empty() && input.back().begin >= size) input.pop_back();
  if (!input.empty()) input.back().end = std::min(input.back().end, size);
}

MarkedText own_text(std::string text) { return {.text = std::move(text), .input = {}}; }

MarkedText input_text(std::string text) {
  const std::size_t size = text.size();
  return {.text = std::move(text), .input = size == 0 ? Ranges{} : Ranges{{.begin = 0, .end = size}}};
}

MarkedText part_of(const MarkedText& whole, std::string_view part) {
  MarkedText out;
  if (!part.empty()) out.append(whole, static_cast<std::size_t>(part.data() - whole.text.data()), part.size());
  return out;
}

MarkedText made_of(const MarkedText& from, std::string text) {
  if (!from.any_input()) return own_text(std::move(text));
  const auto ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (text.size() == from.text.size() && std::ranges::all_of(from.text, ascii))
    return {.text = std::move(text), .input = from.input};
  return input_text(std::move(text));
}

}  // namespace plimsoll::jinja
