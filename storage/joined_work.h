// Work on accounts that joins: what comes for an account while a command for it waits for its turn is done by that
// command. So the busier the server is, the more requests share one change of an account and one journal record.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "storage/writer.h"

namespace tally::storage {

// Of one command. A piece that is larger by itself has one of its own.
struct JoinedWorkLimits {
  std::size_t pieces_max = 256;
  std::size_t size_max = 2'048;  // summed sizes; bounds how long one account's command holds up the others
};

// `Piece` has std::size_t size() const. Thread-safe.
template <class Piece>
class JoinedWork {
 public:
  // As Command, for all pieces together, in the order of their posts.
  using Run = std::function<Result<void>(AccountTx&, std::vector<Piece>&)>;
  // As Done, once for the same pieces.
  using Ended = std::function<void(const AccountId&, std::vector<Piece>&, const Result<void>&)>;

  JoinedWork(Writer& writer, Run run, Ended ended, JoinedWorkLimits limits = {})
      : writer_(writer), run_(std::move(run)), ended_(std::move(ended)), limits_(limits) {}

  // The piece is done, synced, by a command that runs after all that was done for the account before this call; what
  // was only posted before may come after it.
  void post(const AccountId& account, Piece piece) {
    auto group = std::make_shared<Group>();
    {
      Stripe& stripe = stripe_of(account);
      const std::lock_guard lock(stripe.mutex);
      std::shared_ptr<Group>& open = stripe.open[account];
      if (open && open->has_room_for(piece, limits_)) return open->add(std::move(piece));
      group->add(std::move(piece));
      open = group;
    }
    writer_.post(
        account,
        [this, group](AccountTx& tx) {
          close(tx.account(), group);
          return run_(tx, group->pieces);
        },
        Durability::synced,
        [this, account, group](const Result<void>& result) {
          close(account, group);  // refused before it ran
          ended_(account, group->pieces, result);
        });
  }

 private:
  struct Group {
    std::vector<Piece> pieces;
    std::size_t size = 0;

    bool has_room_for(const Piece& piece, const JoinedWorkLimits& limits) const {
      return pieces.size() < limits.pieces_max && size + piece.size() <= limits.size_max;
    }
    void add(Piece piece) {
      size += piece.size();
      pieces.push_back(std::move(piece));
    }
  };
  struct Stripe {
    std::mutex mutex;
    std::unordered_map<AccountId, std::shared_ptr<Group>> open;  // the latest posted, until its command runs
  };
  Stripe& stripe_of(const AccountId& account) {
    return stripes_[(std::hash<AccountId>{}(account) >> 8) % stripes_.size()];
  }
  // From here on nothing joins the group.
  void close(const AccountId& account, const std::shared_ptr<Group>& group) {
    Stripe& stripe = stripe_of(account);
    const std::lock_guard lock(stripe.mutex);
    const auto found = stripe.open.find(account);
    if (found != stripe.open.end() && found->second == group) stripe.open.erase(found);
  }

  Writer& writer_;
  const Run run_;
  const Ended ended_;
  const JoinedWorkLimits limits_;
  std::array<Stripe, 16> stripes_;
};

}  // namespace tally::storage
