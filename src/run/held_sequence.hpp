// HeldSequence: what a conversation holds: a sequence of a context, in this process (LocalSequence) or in another one.
#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/context.hpp"
#include "run/sequence_snapshot.hpp"

namespace plimsoll::run {

class Conversation;
class GenerationWork;
class LocalSequence;
struct GenerationParams;

// See Conversation, which says what each does and throws. Given back when destroyed. One thread at a time.
class HeldSequence {
 public:
  virtual ~HeldSequence() = default;

  // Of the model that it is a sequence of.
  [[nodiscard]] virtual const std::string& model_name() const = 0;
  [[nodiscard]] virtual const engine::ModelFacts& model_facts() const = 0;
  [[nodiscard]] virtual const engine::ContextFacts& context_facts() const = 0;
  [[nodiscard]] virtual const engine::Model& vocabulary() const = 0;  // see ServedModel
  [[nodiscard]] virtual std::string fingerprint() const = 0;          // see fingerprint_of()

  virtual void append(std::span<const engine::Token> tokens) = 0;
  virtual std::size_t replace(std::span<const engine::Token> tokens) = 0;
  [[nodiscard]] virtual std::size_t waiting() const = 0;
  [[nodiscard]] virtual bool has_logits() const = 0;
  [[nodiscard]] virtual std::vector<engine::Token> tokens() const = 0;
  [[nodiscard]] virtual std::size_t size() const = 0;
  [[nodiscard]] virtual engine::Position next_position() const = 0;
  virtual void copy_from(const HeldSequence& other, std::size_t most) = 0;
  virtual void rewind(std::size_t n) = 0;
  virtual void refresh() = 0;
  virtual void clear() = 0;
  virtual void set_adapter_scales(std::span<const float> scales) = 0;
  [[nodiscard]] virtual engine::AdapterScales adapter_scales() const = 0;
  virtual void set_weight(double weight) = 0;
  [[nodiscard]] virtual SequenceSnapshot save() const = 0;
  [[nodiscard]] virtual Bytes size_when_saved() const = 0;

  // What generates on it, for a Generation; nothing has changed before it is begun. `conversation` holds this.
  [[nodiscard]] virtual std::unique_ptr<GenerationWork> work(Conversation& conversation, GenerationParams params) = 0;
  // It is in use by this thread, from inside of what it decodes: nothing can be waited for.
  [[nodiscard]] virtual bool is_decoding_here() const noexcept { return false; }
  [[nodiscard]] virtual LocalSequence* local() noexcept { return nullptr; }  // null: it is in another process
};

}  // namespace plimsoll::run
