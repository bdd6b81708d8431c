#include "api/json_heap.hpp"

#include "api/json_text.hpp"

namespace plimsoll::api {
namespace {

// A value in a list that has grown by doubling; what a list or an object is besides; a member's name and its place.
constexpr std::size_t kValue = 24;
constexpr std::size_t kContainer = 48;
constexpr std::size_t kText = 48;
constexpr std::size_t kName = 48;

class Counter final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return add(kValue); }
  bool boolean(bool) override { return add(kValue); }
  bool number_integer(number_integer_t) override { return add(kValue); }
  bool number_unsigned(number_unsigned_t) override { return add(kValue); }
  bool number_float(number_float_t, const string_t&) override { return add(kValue); }
  bool string(string_t&) override { return add(kValue + kText); }
  bool binary(binary_t&) override { return add(kValue); }
  bool start_object(std::size_t) override { return add(kValue + kContainer); }
  bool key(string_t&) override { return add(kName); }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return add(kValue + kContainer); }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }
  [[nodiscard]] Bytes sum() const { return Bytes{sum_}; }

 private:
  bool add(std::size_t bytes) { return sum_ += bytes, true; }

  std::size_t sum_ = 0;
};

}  // namespace

Bytes heap_of_values(std::string_view json) {
  Counter counter;
  (void)Json::sax_parse(json, &counter);
  return counter.sum();
}

}  // namespace plimsoll::api
