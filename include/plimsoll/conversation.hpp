// Conversation: one sequence of a model's context: tokens that it remembers, and goes on with.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/generation.hpp>

namespace plimsoll {

// A picture or a sound, decoded. A shared, immutable value; any thread. Files are decoded by the model that will see or
// hear them: Model::media_from_file().
class Media {
 public:
  // [width x height x 3] bytes, red green blue, row by row from the top. Throws Error{usage} for another number of
  // them.
  [[nodiscard]] static Media from_pixels(std::uint32_t width, std::uint32_t height, std::span<const std::uint8_t> rgb);
  // One channel at ModelInfo::sound_rate, -1 to 1. Throws Error{usage} for none.
  [[nodiscard]] static Media from_samples(std::span<const float> samples);
  [[nodiscard]] std::uint32_t width() const;   // pixels; of a sound: how many samples
  [[nodiscard]] std::uint32_t height() const;  // pixels; of a sound: 1
  // The same value, not merely an equal one.
  friend bool operator==(const Media& a, const Media& b);

  struct Impl;
  explicit Media(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  [[nodiscard]] const Impl& impl() const;

 private:
  std::shared_ptr<const Impl> impl_;
};

// A conversation as bytes on the host, to be put back later or in another process. A shared, immutable value.
class SavedConversation {
 public:
  [[nodiscard]] std::size_t tokens() const;
  [[nodiscard]] Bytes size() const;  // of its memory
  // An existing file is replaced only once the new one is whole. Throws Error{io}.
  void write(const std::filesystem::path& path) const;

  struct Impl;
  explicit SavedConversation(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  [[nodiscard]] const Impl& impl() const;

 private:
  std::shared_ptr<const Impl> impl_;
};

// Holds its sequence, and the model, as long as it lives. Move-only; one thread at a time, except that other
// conversations of the model may be used from other threads, and are decoded together with it, on the model's decode
// loop. While a generation of it is under way, everything throws Error{usage} but tokens(), text(), size() and
// capacity(). Moved from, it throws Error{usage}.
class Conversation {
 public:
  Conversation(Conversation&&) noexcept;
  Conversation& operator=(Conversation&&) noexcept;
  ~Conversation();

  // Appends the text, read with its special tokens, and generates what follows.
  [[nodiscard]] Generation generate(std::string_view text, GenerationOptions options = {});
  // Goes on with what is there. Throws Error{usage} where there is nothing.
  [[nodiscard]] Generation generate(GenerationOptions options = {});

  // Appends; nothing is decoded as yet. Throws Error: context_overflow, usage (nothing to append, a token that
  // the vocabulary does not have).
  void prompt(std::string_view text);
  void prompt(std::span<const Token> tokens);
  void prompt(Token token) { prompt(std::span(&token, 1)); }
  // Each marker in the text (Model::media_marker) stands for one of the media, which are encoded here. Throws Error:
  // usage (another number of markers, no projector), sealed (larger than planned), unsupported, context_overflow.
  void prompt(std::string_view text, std::span<const Media> media);
  // Appends vectors in the place of tokens: [n x ModelInfo::n_embd_inp] numbers. What decodes a conversation again from
  // its tokens throws Error{unsupported} from then on.
  void prompt_embeddings(std::span<const float> vectors);
  // Appends, and keeps the logits after every one of these tokens. They must fit a batch (where layers have a window, a
  // micro-batch), and the rows of logits that the model was opened with (context.n_outputs_max): else Error{usage}.
  void prompt_all_logits(std::span<const Token> tokens);
  // Makes it consist of these tokens. Returns how many of them its memory has already: the first ones, as far as they
  // agree, but never the last token.
  std::size_t replace(std::span<const Token> tokens);

  // For a loop of one's own: decodes what waits; gives the [n_vocab] logits after the last token, or after the one
  // `back` before it (valid until the next change); chooses from them (the token is not appended).
  void infer(std::stop_token stop = {});
  [[nodiscard]] std::span<const float> logits(std::size_t back = 0) const;
  [[nodiscard]] Token sample(Sampler& sampler, std::size_t back = 0);

  [[nodiscard]] std::vector<Token> tokens() const;  // kNoToken where a vector of a picture or a sound stands
  [[nodiscard]] std::string text(bool control_tokens = false) const;
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t capacity() const;  // tokens that fit at all

  // A second one with the same past; with kv_unified it shares its memory. Throws Error: busy, unsupported (of a
  // lease).
  [[nodiscard]] Conversation fork() const;
  void rewind(std::size_t tokens);  // takes the last ones back
  // Forgets `count` tokens after the first `keep`; those behind move up. False: this model's memory cannot do that.
  [[nodiscard]] bool shift_left(std::size_t count, std::size_t keep);
  // The same, by decoding what is left again: works on every model.
  void reprefill_without(std::size_t count, std::size_t keep);
  // Positions by hand; half-open ranges, -1 is open. Valid inside the call only. Throws Error{usage} while tokens wait.
  class MemoryEdit {
   public:
    virtual ~MemoryEdit() = default;
    [[nodiscard]] virtual std::int32_t end() const = 0;
    [[nodiscard]] virtual bool remove(std::int32_t from,
                                      std::int32_t to) = 0;  // false: this memory cannot forget a part
    virtual void add(std::int32_t from, std::int32_t to, std::int32_t by) = 0;  // throws Error{unsupported}
    virtual void divide(std::int32_t from, std::int32_t to, int by) = 0;        // throws Error{unsupported}
  };
  void modify(const std::function<void(MemoryEdit&)>& edit);
  void clear();

  [[nodiscard]] SavedConversation save() const;
  // In the place of what it holds. Throws Error: usage (a state of another model or kind of cache), unsupported (of a
  // lease).
  void restore(const SavedConversation& saved);

  struct State;  // src/library/conversation_state.hpp
  explicit Conversation(std::shared_ptr<State> state) noexcept;

 private:
  [[nodiscard]] State& idle() const;
  std::shared_ptr<State> state_;
};

}  // namespace plimsoll
