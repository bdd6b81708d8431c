// LM Studio's own /api/v1/chat: what is said is an input, what was said before is an earlier answer's id, and a stream
// is named events. It is read as a request of /v1/responses, which has the same under other names.
#include <fmt/format.h>

#include <array>
#include <utility>

#include "api/dialect.hpp"

#include "api/fields.hpp"
#include "lm_studio_writer.hpp"

namespace plimsoll::api {
namespace {

// In other APIs' words as well, where they are not its own.
constexpr std::array kSameNames{"model",
                                "temperature",
                                "top_p",
                                "top_k",
                                "min_p",
                                "repeat_penalty",
                                "max_output_tokens",
                                "reasoning",
                                "presence_penalty",
                                "frequency_penalty",
                                "seed",
                                "stop",
                                "ttl",
                                "keep_alive",
                                "id_slot",
                                "priority",
                                "stream",
                                "sse_ping_interval"};

Json part_of(Fields& item) {
  const std::string type = item.need_text("type");
  if (type == "message" || type == "text") return {{"type", "input_text"}, {"text", item.need_text("content")}};
  if (type != "image") item.fail("type", "must be 'message', 'text' or 'image'");
  return {{"type", "input_image"}, {"image_url", item.need_text("data_url")}};
}

// What has no role is a part of what the user says; the others are of earlier requests and answers.
Json items_of(const Json& input) {
  if (!input.is_array()) return input;
  Json out = Json::array();
  bool takes_parts = false;
  for (std::size_t i = 0; i < input.size(); ++i) {
    const Json& given = input[i];
    const bool is_whole = given.is_object() && (given.contains("role") || given.value("type", Json()) == "reasoning");
    if (is_whole) {
      out.push_back(given);
      takes_parts = false;
      continue;
    }
    Fields item(given, fmt::format("input[{}]", i));
    if (!std::exchange(takes_parts, true)) out.push_back({{"role", "user"}, {"content", Json::array()}});
    out.back()["content"].push_back(part_of(item));
    item.pass_over_unknown();
  }
  return out;
}

Json as_responses(Fields& fields) {
  Json out = Json::object();
  for (const char* key : kSameNames) {
    if (const Json* given = fields.find(key)) out[key] = *given;
  }
  if (const auto system = fields.text("system_prompt"); system && !system->empty()) out["instructions"] = *system;
  out["input"] = items_of(fields.need("input"));
  return out;
}

}  // namespace

Asked read_lm_studio_chat(const Json& body) {
  Fields fields(body);
  Asked asked = read_response(as_responses(fields));
  (void)fields.text("previous_response_id");  // what it stands for is in the input already
  fields.refuse("integrations", "no tools are run here; /v1/chat/completions and /v1/responses take tools");
  fields.pass_over("context_length", "it is planned before a model is loaded");
  const bool is_stored = fields.flag("store").value_or(true);
  fields.pass_over_unknown();
  asked.request.tells_progress = asked.request.stream;
  asked.writer = lm_studio_writer(is_stored);
  return asked;
}

}  // namespace plimsoll::api
