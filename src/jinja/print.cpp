#include "print.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "text.hpp"

namespace plimsoll::jinja {
namespace {

std::string hex_escape(char32_t c) {
  if (c < 0x100) return fmt::format("\\x{:02x}", static_cast<unsigned>(c));
  if (c < 0x10000) return fmt::format("\\u{:04x}", static_cast<unsigned>(c));
  return fmt::format("\\U{:08x}", static_cast<unsigned>(c));
}

MarkedText repr_of_items(std::string_view before, const Sequence& row, std::string_view behind) {
  MarkedText out = own_text(std::string(before));
  bool first = true;
  for (const Value& item : row.items) {
    if (!std::exchange(first, false)) out += ", ";
    out += marked_repr(item);
  }
  out += behind;
  return out;
}

MarkedText repr_row(const Sequence& row) {
  switch (row.shape) {
    case Shape::list:
      return repr_of_items("[", row, "]");
    case Shape::tuple:
    case Shape::group:
      return repr_of_items("(", row, row.items.size() == 1 ? ",)" : ")");
    case Shape::range: {
      if (row.items.empty()) return own_text("range(0, 0)");
      const Integer first = *row.items.front().integer();
      const Integer step = row.items.size() < 2 ? 1 : *row.items[1].integer() - first;
      const std::string ends = print_integer(first) + ", " + print_integer(*row.items.back().integer() + step);
      return own_text("range(" + ends + (step == 1 ? ")" : ", " + print_integer(step) + ")"));
    }
    case Shape::iterator:
      return own_text("<generator object>");
    default:
      return repr_of_items(std::string(type_name(std::make_shared<Sequence>(row.shape, std::vector<Value>{}))) + "([",
                           row, "])");
  }
}

MarkedText repr_dict(const Dict& dict) {
  MarkedText out = own_text("{");
  bool first = true;
  for (const auto& [key, value] : dict.entries()) {
    if (!std::exchange(first, false)) out += ", ";
    out += marked_repr(key);
    out += ": ";
    out += marked_repr(value);
  }
  out += "}";
  return out;
}

void write_beyond_ascii(std::string& out, char32_t c) {
  const auto unit = [&](char32_t half) { out += fmt::format("\\u{:04x}", static_cast<unsigned>(half)); };
  if (c >= 0x10000) unit(0xD7C0 + (c >> 10));
  unit(c < 0x10000 ? c : 0xDC00 + (c & 0x3FF));
}

// What stands between a string's quotes in JSON.
std::string escaped(std::string_view text, bool ascii) {
  std::string out;
  static constexpr std::string_view kEscaped = "\"\\\n\r\t\b\f";
  static constexpr std::string_view kAs = "\"\\nrtbf";
  const auto write = [&](char32_t c, char byte) {
    if (const std::size_t at = c < 0x80 ? kEscaped.find(byte) : std::string_view::npos; at != std::string_view::npos) {
      (out += '\\') += kAs[at];
    } else if (c < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else if (c < 0x80 || !ascii) {
      out += byte;
    } else {
      write_beyond_ascii(out, c);
    }
  };
  charge_text(text.size() * 4);
  if (ascii) {
    for (const char32_t c : decode(text)) write(c, static_cast<char>(c));
  } else {
    for (const char c : text) write(static_cast<unsigned char>(c), c);
  }
  return out;
}

class JsonWriter {
 public:
  explicit JsonWriter(const JsonForm& form) : form_(form) {}

  void write(const Value& value) {
    charge_items(1);
    const std::size_t before = out_.bytes();
    if (const Text* text = value.text()) {
      write_text(*text);
    } else if (const Sequence* row = value.sequence(); row != nullptr && row->shape <= Shape::group) {
      write_row(*row);
    } else if (const Dict* dict = value.dict()) {
      write_dict(*dict);
    } else {
      out_ += scalar(value);
    }
    holding_.grow(value.depth() == 0 ? out_.bytes() - before : 0);
  }
  [[nodiscard]] MarkedText take() { return std::move(out_); }

 private:
  static std::string scalar(const Value& value) {
    if (value.none()) return "null";
    if (const bool* flag = value.boolean()) return *flag ? "true" : "false";
    if (const double* real = value.real()) {
      return std::isnan(*real) ? "NaN" : std::isinf(*real) ? (*real < 0 ? "-Infinity" : "Infinity") : print_real(*real);
    }
    if (const auto whole = value.integer()) return print_integer(*whole);
    if (value.undefined() != nullptr) fail_undefined(value);
    fail("a '{}' has no form in JSON", type_name(value));
  }
  void write_text(const MarkedText& text) {
    out_ += "\"";
    out_ += changed_by_runs(text, [this](std::string_view piece) { return escaped(piece, form_.ascii); });
    out_ += "\"";
  }
  void new_line() {
    if (!form_.indent) return;
    out_ += "\n";
    for (std::size_t i = 0; i < level_; ++i) out_ += *form_.indent;
  }
  template <class Items, class Each>
  void write_all(std::string_view open, std::string_view close, const Items& items, Each each) {
    out_ += open;
    ++level_;
    bool first = true;
    for (const auto& item : items) {
      if (!std::exchange(first, false)) out_ += form_.between;
      new_line();
      each(item);
    }
    --level_;
    if (!first) new_line();
    out_ += close;
  }
  void write_row(const Sequence& row) {
    write_all("[", "]", row.items, [this](const Value& item) { write(item); });
  }
  void write_dict(const Dict& dict) {
    auto entries = dict.entries();
    if (form_.sort_keys)
      std::ranges::stable_sort(entries, [](const auto& a, const auto& b) { return less(a.first, b.first); });
    write_all("{", "}", entries, [this](const auto& entry) {
      write(entry.first.text() != nullptr ? entry.first : Value(scalar(entry.first)));
      out_ += form_.after_key;
      write(entry.second);
    });
  }

  const JsonForm& form_;
  MarkedText out_;
  std::size_t level_ = 0;
  Holding holding_;
};

}  // namespace

std::string print_integer(Integer number) { return fmt::format("{}", number); }

std::string print_real(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  std::array<char, 64> buffer{};
  const double size = std::abs(number);
  const bool scientific = size != 0 && (size < 1e-4 || size >= 1e16);
  const auto form = scientific ? std::chars_format::scientific : std::chars_format::fixed;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, form).ptr;
  std::string out(buffer.data(), end);
  return scientific || out.contains('.') ? out : out + ".0";
}

namespace {

// What stands between a string's quotes in Python.
std::string unquoted(std::string_view text, char mark) {
  std::string out;
  for (const char32_t c : decode(text)) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\\' || c == static_cast<char32_t>(mark))
      (out += '\\') += static_cast<char>(c);
    else if (is(Letters::print, c) && (c == ' ' || !is(Letters::space, c)))
      out += encode({&c, 1});
    else
      out += hex_escape(c);
  }
  return out;
}

MarkedText repr_text(const Text& text) {
  MarkedText out = own_text(text.markup ? "Markup(" : "");
  out += quote(text);
  if (text.markup) out += ")";
  return out;
}

}  // namespace

MarkedText quote(const MarkedText& marked) {
  const std::string& text = marked.text;
  const char mark = text.contains('\'') && !text.contains('"') ? '"' : '\'';
  MarkedText out = own_text({mark});
  out += changed_by_runs(marked, [&](std::string_view piece) { return unquoted(piece, mark); });
  out += std::string_view(&mark, 1);
  return out;
}

MarkedText marked_repr(const Value& value) {
  charge_items(1);
  if (const Text* text = value.text()) return repr_text(*text);
  if (value.undefined() != nullptr) return own_text("Undefined");
  if (value.none()) return own_text("None");
  if (const bool* flag = value.boolean()) return own_text(*flag ? "True" : "False");
  if (const double* real = value.real()) return own_text(print_real(*real));
  if (const auto whole = value.integer()) return own_text(print_integer(*whole));
  Holding holding;
  MarkedText out = value.sequence() != nullptr ? repr_row(*value.sequence())
                   : value.dict() != nullptr   ? repr_dict(*value.dict())
                                               : own_text(value.native()->describe());
  holding.grow(out.bytes());
  return out;
}

MarkedText marked_str(const Value& value) {
  if (const Text* text = value.text()) return *text;
  return value.undefined() != nullptr ? MarkedText{} : marked_repr(value);
}

MarkedText to_json(const Value& value, const JsonForm& form) {
  JsonWriter writer(form);
  writer.write(value);
  return writer.take();
}

}  // namespace plimsoll::jinja
