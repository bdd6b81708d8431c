#include "quantize_json.hpp"

namespace plimsoll::quantize {
namespace {

using Json = nlohmann::json;

Json optional_type(const std::optional<ggml_type>& type) {
  return type ? Json(static_cast<int>(*type)) : Json(nullptr);
}

std::optional<ggml_type> optional_type(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional(static_cast<ggml_type>(json.get<int>()));
}

Json value_json(const MetadataOverride& entry) {
  return std::visit([](const auto& value) { return Json(value); }, entry.value);
}

MetadataOverride entry_from(const Json& json) {
  MetadataOverride entry{.key = json.at(0), .value = {}};
  const Json& value = json.at(1);
  if (value.is_boolean()) {
    entry.value = value.get<bool>();
  } else if (value.is_number_integer()) {
    entry.value = value.get<std::int64_t>();
  } else if (value.is_number()) {
    entry.value = value.get<double>();
  } else {
    entry.value = value.get<std::string>();
  }
  return entry;
}

}  // namespace

Json to_json(const Request& request) {
  Json tensor_types = Json::array();
  for (const auto& [pattern, type] : request.tensor_types) tensor_types.push_back({pattern, static_cast<int>(type)});
  Json metadata = Json::array();
  for (const MetadataOverride& entry : request.metadata)
    metadata.push_back(Json::array({entry.key, value_json(entry)}));
  return {{"input", request.input},
          {"output", request.output},
          {"type", static_cast<int>(request.type)},
          {"n_threads", request.n_threads},
          {"only_copy", request.only_copy},
          {"allow_requantize", request.allow_requantize},
          {"quantize_output_tensor", request.quantize_output_tensor},
          {"pure", request.pure},
          {"keep_split", request.keep_split},
          {"dry_run", request.dry_run},
          {"output_tensor_type", optional_type(request.output_tensor_type)},
          {"token_embedding_type", optional_type(request.token_embedding_type)},
          {"tensor_types", tensor_types},
          {"imatrix", request.imatrix},
          {"prune_layers", request.prune_layers},
          {"metadata", metadata},
          {"max_buffer", request.max_buffer.value()}};
}

Request request_from_json(const Json& json) {
  Request request;
  json.at("input").get_to(request.input);
  json.at("output").get_to(request.output);
  request.type = static_cast<llama_ftype>(json.at("type").get<int>());
  json.at("n_threads").get_to(request.n_threads);
  json.at("only_copy").get_to(request.only_copy);
  json.at("allow_requantize").get_to(request.allow_requantize);
  json.at("quantize_output_tensor").get_to(request.quantize_output_tensor);
  json.at("pure").get_to(request.pure);
  json.at("keep_split").get_to(request.keep_split);
  json.at("dry_run").get_to(request.dry_run);
  request.output_tensor_type = optional_type(json.at("output_tensor_type"));
  request.token_embedding_type = optional_type(json.at("token_embedding_type"));
  for (const Json& pair : json.at("tensor_types")) {
    request.tensor_types.push_back({.pattern = pair.at(0), .type = static_cast<ggml_type>(pair.at(1).get<int>())});
  }
  json.at("imatrix").get_to(request.imatrix);
  json.at("prune_layers").get_to(request.prune_layers);
  for (const Json& pair : json.at("metadata")) request.metadata.push_back(entry_from(pair));
  request.max_buffer = Bytes{json.at("max_buffer").get<std::uint64_t>()};
  return request;
}

}  // namespace plimsoll::quantize
