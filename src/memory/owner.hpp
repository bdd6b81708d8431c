// Owner: who holds bytes, under a name that is unique at any time. Tags, seal and snapshots use the name, so two owners
// of one name would be one in the ledger.
#pragma once
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace plimsoll::memory {

// The right to a name while it lives. Move-only; one thread at a time. May outlive the names it was claimed from.
class Owner {
 public:
  Owner() = default;  // nobody: no name
  Owner(Owner&& other) noexcept;
  Owner& operator=(Owner&& other) noexcept;
  ~Owner();

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  friend class OwnerNames;
  struct Taken {
    std::mutex mutex;
    std::set<std::string> names;
  };
  Owner(std::shared_ptr<Taken> taken, std::string name) : taken_(std::move(taken)), name_(std::move(name)) {}
  void release() noexcept;

  std::shared_ptr<Taken> taken_;
  std::string name_;
};

// The names that are taken. Any thread.
class OwnerNames {
 public:
  // Throws Error{usage} where the name is taken.
  [[nodiscard]] Owner claim(const std::string& name);
  // `name`, or where it is taken the first of "name-2", "name-3" ... that is free.
  [[nodiscard]] Owner claim_numbered(const std::string& name);

  // As of a Ledger.
  void hold() const { taken_->mutex.lock(); }
  void let_go() const { taken_->mutex.unlock(); }

 private:
  std::shared_ptr<Owner::Taken> taken_ = std::make_shared<Owner::Taken>();
};

}  // namespace plimsoll::memory
