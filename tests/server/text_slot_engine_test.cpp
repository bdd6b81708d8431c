// What a request finds in its slot.
#include "text_slot.hpp"

#include <gtest/gtest.h>

#include "small_fleet.hpp"

namespace plimsoll::server {
namespace {

using host::test::fleet_of;
using host::test::SmallHost;
using Tokens = std::vector<engine::Token>;

class TextSlotTest : public testing::Test {
 protected:
  static host::Fleet swapping_to_disk() {
    host::Fleet fleet = fleet_of("a", 2);
    fleet.swap.memory = Bytes{};
    return fleet;
  }
  static constexpr const char* kOwner = "somebody";

  // A conversation that was computed; `is_text`: else a picture stands in it, which cannot be decoded again.
  run::SequenceSnapshot computed(const Tokens& prompt, bool is_text) {
    host::Lease lease = small_.host.acquire("a");
    (void)lease.conversation().replace(prompt);
    EXPECT_EQ(lease.conversation().infer(), engine::DecodeStatus::ok);
    run::SequenceSnapshot saved = lease.conversation().save();
    if (!is_text) saved.tokens.back() = LLAMA_TOKEN_NULL;
    return saved;
  }
  // It lies on disk, and the prompts' cache knows it.
  void keep_on_disk(run::SequenceSnapshot saved) {
    const Tokens tokens = saved.tokens;
    prompts_.add("a", kOwner, small_.host.add_conversation("a", std::move(saved)))->keep(tokens);
    EXPECT_GT(small_.host.status().swapped_to_disk, 0_B);
  }

  SmallHost small_{swapping_to_disk()};
  PromptCache prompts_{small_.host, 4};
  VocabularyCache vocabularies_{small_.host};
  const ServerOptions options_;
  KeyUsage keys_{{}, std::chrono::steady_clock::now()};
  AdapterScales scales_;
  RequestMemory memory_{small_.accounting.ledger(), [] { return false; }};
  const ServerContext server_{small_.host, prompts_, vocabularies_, keys_, scales_, memory_, options_};
};

TEST_F(TextSlotTest, GoesOnWithWhatLiesOnDisk) {
  const Tokens prompt(100, 9);
  keep_on_disk(computed(prompt, true));
  TextSlot slot(server_, kOwner, small_.host.acquire("a"), {});
  EXPECT_EQ(slot.begin_with(prompt), prompt.size() - 1);  // the last one is decoded again for its logits
}

// The request was refused for want of memory, though it needs none of what lies there.
TEST_F(TextSlotTest, BeginsAnewWhereThereIsNoRoomForWhatLiesOnDisk) {
  const Tokens prompt(100, 9);
  keep_on_disk(computed(prompt, false));
  TextSlot slot(server_, kOwner, small_.host.acquire("a"), {});
  memory::Ledger& ledger = small_.accounting.ledger();
  ledger.set_budget(device::host(), ledger.account(device::host()).committed + 64_KiB);
  EXPECT_EQ(slot.begin_with(prompt), 0U);
  EXPECT_EQ(slot.conversation().infer(), engine::DecodeStatus::ok);
  EXPECT_EQ(slot.tokens(), prompt);
  EXPECT_GT(small_.host.status().swapped_to_disk, 0_B) << "it stays there for later";
}

}  // namespace
}  // namespace plimsoll::server
