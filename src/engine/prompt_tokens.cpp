#include "engine/prompt_tokens.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <span>

#include "special_tokens.hpp"

namespace plimsoll::engine {
namespace {

using Place = SpecialTokens::Place;
using Tokens = std::vector<Token>;

void append(Tokens& to, const Tokens& more) { to.insert(to.end(), more.begin(), more.end()); }

bool touches(const jinja::Ranges& input, const Place& place) {
  const auto range = std::ranges::lower_bound(input, place.begin + 1, {}, &jinja::Range::end);
  return range != input.end() && range->begin < place.end;
}

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

// Some vocabularies have tokens that take the white space beside them away.
std::string_view between(const Vocab& vocab, std::string_view text, const Place* before, const Place* behind) {
  const auto takes = [&](const Place* place, unsigned side) {
    return place != nullptr && (static_cast<unsigned>(vocab.attributes(place->token)) & side) != 0;
  };
  while (takes(before, LLAMA_TOKEN_ATTR_RSTRIP) && !text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (takes(behind, LLAMA_TOKEN_ATTR_LSTRIP) && !text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::size_t first_letter(std::string_view text) {
  std::size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80) ++size;
  return size;
}

// A text without structure. What the engine still reads as some (a file may have it as a text of its own) is broken
// behind its first letter.
Tokens tokens_of_text(const Model& model, std::string_view text) {
  const Vocab vocab = model.vocab();
  Tokens tokens = text.empty() ? Tokens{} : vocab.tokenize(text, false, false);
  const auto read_as_structure = [&](Token token) {
    return is_structure(vocab, token) && !vocab.is_unknown(token);  // what no token says becomes the unknown one
  };
  if (std::ranges::none_of(tokens, read_as_structure)) return tokens;
  const std::vector<Place> places = as_the_engine_reads(model.special_tokens().all_in(text));
  tokens.clear();
  std::size_t from = 0;
  const auto take = [&](std::size_t to) {
    const std::string_view piece = text.substr(from, to - from);
    append(tokens, piece.size() < text.size() ? tokens_of_text(model, piece) : vocab.tokenize(piece, false, false));
    from = to;
  };
  for (const Place& place : places) take(place.begin + first_letter(text.substr(place.begin)));
  take(text.size());
  return tokens;
}

// The template's own structure as tokens, and what stands between as text.
Tokens read_by_parts(const Model& model, std::string_view text, std::span<const Place> own) {
  const Vocab vocab = model.vocab();
  Tokens tokens;
  const Place* before = nullptr;
  for (std::size_t i = 0; i <= own.size(); ++i) {
    const Place* behind = i < own.size() ? &own[i] : nullptr;
    const std::size_t from = before == nullptr ? 0 : before->end;
    const std::size_t to = behind == nullptr ? text.size() : behind->begin;
    append(tokens, tokens_of_text(model, between(vocab, text.substr(from, to - from), before, behind)));
    if (behind != nullptr) tokens.push_back(behind->token);
    before = behind;
  }
  return tokens;
}

Tokens read(const Model& model, const PromptText& text) {
  const Vocab vocab = model.vocab();
  if (!text.any_input() || !vocab.present()) return vocab.tokenize(text.text, false, true);
  std::vector<Place> places = model.special_tokens().all_in(text.text);
  const auto said =
      std::ranges::stable_partition(places, [&](const Place& place) { return !touches(text.input, place); });
  if (said.empty()) return vocab.tokenize(text.text, false, true);
  places.erase(said.begin(), said.end());
  return read_by_parts(model, text.text, as_the_engine_reads(std::move(places)));
}

// What the engine puts around a text.
struct Ends {
  std::optional<Token> begin{};
  std::optional<Token> end{};
};

Ends ends_of(const Vocab& vocab) {
  const Tokens around = vocab.tokenize("", true, false);
  Ends ends;
  if (around.size() > 1 || (around.size() == 1 && vocab.adds_bos())) ends.begin = around.front();
  if (around.size() > (ends.begin ? 1 : 0)) ends.end = around.back();
  return ends;
}

// Not for a model that goes on with it.
bool reads_an_end(const Model& model) {
  return model.facts().has_encoder || !model.facts().is_causal || model.vocab().of_word_pieces();
}

Tokens with_ends(const Model& model, Tokens tokens, bool begins) {
  if (!begins) return tokens;
  const Ends ends = ends_of(model.vocab());
  if (ends.begin && (tokens.empty() || tokens.front() != *ends.begin)) tokens.insert(tokens.begin(), *ends.begin);
  if (ends.end && reads_an_end(model) && (tokens.size() < 2 || tokens.back() != *ends.end)) tokens.push_back(*ends.end);
  return tokens;
}

}  // namespace

std::vector<Token> prompt_tokens(const Model& model, const PromptText& text, bool begins) {
  return with_ends(model, read(model, text), begins);
}

std::vector<Token> prompt_tokens(const Model& model, std::string_view text, bool begins) {
  return with_ends(model, model.vocab().tokenize(text, false, true), begins);
}

}  // namespace plimsoll::engine
