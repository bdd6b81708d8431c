#include "text.hpp"

#include <locale.h>
#include <wctype.h>

#include <algorithm>
#include <array>

#include "bounds.hpp"

namespace plimsoll::jinja {
namespace {

constexpr std::size_t kReading = 4;    // what reading letter by letter takes, where looking for a text takes 1
constexpr char32_t kRawByte = 0xDC00;  // a byte that is no UTF-8 is this letter and its value, as Python has it

bool ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// glibc's own tables of Unicode, whatever the process's locale is. Null where the system has none: then ASCII alone.
locale_t unicode() {
  static const locale_t kLocale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return kLocale;
}

char32_t to_upper(char32_t c) {
  if (c < 0x80) return c >= 'a' && c <= 'z' ? c - 32 : c;
  return unicode() == nullptr ? c : static_cast<char32_t>(towupper_l(static_cast<wint_t>(c), unicode()));
}

char32_t to_lower(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  return unicode() == nullptr ? c : static_cast<char32_t>(towlower_l(static_cast<wint_t>(c), unicode()));
}

// Bytes of the letter that begins here; 1 for a byte that begins none.
std::size_t letter_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t size = byte(0) < 0x80   ? 1
                           : byte(0) < 0xC2 ? 0
                           : byte(0) < 0xE0 ? 2
                           : byte(0) < 0xF0 ? 3
                           : byte(0) < 0xF5 ? 4
                                            : 0;
  if (size == 0 || size > text.size()) return 1;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 1;
  }
  return size;
}

char32_t letter_at(std::string_view text, std::size_t size) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (size == 1) return first < 0x80 ? first : kRawByte + first;
  char32_t letter = first & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) letter = (letter << 6) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  return letter;
}

void append(std::string& out, char32_t c) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c >= kRawByte + 0x80 && c <= kRawByte + 0xFF) {
    out += static_cast<char>(c - kRawByte);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    tail(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    tail(6), tail(0);
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    tail(12), tail(6), tail(0);
  }
}

template <class Change>
std::string changed(std::string_view text, Change change) {
  charge_text(text.size() * kReading);
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = letter_size(text.substr(at));
    const char32_t c = letter_at(text.substr(at), size);
    change(out, c);
    at += size;
  }
  return out;
}

void append_upper(std::string& out, char32_t c) {
  if (c == 0xDF)
    out += "SS";
  else
    append(out, to_upper(c));
}

// What Python does not take for printable, and the C library does: marks of direction and format, private letters,
// halves.
bool invisible(char32_t c) {
  return c == 0xAD || (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) ||
         (c >= 0xD800 && c <= 0xF8FF) || c == 0xFEFF || c >= 0xE0000;
}

bool line_end(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t begin = std::string_view::npos;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = letter_size(text.substr(at));
    const bool space = is(Letters::space, letter_at(text.substr(at), size));
    if (!space && begin == std::string_view::npos) begin = at;
    if (space && begin != std::string_view::npos)
      words.push_back(text.substr(std::exchange(begin, std::string_view::npos), at - begin));
    at += size;
  }
  if (begin != std::string_view::npos) words.push_back(text.substr(begin));
  return words;
}

// The rest beyond `most` words stays as it is, with the white space at its far end.
std::vector<std::string_view> split_at_space(std::string_view text, long most, Side from) {
  std::vector<std::string_view> words = words_of(text);
  const auto kept = static_cast<std::size_t>(most);
  if (most < 0 || words.size() <= kept) return words;
  if (from == Side::left) {
    const char* rest = words[kept].data();
    words.resize(kept);
    words.emplace_back(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
    return words;
  }
  const std::string_view last = words[words.size() - kept - 1];
  words.erase(words.begin(), words.end() - most);
  words.insert(words.begin(), {text.data(), static_cast<std::size_t>(last.data() + last.size() - text.data())});
  return words;
}

}  // namespace

std::size_t count_letters(std::string_view text) {
  charge_text(text.size());
  if (ascii(text)) return text.size();
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); at += letter_size(text.substr(at))) ++count;
  return count;
}

std::u32string decode(std::string_view text) {
  charge_text(text.size() * kReading);
  std::u32string letters;
  letters.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = letter_size(text.substr(at));
    letters += letter_at(text.substr(at), size);
    at += size;
  }
  return letters;
}

std::vector<std::string_view> letters_of(std::string_view text) {
  charge_text(text.size() * kReading);
  std::vector<std::string_view> letters;
  for (std::size_t at = 0; at < text.size(); at += letters.back().size())
    letters.push_back(text.substr(at, letter_size(text.substr(at))));
  return letters;
}

std::string_view letters_between(std::string_view text, std::size_t from, std::size_t to) {
  charge_text(text.size() * kReading);
  const auto skip = [&](std::size_t at, std::size_t letters) {
    for (; letters > 0 && at < text.size(); --letters) at += letter_size(text.substr(at));
    return at;
  };
  const std::size_t begin = skip(0, from);
  return text.substr(begin, skip(begin, to - std::min(from, to)) - begin);
}

std::string encode(std::u32string_view letters) {
  std::string out;
  for (const char32_t c : letters) append(out, c);
  return out;
}

bool is(Letters kind, char32_t c) {
  static constexpr const char* kNames[] = {"alpha", "digit", "alnum", "space", "upper", "lower", "print"};
  static const auto kClasses = [] {
    std::array<wctype_t, std::size(kNames)> classes{};
    std::ranges::transform(kNames, classes.begin(), [](const char* name) {
      return unicode() == nullptr ? wctype(name) : wctype_l(name, unicode());
    });
    return classes;
  }();
  if (kind == Letters::space) {
    return line_end(c) || c == '\t' || c == 0x1F || c == ' ' || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F || c == 0x3000;
  }
  if (kind == Letters::print && invisible(c)) return false;
  if (c >= 0x80 && (unicode() == nullptr || kind == Letters::digit)) return false;
  const wctype_t of = kClasses[static_cast<std::size_t>(kind)];
  const auto letter = static_cast<wint_t>(c);
  return (unicode() == nullptr ? iswctype(letter, of) : iswctype_l(letter, of, unicode())) != 0;
}

std::string upper(std::string_view text) { return changed(text, append_upper); }

std::string lower(std::string_view text) {
  return changed(text, [](std::string& out, char32_t c) { append(out, to_lower(c)); });
}

std::string capitalize(std::string_view text) {
  if (text.empty()) return {};
  const std::size_t size = letter_size(text);
  return upper(text.substr(0, size)) + lower(text.substr(size));
}

std::string title(std::string_view text) {
  return changed(text, [inside = false](std::string& out, char32_t c) mutable {
    if (inside)
      append(out, to_lower(c));
    else
      append_upper(out, c);
    inside = is(Letters::alpha, c);
  });
}

std::string_view strip(std::string_view text, Side side, std::optional<std::string_view> letters) {
  const auto falls = [&](std::size_t at, std::size_t size) {
    return letters ? letters->contains(text.substr(at, size)) : is(Letters::space, letter_at(text.substr(at), size));
  };
  while (side != Side::right && !text.empty()) {
    const std::size_t size = letter_size(text);
    if (!falls(0, size)) break;
    text.remove_prefix(size);
  }
  while (side != Side::left && !text.empty()) {
    std::size_t at = text.size() - 1;
    while (at > 0 && text.size() - at < 4 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80) --at;
    if (letter_size(text.substr(at)) != text.size() - at) at = text.size() - 1;
    if (!falls(at, text.size() - at)) break;
    text = text.substr(0, at);
  }
  return text;
}

std::vector<std::string_view> split(std::string_view text, std::optional<std::string_view> separator, long most,
                                    Side from) {
  charge_text(text.size() * kReading);
  if (!separator) return split_at_space(text, most, from);
  if (separator->empty()) fail("the separator is empty");
  std::vector<std::string_view> parts;
  while (most < 0 || parts.size() < static_cast<std::size_t>(most)) {
    const std::size_t at = from == Side::left ? text.find(*separator) : text.rfind(*separator);
    if (at == std::string_view::npos) break;
    const std::size_t after = at + separator->size();
    parts.push_back(from == Side::left ? text.substr(0, at) : text.substr(after));
    text = from == Side::left ? text.substr(after) : text.substr(0, at);
  }
  parts.push_back(text);
  if (from == Side::right) std::ranges::reverse(parts);
  return parts;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  charge_text(text.size() * kReading);
  std::vector<std::string_view> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t size = letter_size(text.substr(at));
    const bool ends = line_end(letter_at(text.substr(at), size));
    if (ends && text.substr(at, 2) == "\r\n") size = 2;
    if (ends) {
      lines.push_back(text.substr(begin, (keep_ends ? at + size : at) - begin));
      begin = at + size;
    }
    at += size;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

MarkedText replace(const MarkedText& marked, std::string_view old, const MarkedText& by, long most) {
  const std::string_view text = marked.text;
  charge_text(text.size() * kReading);
  Holding holding;
  MarkedText out;
  std::size_t from = 0;
  for (long done = 0; most < 0 || done < most; ++done) {
    // An empty one stands before each letter, and at the end.
    std::size_t at =
        text.find(old, old.empty() && done > 0 && from < text.size() ? from + letter_size(text.substr(from)) : from);
    if (at == std::string_view::npos || (old.empty() && done > 0 && from == text.size())) break;
    holding.grow(at - from + by.bytes());
    out.append(marked, from, at - from);
    out += by;
    from = at + old.size();
  }
  out.append(marked, from, text.size() - from);
  return out;
}

std::string escape_html(std::string_view text) {
  charge_text(text.size() * kReading);
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string repeat(std::string_view text, std::size_t times) { return repeat(own_text(std::string(text)), times).text; }

MarkedText repeat(const MarkedText& text, std::size_t times) {
  if (text.text.empty()) return {};
  Holding holding;
  if (times > (std::size_t{1} << 40) / text.bytes())
    fail("a string of {} times {} bytes is too long", times, text.text.size());
  holding.grow(text.bytes() * times);
  MarkedText out;
  out.text.reserve(text.text.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

MarkedText pad(const MarkedText& text, std::size_t width, Side text_stands, const MarkedText& with) {
  const std::size_t letters = count_letters(text.text);
  const std::size_t room = width > letters ? width - letters : 0;
  const std::size_t before = text_stands == Side::left    ? 0
                             : text_stands == Side::right ? room
                                                          : room / 2 + (room & width & 1U);
  MarkedText out = repeat(with, before);
  out += text;
  out += repeat(with, room - before);
  return out;
}

}  // namespace plimsoll::jinja
