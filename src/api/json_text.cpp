#include "api/json_text.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "api/problem.hpp"

namespace plimsoll::api {
namespace {

// Looks at the text before anything is made of it. Members of an ordered object are found by walking along them, so
// their number is bounded, too. (The library's own callback while parsing would walk along the whole list that an
// object is in whenever one ends.)
class Limits final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t place, const std::string& token, const nlohmann::detail::exception&) override {
    wrong_ = fmt::format("it goes wrong at byte {}, near '{}'", place,
                         token.size() > kShown ? token.substr(token.size() - kShown) : token);
    return false;
  }
  // Where it ends to be JSON; empty: nowhere.
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

  bool key(string_t&) override {
    if (++members_[depth_] > kMostMembers)
      throw bad_request(fmt::format("an object of the JSON has more than {} members", kMostMembers));
    return true;
  }

 private:
  static constexpr std::size_t kShown = 40;  // bytes

  bool open() {
    if (++depth_ > kDeepestJson)
      throw bad_request(fmt::format("the JSON is nested deeper than {} levels", kDeepestJson));
    members_[depth_] = 0;
    return true;
  }

  bool close() { return --depth_, true; }

  std::string wrong_;
  std::size_t depth_ = 0;
  std::array<int, kDeepestJson + 1> members_{};  // of the objects that are open now, by depth
};

// The number of an escape at the text's beginning, as \ud83d; empty: there is none.
std::optional<unsigned> escaped_unit(std::string_view text) {
  constexpr std::size_t kSize = 6;
  unsigned unit = 0;
  if (!text.starts_with("\\u") || text.size() < kSize) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + kSize, unit, 16);
  return error == std::errc() && end == text.data() + kSize ? std::optional(unit) : std::nullopt;
}

bool is_first_half(std::optional<unsigned> unit) { return unit && *unit >= 0xD800 && *unit < 0xDC00; }
bool is_second_half(std::optional<unsigned> unit) { return unit && *unit >= 0xDC00 && *unit < 0xE000; }

// Programs in JavaScript cut texts between the two halves of a character, and write each half as an escape. U+FFFD
// stands for one without the other. Empty: there is none.
std::optional<std::string> with_whole_characters(std::string_view text) {
  constexpr std::size_t kSize = 6;
  std::optional<std::string> out;
  for (std::size_t at = text.find('\\'); at < text.size(); at = text.find('\\', at)) {
    const std::optional<unsigned> unit = escaped_unit(text.substr(at));
    if (!unit) {
      at += 2;
    } else if (is_first_half(unit) && is_second_half(escaped_unit(text.substr(at + kSize)))) {
      at += 2 * kSize;
    } else {
      if (is_first_half(unit) || is_second_half(unit)) {
        if (!out) out.emplace(text);
        out->replace(at, kSize, "\\ufffd");
      }
      at += kSize;
    }
  }
  return out;
}

}  // namespace

Json parse_json(std::string_view text) {
  Limits limits;
  if (Json::sax_parse(text, &limits)) return Json::parse(text, nullptr, false);
  if (const auto whole = with_whole_characters(text)) return parse_json(*whole);
  // to_text() replaces what of a stranger's bytes is no UTF-8.
  throw bad_request(fmt::format("the body is not JSON: {}", text.empty() ? "it is empty" : limits.wrong()));
}

Json parse_object(std::string_view text) {
  Json json = parse_json(text);
  if (!json.is_object()) throw bad_request("the body must be a JSON object");
  return json;
}

std::optional<Json> json_inside(std::string_view text) {
  try {
    return parse_json(text);
  } catch (const Problem&) {
    return std::nullopt;
  }
}

std::string to_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace plimsoll::api
