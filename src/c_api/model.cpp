#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "base/utf8.hpp"
#include "plan/plan_json.hpp"

#include "allocations.hpp"
#include "call.hpp"
#include "model_options.hpp"
#include "objects.hpp"

using namespace plimsoll::c_api;

namespace {

using Json = nlohmann::ordered_json;

std::uint64_t taken_by(const plimsoll::Model& model) {
  plimsoll::Bytes sum;
  for (const plimsoll::plan::Entry& entry : model.taken()) {
    if (entry.charged) sum += entry.bytes;
  }
  return sum.value();
}

plimsoll_model_info info_of(const plimsoll::Model& model) {
  const plimsoll::ModelInfo info = model.info();
  const plimsoll::SealCounts seal = model.seal_counts();
  return {.size = 0,
          .n_layer = info.n_layer,
          .n_params = info.n_params,
          .n_vocab = info.n_vocab,
          .n_embd_inp = info.n_embd_inp,
          .n_ctx_train = info.n_ctx_train,
          .n_ctx = info.n_ctx,
          .n_ctx_seq = info.n_ctx_seq,
          .n_seq_max = info.n_seq_max,
          .has_vocabulary = info.has_vocabulary,
          .reserved = 0,
          .taken = taken_by(model),
          .allocations_after_seal = seal.allocations_after_seal,
          .refused_after_seal = seal.refused_after_seal};
}

Json json_of(const std::vector<plimsoll::plan::Entry>& entries) {
  Json list = Json::array();
  for (const plimsoll::plan::Entry& entry : entries) list.push_back(plimsoll::plan::to_json(entry));
  return list;
}

Json json_of(const plimsoll::Model& model) {
  const plimsoll::ModelInfo info = model.info();
  const plimsoll_model_info numbers = info_of(model);
  return {{"schema", "plimsoll.model/1"},
          {"name", plimsoll::as_utf8(model.name())},
          {"architecture", plimsoll::as_utf8(info.architecture)},
          {"description", plimsoll::as_utf8(info.description)},
          {"n_params", numbers.n_params},
          {"n_layer", numbers.n_layer},
          {"n_vocab", numbers.n_vocab},
          {"n_embd_inp", numbers.n_embd_inp},
          {"n_ctx_train", numbers.n_ctx_train},
          {"n_ctx", numbers.n_ctx},
          {"n_ctx_seq", numbers.n_ctx_seq},
          {"n_seq_max", numbers.n_seq_max},
          {"sound_rate", info.sound_rate},
          {"has_vocabulary", info.has_vocabulary},
          {"allocations_after_seal", numbers.allocations_after_seal},
          {"refused_after_seal", numbers.refused_after_seal},
          {"planned", json_of(model.planned())},
          {"taken", json_of(model.taken())}};
}

// The engine reads beyond its vocabulary otherwise.
std::span<const std::int32_t> tokens_of(const plimsoll::Model& model, const std::int32_t* tokens, std::uint64_t count) {
  const std::int32_t n_vocab = model.info().n_vocab;
  const std::span<const std::int32_t> out = list_of(tokens, count, "tokens");
  const auto wrong = std::ranges::find_if(out, [&](std::int32_t token) { return token < 0 || token >= n_vocab; });
  if (wrong != out.end())
    throw plimsoll::Error(plimsoll::ErrorCode::usage,
                          fmt::format("number {} of the tokens is {}, and the vocabulary has 0 to {}",
                                      wrong - out.begin(), *wrong, n_vocab - 1));
  return out;
}

}  // namespace

extern "C" {

plimsoll_error* plimsoll_model_open(plimsoll_runtime* runtime, const char* path, const plimsoll_model_options* options,
                                    plimsoll_model** model) {
  return emptying_call([&] {
    *place_of(model, "model") = nullptr;
    require_no_quiet_callback();
    const auto object = found(runtime);
    AskedModel asked = asked_model(path, options);
    *model = handle_of(std::make_shared<plimsoll_model>(asked.with(
        [&](const std::string& file, const plimsoll::ModelOptions& how) { return object->runtime.open(file, how); })));
  });
}

plimsoll_error* plimsoll_model_close(plimsoll_model* model) { return closed(model); }

plimsoll_error* plimsoll_model_info_get(plimsoll_model* model, plimsoll_model_info* info) {
  return call([&] { give_struct(info_of(found(model)->model), info, "plimsoll_model_info"); });
}

plimsoll_error* plimsoll_model_json(plimsoll_model* model, char** json) {
  return emptying_call([&] {
    *place_of(json, "JSON") = nullptr;
    require_no_quiet_callback();
    give_text(json_of(found(model)->model).dump(2), json);
  });
}

plimsoll_error* plimsoll_model_tokenize(plimsoll_model* model, const char* text, int64_t length,
                                        plimsoll_bool with_begin_token, int32_t** tokens, uint64_t* count) {
  return reading([&] {
    *place_of(tokens, "tokens") = nullptr;
    *place_of(count, "count") = 0;
    require_closing_allowed();
    const Read of(model);
    give_tokens(of->model.tokenize(text_of(text, length, "text"), with_begin_token != 0), tokens, count);
  });
}

plimsoll_error* plimsoll_model_text_of(plimsoll_model* model, const int32_t* tokens, uint64_t count,
                                       plimsoll_bool control_tokens, char** text, uint64_t* length) {
  return reading([&] {
    *place_of(text, "text") = nullptr;
    if (length != nullptr) *length = 0;
    require_closing_allowed();
    const Read of(model);
    give_text(of->model.text_of(tokens_of(of->model, tokens, count), control_tokens != 0), text, length);
  });
}

}  // extern "C"
