#include "worker/rpc_errors.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error_names.hpp"

namespace plimsoll::worker {
namespace {

using Json = nlohmann::ordered_json;

// What the library puts in front of a description is dropped.
constexpr std::string_view kMark = "plimsoll:";

}  // namespace

std::string text_of(const Error& error) {
  Json numbers = Json::array();
  for (const auto& [name, value] : error.numbers()) numbers.push_back({name, value});
  const Json json{{"code", to_string(error.code())}, {"message", error.what()}, {"numbers", numbers}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Error error_from(const std::string& text) {
  const Json json = Json::parse(text);
  Error::Numbers numbers;
  for (const Json& pair : json.at("numbers")) numbers.emplace_back(pair.at(0), pair.at(1));
  return {error_code_from(json.at("code").get<std::string>()), json.at("message").get<std::string>(),
          std::move(numbers)};
}

kj::Exception to_rpc(const Error& error) {
  return {kj::Exception::Type::FAILED, __FILE__, __LINE__,
          kj::heapString((std::string(kMark) + text_of(error)).c_str())};
}

kj::Exception current_failure_for_rpc() {
  try {
    throw;
  } catch (const Error& error) {
    return to_rpc(error);
  } catch (const std::exception& error) {
    return to_rpc({ErrorCode::internal, error.what()});
  } catch (const kj::Exception& error) {  // which is none of the standard's where it was made by hand
    return to_rpc({ErrorCode::internal, error.getDescription().cStr()});
  } catch (...) {
    return to_rpc({ErrorCode::internal, "something was thrown that is no exception"});
  }
}

void throw_from_rpc(const kj::Exception& failure) {
  if (failure.getType() == kj::Exception::Type::DISCONNECTED) throw WorkerGone();
  const std::string text = failure.getDescription().cStr();
  const std::size_t mark = text.find(kMark);
  if (mark == std::string::npos)
    throw Error(ErrorCode::internal, fmt::format("a call to the process of a model failed: {}", text));
  throw error_from(text.substr(mark + kMark.size()));
}

}  // namespace plimsoll::worker
