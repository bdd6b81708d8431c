#include "driven_context.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include <plimsoll/base/error.hpp>
#include "engine/sequence_state.hpp"

namespace plimsoll::test {
namespace {

using engine::Position;
using engine::SequenceId;

constexpr std::uint32_t kLongestFill = 512;  // of a large context only so much
enum class Rows { none, last, all };

std::string_view to_string(Rows rows) {
  return rows == Rows::none ? "no rows" : rows == Rows::last ? "the last row" : "all rows";
}

class Driver {
 public:
  Driver(engine::Context& context, const std::function<void(std::string_view)>& after)
      : context_(context), facts_(context.facts()), model_(context.model()->facts()), after_(after) {}

  void run() {
    if (model_.has_encoder) encode_all_sizes();
    if (model_.has_decoder && facts_.has_memory) {
      one_sequence();
      several_sequences();
      if (!context_.params().embeddings) {
        vectors();
        moves();
        copies();
        states();
        fill();
      }
    } else if (!model_.has_encoder) {
      one_sequence();
      several_sequences();
    }
    clear();
  }

 private:
  void step(const std::string& name, const auto& work) {
    work();
    context_.synchronize();
    after_(name);
  }

  void clear() { context_.clear(); }

  // As far as the engine knows; a context without memory begins anew with each batch.
  [[nodiscard]] Position next(SequenceId sequence) const {
    return facts_.has_memory ? context_.last_position(sequence) + 1 : 0;
  }

  [[nodiscard]] llama_token some_token() {
    token_ = (token_ + 7919) % model_.n_vocab;
    return token_;
  }

  void must(engine::DecodeStatus status) {
    if (status != engine::DecodeStatus::ok)
      throw Error(ErrorCode::engine_failed, fmt::format("a decode answered {}", engine::to_string(status)));
  }

  void decode(const std::vector<std::uint32_t>& tokens_of_each, Rows rows, SequenceId first = 0) {
    engine::Batch batch;
    for (std::size_t i = 0; i < tokens_of_each.size(); ++i) {
      const SequenceId sequence = first + static_cast<SequenceId>(i);
      const Position at = next(sequence);
      for (std::uint32_t k = 0; k < tokens_of_each[i]; ++k) {
        const bool last = k + 1 == tokens_of_each[i];
        batch.add(some_token(), at + static_cast<Position>(k), sequence,
                  rows == Rows::all || (rows == Rows::last && last));
      }
    }
    must(context_.decode(batch));
  }

  [[nodiscard]] std::uint32_t most_tokens() const { return std::min(facts_.n_ubatch, facts_.n_ctx_seq); }

  [[nodiscard]] std::vector<std::uint32_t> sizes() const {
    std::vector<std::uint32_t> sizes;
    for (const std::uint32_t size : {1U, 2U, 3U, 5U, 8U, 9U, 15U, 16U, 17U, 31U, 32U, 33U, 63U, 64U}) {
      if (size < most_tokens()) sizes.push_back(size);
    }
    sizes.push_back(most_tokens());
    return sizes;
  }

  void encode_all_sizes() {
    for (const std::uint32_t size : sizes()) {
      step(fmt::format("encoding {}", size), [&] {
        engine::Batch batch;
        for (std::uint32_t i = 0; i < size; ++i) batch.add(some_token(), static_cast<Position>(i), 0, false);
        must(context_.encode(batch));
      });
    }
  }

  void one_sequence() {
    for (const std::uint32_t size : sizes()) {
      for (const Rows rows : {Rows::none, Rows::last, Rows::all}) {
        const bool fits = rows != Rows::all || size <= facts_.n_outputs_max;
        if (!fits || (context_.params().embeddings && rows != Rows::all)) continue;
        step(fmt::format("{} tokens, {}", size, to_string(rows)), [&] {
          clear();
          decode({size}, rows);
        });
      }
    }
  }

  void several_sequences() {
    const std::uint32_t all = facts_.n_seq_max;
    if (all < 2) return;
    const Rows rows = context_.params().embeddings ? Rows::all : Rows::last;
    for (const std::uint32_t sequences : {all, all - 1}) {
      for (std::uint32_t each : {1U, 2U, 3U, most_tokens() / sequences}) {
        if (each == 0 || each * sequences > most_tokens()) continue;
        step(fmt::format("{} sequences of {}", sequences, each), [&] {
          clear();
          decode(std::vector(sequences, each), rows);
        });
      }
    }
    step("sequences of unequal lengths", [&] {
      clear();
      std::vector<std::uint32_t> lengths(all, 1);
      lengths.back() = std::max(1U, most_tokens() / 2);
      decode(lengths, rows);
    });
    step("the last sequence alone", [&] {
      clear();
      decode({std::min(7U, most_tokens())}, rows, static_cast<SequenceId>(all - 1));
    });
  }

  void vectors() {
    if (model_.has_2d_positions || model_.n_embd_inp <= 0) return;
    const std::vector<float> vector(static_cast<std::size_t>(model_.n_embd_inp), 0.01F);
    for (const bool sees_all : {false, true}) {
      for (const std::uint32_t size : {std::min(5U, most_tokens()), most_tokens()}) {
        step(fmt::format("{} vectors{}", size, sees_all ? " that see each other" : ""), [&] {
          clear();
          engine::Batch batch;
          for (std::uint32_t i = 0; i < size; ++i)
            batch.add_embedding(vector, static_cast<Position>(i), 0, i + 1 == size);
          batch.set_sees_all(sees_all);
          must(context_.decode(batch));
        });
      }
    }
    step("a token after vectors", [&] { decode({1}, Rows::last); });
  }

  void moves() {
    if (!context_.can_shift()) return;
    const std::uint32_t tokens = std::min(most_tokens(), 16U);
    if (tokens < 8) return;
    for (SequenceId sequence = 0; std::cmp_less(sequence, facts_.n_seq_max); ++sequence) {
      step(fmt::format("sequence {} moved", sequence), [&] {
        clear();
        decode({tokens}, Rows::last, sequence);
        if (!context_.remove(sequence, 2, 5)) return;
        context_.shift(sequence, 5, -1, -3);
        decode({1}, Rows::last, sequence);
      });
    }
    step("positions divided", [&] {
      clear();
      decode({tokens}, Rows::last);
      context_.divide(0, 0, static_cast<Position>(tokens), 2);
      decode({1}, Rows::last);
    });
    step("a prompt after a move", [&] {
      clear();
      decode({most_tokens()}, Rows::last);
      context_.shift(0, 0, -1, 3);
      decode({most_tokens()}, Rows::none);
    });
  }

  void copies() {
    if (facts_.n_seq_max < 2) return;
    step("a copy", [&] {
      clear();
      decode({std::min(7U, most_tokens())}, Rows::last);
      context_.copy(0, 1);
      decode({1, 1}, Rows::last);
    });
    step("one sequence kept", [&] {
      (void)context_.remove(0, -1, -1);
      decode({std::min(3U, most_tokens())}, Rows::last, 1);
    });
  }

  void states() {
    step("saved and restored", [&] {
      clear();
      decode({std::min(9U, most_tokens())}, Rows::last);
      const engine::SequenceState state = engine::SequenceState::save(context_, 0);
      clear();
      state.restore(context_, 0);
      decode({1}, Rows::last);
    });
  }

  void fill() {
    const std::uint32_t end = std::min(facts_.n_ctx_seq, kLongestFill);
    clear();
    std::uint32_t at = 0;
    for (; at + most_tokens() < end; at += most_tokens()) {
      step(fmt::format("a prompt at {}", at), [&] { decode({most_tokens()}, Rows::none); });
    }
    for (; at < end; ++at) {
      step(fmt::format("a token at {}", at), [&] { decode({1}, Rows::last); });
    }
  }

  engine::Context& context_;
  const engine::ContextFacts& facts_;
  const engine::ModelFacts& model_;
  const std::function<void(std::string_view)>& after_;
  llama_token token_ = 0;
};

}  // namespace

void drive(engine::Context& context, const std::function<void(std::string_view step)>& after) {
  Driver(context, after).run();
}

}  // namespace plimsoll::test
