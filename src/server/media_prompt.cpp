#include "media_prompt.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <iterator>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "api/problem.hpp"
#include "api/unknown_fields.hpp"

#include "asked_model.hpp"
#include "png_size.hpp"

namespace plimsoll::server {

using engine::Token;

MediaSenses senses_of(const host::Host& host, const std::string& model) {
  return senses_of(*model_asked_for(host, model), plan_of(host, model));
}

MediaSenses senses_of(const host::FleetModel& model, const plan::ModelPlan& plan) {
  if (!plan.request.projector.wanted())
    return {.why_not = fmt::format("'{}' reads text alone: it has no projector. Where its maker gives one, name it: "
                                   "serve --mmproj FILE, or mmproj = \"FILE\" in the fleet file",
                                   plan.name)};
  if (model.isolation.is_wanted())
    return {.why_not = fmt::format("'{}' computes in a process of its own, where it takes text alone: pictures and "
                                   "sounds are for models in the server's own process",
                                   plan.name)};
  try {
    const engine::ProjectorSenses senses = engine::projector_senses(plan.request.projector);
    return {.sees = senses.sees, .hears = senses.hears};
  } catch (const Error&) {  // where it lies is nobody's business out there
    return {.why_not = fmt::format("The projector of '{}' cannot be read", plan.name)};
  }
}

namespace {

bool is_sound(const api::Medium& medium) { return medium.facts.kind == engine::MediaFile::Kind::sound; }

[[noreturn]] void refuse_medium(const api::Medium& medium, const std::string& sentence) {
  throw api::bad_request(fmt::format("'{}' is a {}. {}", medium.path, is_sound(medium) ? "sound" : "picture", sentence))
      .at(medium.path);
}

}  // namespace

// In the texts that a template, or nobody, writes down.
void write_stand_ins(api::TextRequest& request) {
  const auto words = [&](std::size_t medium) {
    const api::Medium& one = request.media.all()[medium];
    return one.is_left_out ? one.instead : std::string{};
  };
  auto* chat = std::get_if<api::ChatPrompt>(&request.prompt);
  if (chat == nullptr) return;
  for (engine::ChatMessage& message : chat->messages)
    message.content = request.media.marks().with_marks_replaced(message.content, words);
}

void require_senses(api::TextRequest& request, const MediaSenses& senses, const std::string& model) {
  bool any_left_out = false;
  for (api::Medium& medium : request.media.all()) {
    const bool takes_it = is_sound(medium) ? senses.hears : senses.sees;
    if (takes_it || medium.is_left_out) continue;
    if (medium.instead.empty() && !senses.why_not.empty()) refuse_medium(medium, senses.why_not);
    if (medium.instead.empty())
      refuse_medium(medium, fmt::format("The projector of '{}' does not {}", model,
                                        is_sound(medium) ? "hear sounds" : "see pictures"));
    api::UnknownFields::met(fmt::format("{}.type={}", medium.path, medium.type), "this model takes text alone");
    medium.is_left_out = any_left_out = true;
  }
  if (any_left_out) write_stand_ins(request);
}

bool has_media(const api::MediaList& media) noexcept {
  return std::ranges::any_of(media.all(), [](const api::Medium& medium) { return !medium.is_left_out; });
}

namespace {

// While one is decoded: the decoder's own pixels, its rows, the picture of three bytes a pixel, and copies of that.
constexpr std::uint64_t kBytesOfAPixel = 16;
// Samples of 32 bits at up to 24 kHz, and a copy.
constexpr std::uint64_t kBytesOfASecond = std::uint64_t{2} * 24'000 * sizeof(float);

Bytes heap_to_decode(const engine::MediaFile& file) {
  if (file.kind == engine::MediaFile::Kind::sound)
    return Bytes{static_cast<std::uint64_t>(file.seconds + 1) * kBytesOfASecond};
  return Bytes{file.pixels() * kBytesOfAPixel};
}

std::vector<engine::PromptChunk> chunks_of(const engine::Projector& projector, const api::Medium& medium) {
  const std::span file(reinterpret_cast<const std::uint8_t*>(medium.file.data()), medium.file.size());
  if (medium.facts.format == "PNG" && !unpacks_to_its_size(file))
    throw api::bad_request(fmt::format("'{}' is a PNG that is damaged, or becomes larger than it says", medium.path))
        .at(medium.path);
  try {
    const engine::Media media = projector.media_from_bytes(file);
    return projector.tokenize(projector.facts().marker, std::span(&media, 1), false);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::usage && error.code() != ErrorCode::unsupported) throw;
    throw api::bad_request(fmt::format("'{}' cannot be read: {}", medium.path, error.what())).at(medium.path);
  }
}

using Digest = std::array<std::uint64_t, 4>;

// Which file it is, seen by which.
Digest file_digest(const std::string& file, const std::string& files) {
  const std::string all = files + '\0' + file;
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  (void)EVP_Digest(all.data(), all.size(), bytes.data(), &size, EVP_sha256(), nullptr);
  Digest out{};
  std::memcpy(out.data(), bytes.data(), sizeof out);
  return out;
}

// A vector's number has 30 bits. So few of them may be the same by accident: those of each request are its own.
constexpr std::size_t kTooFew = 4;

Token number_of(const Digest& digest, std::size_t place) {
  std::uint64_t mixed = digest[place % digest.size()] + (place + 1) * 0x9E3779B97F4A7C15U;
  mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
  mixed ^= mixed >> 31U;
  return -2 - static_cast<Token>(mixed & 0x3FFFFFFFU);
}

void add_medium(MediaPrompt& out, std::vector<engine::PromptChunk> chunks, Digest digest) {
  static std::atomic<std::uint64_t> requests = 0;
  std::size_t vectors = 0;
  for (const engine::PromptChunk& chunk : chunks)
    if (chunk.kind() != engine::ChunkKind::text) vectors += chunk.n_tokens();
  if (vectors < kTooFew)
    for (std::uint64_t& word : digest) word += ++requests;
  std::size_t place = 0;
  for (engine::PromptChunk& chunk : chunks) {
    if (chunk.kind() == engine::ChunkKind::text)
      out.tokens.insert(out.tokens.end(), chunk.tokens().begin(), chunk.tokens().end());
    else
      for (std::size_t i = 0; i < chunk.n_tokens(); ++i) out.tokens.push_back(number_of(digest, place++));
    out.chunks.push_back(std::move(chunk));
  }
}

}  // namespace

MediaPrompt media_prompt(const engine::Projector& projector, std::span<const PromptPiece> pieces,
                         const api::MediaList& media, const std::string& files, RequestMemory& memory) {
  MediaPrompt out;
  for (const PromptPiece& piece : pieces) {
    if (!piece.medium) {
      out.chunks.push_back(engine::PromptChunk::of_tokens(piece.tokens));
      out.tokens.insert(out.tokens.end(), piece.tokens.begin(), piece.tokens.end());
      continue;
    }
    const api::Medium& medium = media.all()[*piece.medium];
    const auto decoding = memory.take(0);
    decoding->grow(heap_to_decode(medium.facts));
    add_medium(out, chunks_of(projector, medium), file_digest(medium.file, files));
  }
  return out;
}

// What a projector looks at for one vector are 32 x 32 pixels at most, as three numbers each.
Bytes memory_of(const MediaPrompt& prompt, std::int32_t n_embd) {
  constexpr std::size_t kOfAVector = std::size_t{32} * 32 * 3 * sizeof(float);
  const auto vectors = static_cast<std::size_t>(std::ranges::count_if(prompt.tokens, is_vector));
  return Bytes{vectors * (kOfAVector + static_cast<std::size_t>(n_embd) * sizeof(float))};
}

std::vector<Token> with_vectors_named(std::vector<Token> held, std::span<const Token> known) {
  const std::size_t both = std::min(held.size(), known.size());
  for (std::size_t i = 0; i < both; ++i) {
    if (is_vector(held[i]) && is_vector(known[i])) held[i] = known[i];
  }
  return held;
}

bool holds(std::span<const Token> held, std::span<const Token> prompt) noexcept {
  return std::ranges::equal(held, prompt, [](Token a, Token b) { return a == b || (is_vector(a) && is_vector(b)); });
}

std::vector<Token> without_vectors(std::span<const Token> prompt) {
  std::vector<Token> out;
  std::ranges::copy_if(prompt, std::back_inserter(out), [](Token token) { return !is_vector(token); });
  return out;
}

std::string text_of_prompt(const engine::Vocab& vocab, std::span<const Token> prompt) {
  std::string out;
  std::vector<Token> text;
  bool is_inside = false;
  for (const Token token : prompt) {
    if (!is_vector(token)) {
      text.push_back(token);
    } else if (!is_inside) {
      out += vocab.detokenize(std::exchange(text, {}), true) + "<__media__>";
    }
    is_inside = is_vector(token);
  }
  return text.empty() ? out : out + vocab.detokenize(text, true);
}

}  // namespace plimsoll::server
