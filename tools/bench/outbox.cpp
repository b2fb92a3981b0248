#include "tools/bench/outbox.h"

#include "core/delivery.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tools/bench/measure.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

void fill_outbox(const std::string& data, std::uint64_t deliveries,
                 const std::function<OutboxEntry(std::uint64_t number)>& entry) {
  SystemClock clock;
  SystemRandom random;
  const auto store = must("opening " + data, storage::RocksStore::open(data, clock));
  for (std::uint64_t i = 0; i < deliveries; ++i) {
    OutboxEntry given = entry(i);
    Delivery delivery;
    delivery.id = DeliveryId(make_id(random, "dlv"));
    delivery.account = AccountId(account_name(static_cast<std::uint32_t>(i % outbox_accounts)));
    delivery.url = std::move(given.url);
    delivery.event = "report.completed";
    delivery.created_at = clock.now();
    delivery.next_attempt_at = given.due;
    storage::Batch batch(delivery.account);
    batch.put(storage::Table::delivery, delivery.id.str(), encode(delivery));
    batch.put(storage::Table::delivery_body, delivery.id.str(), std::move(given.body));
    batch.put(storage::Table::open_delivery, delivery.id.str(), "");
    must("filling the outbox", store->commit({&batch, 1}, storage::Durability::relaxed));
  }
  must("filling the outbox", store->sync());
}

}  // namespace tally::tools::bench
