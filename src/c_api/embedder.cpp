#include <fmt/format.h>

#include "call.hpp"
#include "model_options.hpp"
#include "vectors.hpp"

using namespace plimsoll::c_api;

namespace {

plimsoll::engine::Pooling pooling_of(std::int32_t pooling) {
  static_assert(static_cast<int>(plimsoll::engine::Pooling::last) == PLIMSOLL_POOLING_LAST);
  if (pooling < PLIMSOLL_POOLING_UNSPECIFIED || pooling > PLIMSOLL_POOLING_LAST)
    throw plimsoll::Error(plimsoll::ErrorCode::usage, fmt::format("there is no pooling {}", pooling));
  return static_cast<plimsoll::engine::Pooling>(pooling);
}

}  // namespace

extern "C" {

plimsoll_error* plimsoll_embed_options_init(plimsoll_embed_options* options, size_t size) {
  return call([&] { fill_defaults(options, size); });
}

plimsoll_error* plimsoll_embedder_open(plimsoll_runtime* runtime, const char* path,
                                       const plimsoll_model_options* options, int32_t pooling,
                                       plimsoll_embedder** embedder) {
  return emptying_call([&] {
    *place_of(embedder, "embedder") = nullptr;
    require_no_quiet_callback();
    const auto object = found(runtime);
    const auto how_pooled = pooling_of(pooling);
    AskedModel asked = asked_model(path, options);
    *embedder = handle_of(
        std::make_shared<plimsoll_embedder>(asked.with([&](const std::string& file, const plimsoll::ModelOptions& how) {
          return object->runtime.open_embedder(file, {.model = how, .pooling = how_pooled});
        })));
  });
}

plimsoll_error* plimsoll_embedder_close(plimsoll_embedder* embedder) { return closed(embedder); }

plimsoll_error* plimsoll_embedder_limits(plimsoll_embedder* embedder, uint64_t* width, uint64_t* longest_input) {
  return emptying_call([&] {
    if (width != nullptr) *width = 0;
    if (longest_input != nullptr) *longest_input = 0;
    require_no_quiet_callback();
    const auto object = found(embedder);
    if (width != nullptr) *width = object->embedder.width();
    if (longest_input != nullptr) *longest_input = object->embedder.longest_input();
  });
}

plimsoll_error* plimsoll_embedder_embed(plimsoll_embedder* embedder, const char* const* texts, uint64_t count,
                                        const plimsoll_embed_options* options, plimsoll_embeddings** embeddings) {
  return emptying_call([&] {
    *place_of(embeddings, "embeddings") = nullptr;
    require_no_quiet_callback();
    const auto object = found(embedder);
    *embeddings = embedded(texts, count, options,
                           [&](const auto& asked, const auto& how) { return object->embedder.embed(asked, how); });
  });
}

plimsoll_error* plimsoll_embeddings_close(plimsoll_embeddings* embeddings) { return closed(embeddings); }

plimsoll_error* plimsoll_embeddings_count(plimsoll_embeddings* embeddings, uint64_t* count) {
  return emptying_call([&] {
    *place_of(count, "count") = 0;
    require_no_quiet_callback();
    *count = found(embeddings)->rows.size();
  });
}

plimsoll_error* plimsoll_embeddings_get(plimsoll_embeddings* embeddings, uint64_t index, const float** values,
                                        uint64_t* rows, uint64_t* width, uint64_t* tokens) {
  return emptying_call([&] {
    *place_of(values, "values") = nullptr;
    *place_of(rows, "rows") = 0;
    *place_of(width, "width") = 0;
    if (tokens != nullptr) *tokens = 0;
    require_no_quiet_callback();
    const auto object = found(embeddings);
    const plimsoll::Embedding& one = object->rows[index_of(index, object->rows.size(), "text")];
    *values = one.values.data();
    *rows = one.width == 0 ? 0 : one.values.size() / one.width;
    *width = one.width;
    if (tokens != nullptr) *tokens = one.tokens;
  });
}

}  // extern "C"
