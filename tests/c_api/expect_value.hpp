// expect_value: what a call returned: nothing, or an error of a code, whose sentence has these words; it is freed.
#pragma once
#include <gtest/gtest.h>

#include <plimsoll.h>

#include <string>

namespace plimsoll::test {

struct SeenError {
  plimsoll_code code;
  std::string name;
  std::string message;
  std::string numbers;
};

// As it was, and freed.
[[nodiscard]] inline SeenError seen(plimsoll_error* error) {
  const SeenError out{plimsoll_error_code(error), plimsoll_error_name(error), plimsoll_error_message(error),
                      plimsoll_error_numbers(error)};
  plimsoll_error_free(error);
  return out;
}

inline void expect_ok(plimsoll_error* error) {
  const SeenError is = seen(error);
  EXPECT_EQ(is.code, PLIMSOLL_OK) << is.message;
}

inline void expect_code(plimsoll_code code, const std::string& words, plimsoll_error* error) {
  const SeenError is = seen(error);
  EXPECT_EQ(is.code, code) << is.message;
  EXPECT_NE(is.message.find(words), std::string::npos) << is.message << "\nhas no: " << words;
}

[[nodiscard]] inline plimsoll_stop* new_stop() {
  plimsoll_stop* stop = nullptr;
  expect_ok(plimsoll_stop_create(&stop));
  return stop;
}

// A text that the library gave out; freed.
[[nodiscard]] inline std::string taken(char* text) {
  std::string out = text == nullptr ? "" : text;
  expect_ok(plimsoll_free(text));
  return out;
}

}  // namespace plimsoll::test
