#include "schema_check.hpp"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json-schema.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "api/problem.hpp"
#include "grammar/formats.hpp"

#include "bounded_pattern.hpp"
#include "draft7_schema.hpp"
#include "schema_cost.hpp"

namespace plimsoll::api {
namespace {

using Kind = SchemaVerdict::Kind;

constexpr std::size_t kLongestSentence = 300;

// A pattern that took too long stands for a match, and leaves the whole undecided.
class Formats {
 public:
  void check(const std::string& word, const std::string& text) {
    const std::optional<bool> matches = pattern(word).matches(text);
    if (!matches)
      undecided_ = fmt::format("the {} takes too long to check", word);
    else if (!*matches)
      throw std::invalid_argument(fmt::format("it does not match the {}", word));
  }
  [[nodiscard]] std::string take_undecided() { return std::exchange(undecided_, {}); }

 private:
  const BoundedPattern& pattern(const std::string& word) {
    const auto known = patterns_.find(word);
    if (known != patterns_.end()) return known->second;
    const std::string name = word.substr(word.find(' ') + 1);
    const std::string& given = word.starts_with(kPatternWord)  ? name
                               : word.starts_with(kFormatWord) ? grammar::pattern_of_format(name)
                                                               : grammar::pattern_of_encoding(name);
    try {
      return patterns_.emplace(word, BoundedPattern(given)).first->second;
    } catch (const Error& error) {
      undecided_ = fmt::format("the {}: {}", word, error.what());
      return patterns_.emplace(word, BoundedPattern("")).first->second;
    }
  }

  std::map<std::string, BoundedPattern> patterns_;
  std::string undecided_;
};

class FirstError final : public nlohmann::json_schema::error_handler {
 public:
  void error(const nlohmann::json::json_pointer& at, const nlohmann::json&, const std::string& message) override {
    if (sentence.empty()) sentence = fmt::format("at '{}': {}", at.to_string(), message);
  }
  std::string sentence;
};

}  // namespace

class SchemaCheck::Impl {
 public:
  explicit Impl(const Json& schema)
      : validator_(nullptr, [this](const std::string& word, const std::string& text) { formats_.check(word, text); }) {
    try {
      schema_ = draft7_schema(schema);
      validator_.set_root_schema(schema_);
    } catch (const std::exception& error) {
      unreadable_ = error.what();
    }
  }

  SchemaVerdict check(const std::string& json) {
    if (!unreadable_.empty()) return undecided("the schema cannot be read: " + unreadable_);
    if (!nlohmann::json::accept(json)) return {Kind::invalid, "it is not complete JSON"};
    nlohmann::json value;
    try {
      value = nlohmann::json(parse_object(fmt::format(R"({{"value":{}}})", json))["value"]);
    } catch (const Problem&) {
      return undecided("it is nested too deep, or has too many members");
    }
    if (!is_affordable(schema_, value)) return undecided("it would take too long to check");
    FirstError error;
    try {
      (void)validator_.validate(value, error);
    } catch (const std::exception& failure) {
      return undecided(failure.what());
    }
    const std::string why_not = formats_.take_undecided();
    if (!error.sentence.empty()) return {Kind::invalid, short_of(error.sentence)};
    return why_not.empty() ? SchemaVerdict{Kind::valid, ""} : undecided(why_not);
  }

 private:
  static std::string short_of(std::string sentence) {
    if (sentence.size() > kLongestSentence) {
      sentence.resize(kLongestSentence);
      while (!sentence.empty() && (static_cast<unsigned char>(sentence.back()) & 0xC0U) == 0x80U) sentence.pop_back();
      if (!sentence.empty() && static_cast<unsigned char>(sentence.back()) >= 0x80U) sentence.pop_back();
      sentence += "...";
    }
    return sentence;
  }
  static SchemaVerdict undecided(const std::string& why) { return {Kind::undecided, short_of(why)}; }

  nlohmann::json schema_;
  Formats formats_;
  nlohmann::json_schema::json_validator validator_;
  std::string unreadable_;
};

SchemaCheck::SchemaCheck(const Json& schema) : impl_(std::make_unique<Impl>(schema)) {}
SchemaCheck::~SchemaCheck() = default;
SchemaCheck::SchemaCheck(SchemaCheck&&) noexcept = default;
SchemaCheck& SchemaCheck::operator=(SchemaCheck&&) noexcept = default;

SchemaVerdict SchemaCheck::check(const std::string& json) const { return impl_->check(json); }

}  // namespace plimsoll::api
