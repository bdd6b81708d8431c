#include "number_grammar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "schema_reader.hpp"
#include "schema_values.hpp"

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;
using Bound = std::optional<NumberBound>;

constexpr std::int64_t kSixteenDigits = 9'999'999'999'999'999;
constexpr double kLargestNumber = 4.6e18;  // below 2^62
constexpr std::int64_t kMostListed = 512;

std::int64_t as_whole(double value) {
  return static_cast<std::int64_t>(std::clamp(value, -kLargestNumber, kLargestNumber));
}

// The exact value where it is written as an integer: a double would round it.
std::int64_t exact(const Json& schema, const char* closed, const char* open, double value, double rounded) {
  for (const char* key : {closed, open}) {
    const auto found = schema.find(key);
    if (found == schema.end() || !found->is_number_integer() || found->get<double>() != value) continue;
    if (found->is_number_unsigned() && found->get<std::uint64_t>() > (std::uint64_t{1} << 62U)) continue;
    return std::clamp<std::int64_t>(found->get<std::int64_t>(), -(std::int64_t{1} << 62U), std::int64_t{1} << 62U);
  }
  return as_whole(rounded);
}

Sign sign_of(const Bound& least, const Bound& most) {
  if (least && least->value == 0) return least->open ? Sign::positive : Sign::not_negative;
  if (most && most->value == 0) return most->open ? Sign::negative : Sign::not_positive;
  return Sign::any;
}

// The bounds say no more than a sign.
bool is_of_a_sign(const Bound& least, const Bound& most) {
  return (!least || least->value == 0) && (!most || most->value == 0) && !(least && most);
}

class NumberGrammar {
 public:
  NumberGrammar(SchemaReader& reader, const Json& schema, const std::string& pointer)
      : reader_(reader), schema_(schema), pointer_(pointer), least_(least_of(schema)), most_(most_of(schema)) {
    if (schema.contains("multipleOf")) step_ = schema["multipleOf"].get<double>();
  }

  std::string integer() {
    // Of a step below 1 every integer is a multiple, or it is a number's affair.
    if (step_ && *step_ < 1) {
      if (std::abs(1 / *step_ - std::round(1 / *step_)) > 1e-9)
        note_step("an integer whose step is not a whole number");
      step_.reset();
    } else if (step_ && *step_ != std::floor(*step_)) {
      note_step("an integer whose step is not a whole number");
      step_.reset();
    }
    if (!step_) return within();
    if (std::string multiples = whole_multiples(); !multiples.empty()) return multiples;
    note_step("a grammar cannot hold to it and to the bounds");
    return within();
  }

  std::string number() {
    if (!step_) return decimals(16);
    if (const auto places = places_of(*step_); places && (*places > 0 || least_ || most_)) {
      if (!is_of_a_sign(least_, most_)) return *places > 0 ? decimals(*places) : within();
    }
    if (is_of_a_sign(least_, most_)) {
      std::string multiples = gbnf_decimal_multiples(reader_.rules(), *step_, sign_of(least_, most_));
      if (!multiples.empty()) return multiples;
    } else if (*step_ == std::floor(*step_)) {
      if (std::string multiples = whole_multiples(); !multiples.empty()) return multiples;
    }
    note_step("a grammar cannot hold to it and to the bounds");
    return decimals(16);
  }

 private:
  // Fractions are not checked, since they are not exact.
  void note_step(const char* why) {
    if (step_ && *step_ == std::floor(*step_))
      reader_.notes().unchecked(pointer_, "multipleOf", why);
    else
      reader_.notes().loosened(pointer_, "multipleOf", why);
  }

  [[nodiscard]] std::optional<std::int64_t> first() const {
    if (!least_) return std::nullopt;
    const double up = std::ceil(least_->value);
    const std::int64_t value = exact(schema_, "minimum", "exclusiveMinimum", least_->value, up);
    return least_->open && up == least_->value ? value + 1 : value;
  }
  [[nodiscard]] std::optional<std::int64_t> last() const {
    if (!most_) return std::nullopt;
    const double down = std::floor(most_->value);
    const std::int64_t value = exact(schema_, "maximum", "exclusiveMaximum", most_->value, down);
    return most_->open && down == most_->value ? value - 1 : value;
  }

  // Integers.
  std::string within() const {
    const auto from_bound = first();
    const auto to_bound = last();
    if (!from_bound && !to_bound) return reader_.rules().json("integer");
    const std::int64_t from = from_bound.value_or(std::min(-kSixteenDigits, to_bound.value_or(0)));
    const std::int64_t to = to_bound.value_or(std::max(kSixteenDigits, from));
    if (from > to)
      throw NothingAllowed(pointer_, fmt::format("allows nothing: there is no integer from {} to {}", from, to));
    return gbnf_integers(from, to);
  }

  std::string whole_multiples() {
    const auto step = static_cast<std::int64_t>(std::min(*step_, kLargestNumber));
    const auto from = first();
    const auto to = last();
    if (from && to && (*to / step) - (*from / step) <= kMostListed) {
      std::vector<std::string> each;
      for (std::int64_t k = *from / step - 1; k <= *to / step + 1; ++k) {
        if (k * step >= *from && k * step <= *to) each.push_back(fmt::format("\"{}\"", k * step));
      }
      if (each.empty()) throw NothingAllowed(pointer_, "allows nothing: no multiple lies between its bounds");
      return gbnf_any_of(each);
    }
    if (!is_of_a_sign(least_, most_)) return "";
    return gbnf_multiples(reader_.rules(), static_cast<std::uint64_t>(step), sign_of(least_, most_));
  }

  std::string decimals(std::size_t places) {
    if (!least_ && !most_ && places == 16) return reader_.rules().json("number");
    std::string made = gbnf_decimals(least_, most_, places);
    if (made.empty()) throw NothingAllowed(pointer_, "allows nothing: no number of 16 digits lies between its bounds");
    return made;
  }

  SchemaReader& reader_;
  const Json& schema_;
  const std::string& pointer_;
  Bound least_;
  Bound most_;
  std::optional<double> step_;
};

}  // namespace

std::string number_grammar(SchemaReader& reader, const Json& schema, const std::string& pointer, bool integer) {
  NumberGrammar grammar(reader, schema, pointer);
  return reader.rules().named("range", integer ? grammar.integer() : grammar.number());  // places may share it
}

}  // namespace plimsoll::grammar
