#include "quantize_json.hpp"

#include "base/json_fields.hpp"

template <>
struct nlohmann::adl_serializer<decltype(plimsoll::quantize::MetadataOverride::value)> {
  using Value = decltype(plimsoll::quantize::MetadataOverride::value);
  static void to_json(auto& json, const Value& value) {
    std::visit([&](const auto& one) { json = one; }, value);
  }
  static void from_json(const auto& json, Value& value) {
    if (json.is_boolean()) {
      value = json.template get<bool>();
    } else if (json.is_number_integer()) {
      value = json.template get<std::int64_t>();
    } else if (json.is_number()) {
      value = json.template get<double>();
    } else {
      value = json.template get<std::string>();
    }
  }
};

namespace plimsoll {

template <>
struct JsonFields<quantize::TensorTypeOverride> {
  static void visit(auto& visit, auto& tensors) { visit.whole(tensors.pattern, tensors.type); }
};

template <>
struct JsonFields<quantize::MetadataOverride> {
  static void visit(auto& visit, auto& entry) { visit.whole(entry.key, entry.value); }
};

template <>
struct JsonFields<quantize::Request> {
  static void visit(auto& visit, auto& request) {
    visit("input", request.input);
    visit("output", request.output);
    visit("type", request.type);
    visit("n_threads", request.n_threads);
    visit("only_copy", request.only_copy);
    visit("allow_requantize", request.allow_requantize);
    visit("quantize_output_tensor", request.quantize_output_tensor);
    visit("pure", request.pure);
    visit("keep_split", request.keep_split);
    visit("dry_run", request.dry_run);
    visit("output_tensor_type", request.output_tensor_type);
    visit("token_embedding_type", request.token_embedding_type);
    visit("tensor_types", request.tensor_types);
    visit("imatrix", request.imatrix);
    visit("prune_layers", request.prune_layers);
    visit("metadata", request.metadata);
    visit("max_buffer", request.max_buffer);
  }
};

template <>
struct JsonFields<quantize::Result> {
  static void visit(auto& visit, auto& result) {
    visit("before", result.before);
    visit("after", result.after);
    visit("tensors", result.tensors);
    visit("fallbacks", result.fallbacks);
    visit("requires_imatrix", result.requires_imatrix);
  }
};

namespace quantize {

nlohmann::json to_json(const Request& request) { return request; }
Request request_from_json(const nlohmann::json& json) { return json.get<Request>(); }
nlohmann::json to_json(const Result& result) { return result; }
Result result_from_json(const nlohmann::json& json) { return json.get<Result>(); }

}  // namespace quantize
}  // namespace plimsoll
