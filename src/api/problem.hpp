// Problem: a request that is answered with an error, as a value: HTTP status, stable code, a sentence, the numbers.
#pragma once
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>

namespace plimsoll::api {

// Thrown while a request is read; made of an Error where one ends the work.
class Problem : public std::runtime_error {
 public:
  Problem(int status, std::string code, const std::string& message);

  // `field`: the one that is to blame, as a path: "messages[2].content".
  Problem& at(std::string field) { return field_ = std::move(field), *this; }
  Problem& retry_after(std::chrono::seconds time) { return retry_after_ = time, *this; }
  // What it is about: the name of the model that is not there.
  Problem& about(std::string subject) { return subject_ = std::move(subject), *this; }
  // More about it, as members beside the sentence: a refused plan's numbers.
  Problem& with(std::string key, nlohmann::ordered_json value) {
    return details_[std::move(key)] = std::move(value), *this;
  }

  [[nodiscard]] int status() const noexcept { return status_; }
  [[nodiscard]] const std::string& code() const noexcept { return code_; }
  [[nodiscard]] const std::string& field() const noexcept { return field_; }
  [[nodiscard]] const std::string& subject() const noexcept { return subject_; }
  [[nodiscard]] std::optional<std::chrono::seconds> retry_after() const noexcept { return retry_after_; }
  [[nodiscard]] const nlohmann::ordered_json& details() const noexcept { return details_; }

 private:
  int status_;
  std::string code_;
  std::string field_;
  std::string subject_;
  std::optional<std::chrono::seconds> retry_after_;
  nlohmann::ordered_json details_ = nlohmann::ordered_json::object();
};

// The one table of error codes and HTTP statuses. 499 is for a client that went away: nobody reads it but the log.
[[nodiscard]] int http_status(ErrorCode code) noexcept;
[[nodiscard]] Problem problem_of(const Error& error);
// Whatever was thrown. What is neither Problem nor Error is a 500 without its text, which is not written for clients.
[[nodiscard]] Problem problem_of(const std::exception& error);

[[nodiscard]] Problem bad_request(const std::string& message);
[[nodiscard]] Problem no_such_model(const std::string& model);

// How an API writes its errors.
enum class ErrorShape {
  openai,     // {"error": {"message", "type", "param", "code"}}
  anthropic,  // {"type": "error", "error": {"type", "message"}}
  plimsoll,   // plimsoll.error/1, as on the command line
  ollama,     // {"error": "a sentence"}
  lm_studio,  // as openai, with other types
};
// Details and numbers are members of the error object, whatever the shape.
[[nodiscard]] nlohmann::ordered_json error_body(const Problem& problem, ErrorShape shape);

}  // namespace plimsoll::api
