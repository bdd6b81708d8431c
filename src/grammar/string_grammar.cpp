#include <fmt/format.h>

#include <algorithm>

#include "grammar/formats.hpp"
#include "pattern_grammar.hpp"
#include "schema_reader.hpp"

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

class StringGrammar {
 public:
  StringGrammar(SchemaReader& reader, const Json& schema, const std::string& pointer)
      : reader_(reader), rules_(reader.rules()), schema_(schema), pointer_(pointer) {
    least_ = schema.value("minLength", std::uint64_t{0});
    if (schema.contains("maxLength")) most_ = schema["maxLength"].get<std::uint64_t>();
  }

  std::string make() {
    if (most_ && *most_ < least_) throw NothingAllowed(pointer_, "allows nothing: maxLength is below minLength");
    // One of these is what the grammar holds; the others are checked.
    std::string content;
    for (const char* key : {"pattern", "format", "contentEncoding"}) {
      if (!schema_.contains(key)) continue;
      if (content.empty())
        content = of_pattern(key);
      else
        reader_.notes().unchecked(pointer_, key, "it stands beside a pattern");
    }
    if (content.empty()) content = of_length();
    if (content.empty()) return rules_.json("string");
    return content == R"("")" ? R"("\"\"")" : R"("\"" )" + content + R"( "\"")";
  }

 private:
  [[nodiscard]] std::string pattern_of(const std::string& key) const {
    const auto text = schema_[key].get<std::string>();
    return key == "pattern" ? text : key == "format" ? pattern_of_format(text) : pattern_of_encoding(text);
  }

  // Empty: it is noted, and something else is to be held.
  std::string of_pattern(const std::string& key) {
    const auto made = read_pattern(key);
    if (!made) return "";
    if (!made->left_out.empty()) reader_.notes().unchecked(pointer_, key, made->left_out);
    return within_length(*made);
  }

  std::optional<PatternGrammar> read_pattern(const std::string& key) {
    try {
      return json_pattern(rules_, pattern_of(key));
    } catch (const Error& error) {
      if (error.code() == ErrorCode::unsupported)
        reader_.notes().unchecked(pointer_, key, error.what());
      else
        reader_.notes().wrong(pointer_, key, fmt::format("has a malformed pattern: {}", error.what()));
      return std::nullopt;
    }
  }

  std::string within_length(const PatternGrammar& made) {
    if (least_ == 0 && !most_) return made.gbnf;
    if (!made.unit.empty()) {  // a set of characters, so often as both allow
      const std::uint64_t least = std::max(least_, made.least);
      const auto most = !most_ ? made.most : !made.most ? most_ : std::optional(std::min(*most_, *made.most));
      if (most && *most < least) throw NothingAllowed(pointer_, "allows nothing: its pattern and its length differ");
      return rules_.repeated(made.unit, least, most);
    }
    if (made.least < least_) reader_.notes().unchecked(pointer_, "minLength", "it stands beside a pattern or format");
    if (most_ && (!made.most || *made.most > *most_))
      reader_.notes().unchecked(pointer_, "maxLength", "it stands beside a pattern or format");
    return made.gbnf;
  }

  std::string of_length() {
    if (least_ == 0 && !most_) return "";
    try {
      return rules_.repeated(rules_.json("char"), least_, most_);
    } catch (const Error& error) {
      for (const char* key : {"minLength", "maxLength"}) {
        if (schema_.contains(key)) reader_.notes().unchecked(pointer_, key, error.what());
      }
      return "";
    }
  }

  SchemaReader& reader_;
  GbnfRules& rules_;
  const Json& schema_;
  const std::string& pointer_;
  std::uint64_t least_ = 0;
  std::optional<std::uint64_t> most_;
};

}  // namespace

std::string string_grammar(SchemaReader& reader, const Json& schema, const std::string& pointer) {
  return StringGrammar(reader, schema, pointer).make();
}

}  // namespace plimsoll::grammar
