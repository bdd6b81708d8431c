#include "call.hpp"
#include "model_options.hpp"
#include "vectors.hpp"

using namespace plimsoll::c_api;

extern "C" {

plimsoll_error* plimsoll_rank_options_init(plimsoll_rank_options* options, size_t size) {
  return call([&] { fill_defaults(options, size); });
}

plimsoll_error* plimsoll_reranker_open(plimsoll_runtime* runtime, const char* path,
                                       const plimsoll_model_options* options, plimsoll_reranker** reranker) {
  return emptying_call([&] {
    *place_of(reranker, "reranker") = nullptr;
    require_no_quiet_callback();
    const auto object = found(runtime);
    AskedModel asked = asked_model(path, options);
    *reranker = handle_of(
        std::make_shared<plimsoll_reranker>(asked.with([&](const std::string& file, const plimsoll::ModelOptions& how) {
          return object->runtime.open_reranker(file, how);
        })));
  });
}

plimsoll_error* plimsoll_reranker_close(plimsoll_reranker* reranker) { return closed(reranker); }

plimsoll_error* plimsoll_reranker_rank(plimsoll_reranker* reranker, const char* query, const char* const* documents,
                                       uint64_t count, const plimsoll_rank_options* options,
                                       plimsoll_ranking** ranking) {
  return emptying_call([&] {
    *place_of(ranking, "ranking") = nullptr;
    require_no_quiet_callback();
    const auto object = found(reranker);
    *ranking = ranked(query, documents, count, options, [&](auto asked, const auto& among, const auto& how) {
      return object->reranker.rank(asked, among, how);
    });
  });
}

plimsoll_error* plimsoll_ranking_close(plimsoll_ranking* ranking) { return closed(ranking); }

plimsoll_error* plimsoll_ranking_count(plimsoll_ranking* ranking, uint64_t* count) {
  return emptying_call([&] {
    *place_of(count, "count") = 0;
    require_no_quiet_callback();
    *count = found(ranking)->ranked.size();
  });
}

plimsoll_error* plimsoll_ranking_get(plimsoll_ranking* ranking, uint64_t index, plimsoll_ranked* out) {
  return call([&] {
    const auto object = found(ranking);
    const plimsoll::Ranked& one = object->ranked[index_of(index, object->ranked.size(), "result")];
    give_struct(plimsoll_ranked{.size = 0,
                                .score = one.score,
                                .document = one.document,
                                .tokens = one.tokens,
                                .truncated = one.truncated,
                                .reserved = 0},
                out, "plimsoll_ranked");
  });
}

}  // extern "C"
