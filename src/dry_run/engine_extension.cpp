#include "engine_extension.hpp"

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include "engine/backend.hpp"

#include "dry_run_observer.hpp"

namespace plimsoll::dry_run {
namespace {

[[noreturn]] void not_the_engine_we_know(const char* what) {
  const engine::EngineVersion version = engine::engine_version();
  throw Error(ErrorCode::unsupported,
              fmt::format("the engine loaded, llama.cpp {}, {}; this program was built against {}, and its plans "
                          "cannot be exact with this one: build it again",
                          version.llama, what, version.built_against_llama));
}

}  // namespace

MemoryBreakdown memory_breakdown(const llama_context* context, DryRunObserver& seen) {
  if (&llama_get_memory_breakdown == nullptr) not_the_engine_we_know("does not tell what it holds");
  seen.asked.clear();
  const MemoryBreakdown told = llama_get_memory_breakdown(context);
  DryRunObserver::Sizes held;
  for (const auto& [type, bytes] : told) {
    if (bytes.model + bytes.context > 0) held[type] = bytes.model + bytes.context;
  }
  std::erase_if(seen.asked, [](const auto& size) { return size.second == 0; });
  if (held != seen.asked) not_the_engine_we_know("tells what it holds in another form");
  return told;
}

ggml_cgraph* reserve_graph(llama_context* context, std::uint32_t n_tokens, std::uint32_t n_seqs,
                           std::uint32_t n_outputs) {
  if (&llama_graph_reserve == nullptr) not_the_engine_we_know("makes no graphs for the asking");
  return llama_graph_reserve(context, n_tokens, n_seqs, n_outputs);
}

}  // namespace plimsoll::dry_run
