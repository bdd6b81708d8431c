// SequenceSnapshot: a conversation as bytes on the host, to be put back later or in another process.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include "engine/adapter.hpp"
#include "engine/context.hpp"
#include "engine/sequence_state.hpp"

namespace plimsoll::run {

// A plain value; belongs to nobody's device. Files and streams: state_archive.hpp.
struct SequenceSnapshot {
  std::string fingerprint;                  // of model, cache and engine: see fingerprint_of()
  std::vector<engine::Token> tokens;        // in memory and waiting
  std::vector<engine::Position> positions;  // of each
  std::size_t decoded = 0;                  // of them, in memory
  // Pictures, where they take another number of positions than of tokens: what follows one stands at `next`.
  struct Span {
    std::size_t first = 0;
    std::size_t count = 0;
    engine::Position next = 0;
    friend bool operator==(const Span&, const Span&) = default;
  };
  std::vector<Span> spans{};
  engine::AdapterScales adapter_scales{};  // what it was computed with; empty: the instance's
  engine::StateBytes memory;               // the engine's private format

  [[nodiscard]] Bytes size() const noexcept { return Bytes{memory.size()}; }
  // Vectors that stood for tokens are not kept: only text can be decoded again.
  [[nodiscard]] bool is_text() const noexcept { return !std::ranges::contains(tokens, LLAMA_TOKEN_NULL); }
};

// What must agree for a snapshot to fit: the model file's own (engine::file_fingerprint), the engine's version, the
// cache's types and layout, the adapters' files. The context may be longer or shorter.
[[nodiscard]] std::string fingerprint_of(const engine::Context& context);
// The part of it that says which model file.
[[nodiscard]] std::string_view model_of(std::string_view fingerprint) noexcept;

}  // namespace plimsoll::run
