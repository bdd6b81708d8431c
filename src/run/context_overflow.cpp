#include "run/context_overflow.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>
#include "run/instance.hpp"

namespace plimsoll::run {
namespace {

std::size_t tokens_kept(const Conversation& conversation, const OverflowOptions& options) {
  const engine::Vocab vocab = conversation.vocab();
  const std::vector<engine::Token> tokens = conversation.tokens();
  const bool begins = !tokens.empty() && vocab.present() && vocab.bos() == tokens.front();
  return std::max<std::size_t>(options.keep, begins ? 1 : 0);
}

}  // namespace

void make_room(Conversation& conversation, const OverflowOptions& options, std::size_t needed) {
  const std::size_t capacity = conversation.capacity();
  const std::size_t next = std::max(conversation.size(), static_cast<std::size_t>(conversation.next_position()));
  if (next + needed <= capacity) return;
  if (!(options.discard_share > 0) || options.discard_share > 1)
    throw Error(ErrorCode::usage, fmt::format("{} is not a share of tokens to forget", options.discard_share));
  const bool gives_way = options.strategy == ContextOverflow::shift || options.strategy == ContextOverflow::reprefill;
  const std::size_t keep = std::min(tokens_kept(conversation, options), conversation.size());
  const std::size_t others = conversation.size() - keep;
  const std::size_t least = next + needed - capacity;
  if (!gives_way || least > others) {
    throw Error(ErrorCode::context_overflow,
                fmt::format("{} tokens more make {}, and the context of '{}' holds {}{}", needed, next + needed,
                            conversation.model_name(), capacity,
                            gives_way ? fmt::format("; the first {} are to be kept", keep) : ""),
                {{"needed", next + needed}, {"available", capacity}});
  }
  const auto share = static_cast<std::size_t>(static_cast<double>(others) * options.discard_share);
  const std::size_t count = std::clamp(share, least, others);
  if (options.strategy == ContextOverflow::shift && conversation.shift_left(count, keep)) return;
  conversation.reprefill_without(count, keep);
}

}  // namespace plimsoll::run
