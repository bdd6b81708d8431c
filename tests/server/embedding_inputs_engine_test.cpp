#include "embedding_inputs.hpp"

#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "run/embedder.hpp"
#include "small_fleet.hpp"
#include "vocabulary_cache.hpp"

namespace plimsoll::server {
namespace {

using host::test::fleet_of;
using host::test::SmallHost;

class EmbeddingInputsTest : public testing::Test {
 protected:
  [[nodiscard]] TokenLists pairs(const std::string& query, std::size_t documents) {
    return read_pairs(
        *reader_, {.model = "a", .query = query, .documents = std::vector<std::string>(documents, "Day 3.")}, *share_);
  }
  SmallHost small_{fleet_of("a")};
  VocabularyCache vocabularies_{small_.host};
  std::shared_ptr<const PromptReader> reader_ = vocabularies_.find("a");
  RequestMemory memory_{small_.accounting.ledger(), [] { return false; }};
  std::unique_ptr<RequestMemory::Share> share_ = memory_.take(0);
};

TEST_F(EmbeddingInputsTest, APairIsChargedAsItIsRead) {
  const TokenLists read = pairs("Who is the captain?", 10);
  ASSERT_EQ(read.size(), 10U);
  EXPECT_GE(memory_.held(), Bytes{10 * read.front().size() * sizeof(engine::Token)});
}

// 2048 documents beside a query of as many bytes as a body may have were tens of gigabytes of tokens.
TEST_F(EmbeddingInputsTest, NothingIsReadBehindTheFirstPairThatIsTooLong) {
  std::string query;
  for (std::size_t i = 0; i <= run::longest_input(reader_->context()); ++i) query += "Day 3. ";
  plimsoll::test::expect_error(ErrorCode::context_overflow, "documents[0]", [&] { (void)pairs(query, 2048); });
  EXPECT_EQ(memory_.held(), Bytes{});
}

}  // namespace
}  // namespace plimsoll::server
