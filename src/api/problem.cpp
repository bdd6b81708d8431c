#include "api/problem.hpp"

#include <fmt/format.h>

#include "api/json_text.hpp"

namespace plimsoll::api {
namespace {

// What is quoted may have a NUL in it, at which a sentence would end.
std::string without_nul(const std::string& message) {
  std::string out;
  for (const char c : message) out += c == '\0' ? std::string("\\0") : std::string(1, c);
  return out;
}

}  // namespace

Problem::Problem(int status, std::string code, const std::string& message)
    : std::runtime_error(without_nul(message)), status_(status), code_(std::move(code)) {}

int http_status(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::usage:
    case ErrorCode::unsupported:
    case ErrorCode::context_overflow:
      return 400;
    case ErrorCode::cancelled:
      return 499;
    case ErrorCode::busy:
      return 503;
    case ErrorCode::over_budget:
    case ErrorCode::out_of_device_memory:
      return 507;
    case ErrorCode::model_unusable:
    case ErrorCode::sealed:
    case ErrorCode::io:
    case ErrorCode::engine_failed:
    case ErrorCode::model_crashed:
    case ErrorCode::arithmetic:
    case ErrorCode::internal:
      break;
  }
  return 500;
}

namespace {

constexpr const char* kTooLong = "context_length_exceeded";

// What clients know this by; else our own stable spelling.
std::string code_for_clients(ErrorCode code) {
  if (code == ErrorCode::context_overflow) return kTooLong;
  return std::string(to_string(code));
}

const char* openai_type(int status) {
  if (status == 401) return "authentication_error";
  if (status == 403) return "permission_error";
  if (status == 429) return "rate_limit_error";
  if (status == 503) return "service_unavailable_error";
  if (status == 507) return "insufficient_memory_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

const char* anthropic_type(int status) {
  if (status == 401) return "authentication_error";
  if (status == 403) return "permission_error";
  if (status == 404) return "not_found_error";
  if (status == 413) return "request_too_large";
  if (status == 429) return "rate_limit_error";
  if (status == 503) return "overloaded_error";
  return status < 500 ? "invalid_request_error" : "api_error";
}

const char* lm_studio_type(const Problem& problem) {
  for (const char* own : {"model_not_found", "job_not_found"})
    if (problem.code() == own) return own;
  if (problem.status() == 501) return "not_implemented";
  return problem.status() < 500 ? "invalid_request" : "internal_error";
}

nlohmann::ordered_json null_or(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(text);
}

}  // namespace

Problem problem_of(const Error& error) {
  Problem problem(http_status(error.code()), code_for_clients(error.code()), error.what());
  if (!error.numbers().empty()) {
    nlohmann::ordered_json numbers = nlohmann::ordered_json::object();
    for (const auto& [name, value] : error.numbers()) numbers[name] = value;
    problem.with("numbers", std::move(numbers));
  }
  return problem;
}

Problem problem_of(const std::exception& error) {
  if (const auto* problem = dynamic_cast<const Problem*>(&error)) return *problem;
  if (const auto* ours = dynamic_cast<const Error*>(&error)) return problem_of(*ours);
  return {500, "internal", "an internal error"};
}

Problem bad_request(const std::string& message) { return {400, "invalid_request", message}; }

Problem no_such_model(const std::string& model) {
  return Problem(404, "model_not_found",
                 fmt::format("there is no model '{}' here; GET /v1/models lists those there are", model))
      .at("model")
      .about(model);
}

namespace {

// llama-server's way to say that a prompt is too long: its clients shorten it by these numbers.
void add_context_size(Json& error, const Problem& problem) {
  if (problem.code() != kTooLong) return;
  error["type"] = "exceed_context_size_error";
  const Json numbers = problem.details().value("numbers", Json::object());
  if (!numbers.contains("needed") || !numbers.contains("available")) return;
  error["n_prompt_tokens"] = numbers.value("prompt", numbers["needed"]);
  error["n_ctx"] = numbers["available"];
}

}  // namespace

Json error_body(const Problem& problem, ErrorShape shape) {
  if (shape == ErrorShape::plimsoll) {
    Json body{{"schema", "plimsoll.error/1"}, {"code", problem.code()}, {"message", problem.what()}};
    if (!problem.field().empty()) body["field"] = problem.field();
    body.update(problem.details());
    return body;
  }
  if (shape == ErrorShape::ollama) {
    if (problem.code() != "model_not_found") return {{"error", problem.what()}};
    return {{"error", fmt::format("model '{}' not found", problem.subject())}};  // clients look for these words
  }
  Json error;
  if (shape == ErrorShape::openai || shape == ErrorShape::lm_studio) {
    error = {{"message", problem.what()},
             {"type", shape == ErrorShape::openai ? openai_type(problem.status()) : lm_studio_type(problem)},
             {"param", null_or(problem.field())},
             {"code", problem.code()}};
    add_context_size(error, problem);
    error.update(problem.details());
    return {{"error", std::move(error)}};
  }
  error = {{"type", anthropic_type(problem.status())}, {"message", problem.what()}};
  error.update(problem.details());
  return {{"type", "error"}, {"error", std::move(error)}};
}

}  // namespace plimsoll::api
