// vectors: embedding and ranking, by whatever does it: a model of its own, or a lease.
#pragma once
#include <string>
#include <vector>

#include "arguments.hpp"
#include "callbacks.hpp"
#include "defaults.hpp"
#include "handles.hpp"
#include "objects.hpp"

namespace plimsoll::c_api {

// `embed(texts, options)` gives the vectors.
template <class Embed>
[[nodiscard]] plimsoll_embeddings* embedded(const char* const* texts, std::uint64_t count,
                                            const plimsoll_embed_options* given, Embed&& embed) {
  const plimsoll_embed_options options = known(given);
  const std::vector<std::string> asked = texts_of(texts, count, "texts");
  CallbackRun run;
  run.follow(options.stop);
  EmbedOptions how{.normalise = options.normalise != 0, .stop = run.stop_token(), .progress = {}};
  if (options.progress != nullptr) {
    how.progress = [&](std::size_t done, std::size_t of) {
      run.run([&] { return options.progress(options.user_data, done, of); });
    };
  }
  try {
    auto out = std::make_shared<plimsoll_embeddings>(embed(asked, how));
    run.rethrow();
    return handle_of(std::move(out));
  } catch (...) {
    run.rethrow();
    throw;
  }
}

// `rank(query, documents, options)` gives the scores.
template <class Rank>
[[nodiscard]] plimsoll_ranking* ranked(const char* query, const char* const* documents, std::uint64_t count,
                                       const plimsoll_rank_options* given, Rank&& rank) {
  const plimsoll_rank_options options = known(given);
  require_reserved(options.reserved, "plimsoll_rank_options");
  CallbackRun run;
  run.follow(options.stop);
  return handle_of(
      std::make_shared<plimsoll_ranking>(rank(text_of(query, -1, "query"), texts_of(documents, count, "documents"),
                                              RankOptions{.sigmoid = options.sigmoid != 0,
                                                          .top_n = options.top_n,
                                                          .truncate = options.truncate != 0,
                                                          .stop = run.stop_token()})));
}

}  // namespace plimsoll::c_api
